//! Other names for pods, nodes, namespaces, queues and what else is named by people, the same ones everywhere in a recording.
//!
//! Guarantee: a name that stands in a field of its own is written nowhere from then on, in no text either. A name that only ever
//! stands in the middle of a sentence is not known for one, and stays.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::Value;
use shadow_core::names;

use crate::rewrite::{Field, Rewrite, rewritten};
use crate::view::event::Kind;

/// As the header says it.
pub const RENAMED: &str = "names";
/// Shorter names are found in every second word: they are renamed only where they stand alone.
const SHORTEST: usize = 3;
/// Fields that hold what people write as they like.
const DROPPED: [&str; 2] = ["labels", "annotations"];
/// Fields with words of ours, which a pod may have for a name as well, and UIDs. Sentences in such a field are looked through.
const KEPT: [&str; 25] = [
    "apiVersion",
    "kind",
    "uid",
    "resourceVersion",
    "state",
    "move",
    "stage",
    "what",
    "doing",
    "ending",
    "phase",
    "step",
    "strategy",
    "hold",
    "type",
    "status",
    "reason",
    "transfer",
    "restore",
    "checkpointBackend",
    "digest",
    "handoff",
    "pause",
    "reconnect",
    "basis",
];

/// Which field names what.
const FIELDS: [(&str, &[&str]); 10] = [
    ("namespace", &["namespace"]),
    ("node", &["node", "nodeName", "sourceNode", "targetNode", "to"]),
    ("pod", &["pod", "sourcePod", "targetPod", "replacementPod"]),
    (
        "queue",
        &["queue", "queueName", "exchangeName", "routingKey", "stream"],
    ),
    (
        "workload",
        &["application", "deployment", "deploymentName", "statefulSetName"],
    ),
    ("container", &["container", "containerName"]),
    (
        "image",
        &[
            "image",
            "imageID",
            "imageRef",
            "named",
            "pinned",
            "imageKept",
            "checkpointImageRepository",
        ],
    ),
    (
        "secret",
        &["secret", "brokerSecretRef", "checkpointImageSecretRef"],
    ),
    ("vhost", &["vhost"]),
    ("user", &["user"]),
];
/// What has its name in the field `name`, by the field that it stands in.
const OWNERS: [(&str, &[&str]); 3] = [
    ("pod", &["source"]),
    ("workload", &["owner", "ownerReferences"]),
    ("container", &["containerStatuses", "initContainerStatuses"]),
];

/// The names that were met, with their other names.
#[derive(Clone, Debug, Default)]
pub struct Renamer {
    others: BTreeMap<String, String>,
    /// How many of each sort.
    counts: BTreeMap<&'static str, usize>,
    /// Those that are looked for in texts, the longest first.
    in_texts: Vec<String>,
}

impl Renamer {
    /// Meets the names of an object.
    pub fn learn(&mut self, kind: Kind, id: &str, object: &Value) {
        let name = match kind {
            Kind::Migration | Kind::Progress | Kind::Pod | Kind::Event => {
                let (namespace, name) = id.split_once('/').unwrap_or(("", id));
                self.meet("namespace", namespace);
                Some(name)
            }
            Kind::Node => Some(id),
            Kind::Drain | Kind::Link | Kind::Mark => None,
        };
        self.walk("", object);
        match (kind, name) {
            (Kind::Migration, Some(name)) => self.meet_migration(name),
            (Kind::Pod, Some(name)) => self.meet("pod", name),
            (Kind::Node, Some(name)) => self.meet("node", name),
            (_, _) => {}
        }
    }

    /// Meets the name of a namespace.
    pub fn namespace(&mut self, name: &str) -> String {
        self.meet("namespace", name);
        self.text(name)
    }

    fn walk(&mut self, field: &str, value: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(name)) = fields.get("name")
                    && let Some(sort) = sort_of(&OWNERS, field)
                {
                    self.meet(sort, name);
                }
                // The pod first: the names of its copies and of its migration are made of its own.
                let is_pod = |field: &str| sort_of(&FIELDS, field) == Some("pod");
                let (pods, others): (Vec<_>, Vec<_>) = fields.iter().partition(|(field, _)| is_pod(field));
                for (field, value) in pods.into_iter().chain(others) {
                    self.walk(field, value);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(field, item)),
            Value::String(name) => {
                if let Some(sort) = sort_of(&FIELDS, field) {
                    self.meet(sort, name);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// `orders-0-x7k2p` says which pod it moves; another name is one of its own.
    fn meet_migration(&mut self, name: &str) {
        let is_chance = |end: &str| end.len() <= 6 && end.chars().all(|c| c.is_ascii_alphanumeric());
        let made = name
            .rsplit_once('-')
            .filter(|(pod, end)| self.others.contains_key(*pod) && is_chance(end));
        if made.is_none() {
            self.meet("migration", name);
        }
    }

    fn meet(&mut self, sort: &'static str, name: &str) {
        if name.is_empty() || self.others.contains_key(name) {
            return;
        }
        let other = self.copy_of_known(name).unwrap_or_else(|| {
            let count = self.counts.entry(sort).or_default();
            *count += 1;
            format!("{sort}-{count}")
        });
        self.others.insert(name.to_owned(), other);
        if name.len() >= SHORTEST && name.chars().any(|c| c.is_alphabetic()) {
            self.in_texts.push(name.to_owned());
            self.in_texts.sort_by_key(|name| Reverse(name.len()));
        }
    }

    /// The stand-in and the successor of a pod are still to be known as such.
    fn copy_of_known(&self, name: &str) -> Option<String> {
        let of = |copy: fn(&str) -> String| {
            let source = self.others.iter().find(|(source, _)| copy(source) == name)?;
            Some(copy(source.1))
        };
        of(names::shadow_pod).or_else(|| of(names::successor))
    }

    /// An id with the other names.
    pub fn id(&self, kind: Kind, id: &str) -> String {
        match kind {
            Kind::Drain | Kind::Link | Kind::Mark => id.to_owned(),
            Kind::Migration | Kind::Progress | Kind::Pod | Kind::Event | Kind::Node => {
                let parts: Vec<String> = id.split('/').map(|part| self.text(part)).collect();
                parts.join("/")
            }
        }
    }

    /// An object with the other names.
    pub fn object(&self, value: Value) -> Value {
        rewritten(value, self)
    }

    /// A text with the other names, wherever a name is not a part of a longer word.
    pub fn text(&self, text: &str) -> String {
        if let Some(other) = self.others.get(text) {
            return other.clone();
        }
        let mut out = String::with_capacity(text.len());
        let (mut rest, mut before) = (text, None);
        while let Some(c) = rest.chars().next() {
            let begins = !before.is_some_and(char::is_alphanumeric);
            let found = begins.then(|| self.at_the_beginning(rest)).flatten();
            let (written, taken) = found.unwrap_or_else(|| (c.to_string(), c.len_utf8()));
            out.push_str(&written);
            let (gone, behind) = rest.split_at(taken);
            (before, rest) = (gone.chars().next_back(), behind);
        }
        out
    }

    fn at_the_beginning(&self, text: &str) -> Option<(String, usize)> {
        let ends = |name: &str| {
            text.strip_prefix(name)
                .is_some_and(|behind| !behind.chars().next().is_some_and(char::is_alphanumeric))
        };
        let name = self.in_texts.iter().find(|name| ends(name))?;
        Some((self.others.get(name)?.clone(), name.len()))
    }
}

impl Rewrite for Renamer {
    fn text(&self, text: &str) -> String {
        Self::text(self, text)
    }

    fn field(&self, name: String, value: Value) -> Option<(String, Field)> {
        if DROPPED.contains(&name.as_str()) {
            return None;
        }
        let is_word = value.as_str().is_some_and(|text| !text.contains(' '));
        let field = if is_word && KEPT.contains(&name.as_str()) {
            Field::Kept(value)
        } else {
            Field::Walked(value)
        };
        Some((name, field))
    }
}

fn sort_of(all: &[(&'static str, &[&str])], field: &str) -> Option<&'static str> {
    let has = |(_, fields): &&(&'static str, &[&str])| fields.contains(&field);
    all.iter().find(has).map(|(sort, _)| *sort)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn migration() -> Value {
        json!({
            "metadata": {"name": "orders-0-x7k2p", "namespace": "shop", "uid": "1-2", "labels": {"team": "secret-team"}},
            "spec": {"sourcePod": "orders-0", "targetNode": "node-b"},
            "status": {"phase": "Restoring", "sourceNode": "node-a",
                "plan": {"owner": {"kind": "StatefulSet", "name": "orders"}, "queue": {"queue": "orders.orders-0"}},
                "legs": [{"from": {"pod": "orders-0"}, "to": {"pod": "orders-0-shadow"}}],
                "conditions": [{"message": "node-b: no room for orders-0-shadow, (orders-0) of shop; ms2m.hold.orders-0 and workshop"}]},
        })
    }

    #[test]
    fn names_are_the_same_everywhere_and_copies_stay_known_as_such() {
        let mut renamer = Renamer::default();
        renamer.learn(Kind::Migration, "shop/orders-0-x7k2p", &migration());
        let object = renamer.object(migration());
        assert_eq!(
            renamer.id(Kind::Migration, "shop/orders-0-x7k2p"),
            "namespace-1/pod-1-x7k2p"
        );
        assert_eq!(object["metadata"]["name"], "pod-1-x7k2p");
        assert_eq!(object["metadata"].get("labels"), None);
        assert_eq!(object["status"]["legs"][0]["to"]["pod"], "pod-1-shadow");
        assert_eq!(object["status"]["phase"], "Restoring");
        let (from, to) = (&object["status"]["sourceNode"], &object["spec"]["targetNode"]);
        assert_ne!(from, to);
        let said = object["status"]["conditions"][0]["message"].as_str().unwrap();
        let expected = format!(
            "{}: no room for pod-1-shadow, (pod-1) of namespace-1; ms2m.hold.pod-1 and workshop",
            to.as_str().unwrap()
        );
        assert_eq!(said, expected);
        for name in ["orders", "\"shop", "secret-team", "node-a", "node-b"] {
            assert!(!object.to_string().contains(name), "{name}: {object}");
        }
    }

    #[test]
    fn words_of_ours_times_and_short_names_are_left_where_they_mean_something_else() {
        let mut renamer = Renamer::default();
        let object = json!({"sourcePod": "ready", "queue": "q", "state": "ready", "move": "held", "namespace": "2026",
            "at": "2026-11-28T14:03:06Z", "why": "a q and a ready pod"});
        renamer.learn(Kind::Drain, "u", &object);
        let renamed = renamer.object(object);
        assert_eq!(
            (&renamed["state"], &renamed["move"]),
            (&json!("ready"), &json!("held"))
        );
        assert_eq!(renamed["at"], "2026-11-28T14:03:06Z");
        assert_eq!(renamed["why"], "a q and a pod-1 pod");
        assert_eq!(
            (&renamed["queue"], &renamed["namespace"]),
            (&json!("queue-1"), &json!("namespace-1"))
        );
    }

    #[test]
    fn a_migration_with_a_name_of_its_own_is_renamed_as_well() {
        let mut renamer = Renamer::default();
        let object = json!({"metadata": {"name": "move-payroll"}, "spec": {"sourcePod": "orders-0"}});
        renamer.learn(Kind::Migration, "shop/move-payroll", &object);
        assert_eq!(
            renamer.id(Kind::Migration, "shop/move-payroll"),
            "namespace-1/migration-1"
        );
        assert_eq!(renamer.object(object)["metadata"]["name"], "migration-1");
    }
}
