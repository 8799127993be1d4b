//! What a workload says of itself, as annotations: what is to be changed, and how that is taken back. Pure.
//!
//! `shadow_core::settings` reads annotations of the pod, then of its owner. They are written to the owner: those of a pod are lost when
//! it is re-created, and a change of the pod template would restart the pods. A Deployment's own annotations are copied to its
//! ReplicaSet by Kubernetes.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shadow_core::names;

/// Kinds that can be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of apps/v1.
    StatefulSet,
    /// Of apps/v1.
    Deployment,
    /// Of apps/v1, without a Deployment.
    ReplicaSet,
    /// Without an owner.
    Pod,
}

impl Kind {
    /// As Kubernetes writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::StatefulSet => "StatefulSet",
            Self::Deployment => "Deployment",
            Self::ReplicaSet => "ReplicaSet",
            Self::Pod => "Pod",
        }
    }
}

/// A workload in the namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

impl Workload {
    /// `sts/orders`, with the names that kubectl knows.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, name) = text.split_once('/').unwrap_or(("", text));
        let kind = match kind {
            "sts" | "statefulset" | "statefulsets" | "statefulset.apps" => Some(Kind::StatefulSet),
            "deploy" | "deployment" | "deployments" | "deployment.apps" => Some(Kind::Deployment),
            "rs" | "replicaset" | "replicasets" | "replicaset.apps" => Some(Kind::ReplicaSet),
            "po" | "pod" | "pods" => Some(Kind::Pod),
            _ => None,
        };
        match kind {
            Some(kind) if !name.is_empty() && !name.contains('/') => Ok(Self {
                kind,
                name: name.to_owned(),
            }),
            Some(_) | None => Err(format!(
                "{text:?} names no workload that can be set up. Give sts/NAME, deploy/NAME or pod/NAME"
            )),
        }
    }
}

/// An annotation that is to have a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub annotation: &'static str,
    /// The value that it has.
    pub before: Option<String>,
    /// The value that it gets.
    pub after: String,
}

/// What is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Queue.
    pub queue: Option<String>,
    /// Secret.
    pub secret: Option<String>,
    /// Container.
    pub container: Option<String>,
}

impl Wanted {
    /// Everything that was asked for, changed or not.
    pub fn changes(&self, present: Option<&BTreeMap<String, String>>) -> Vec<Change> {
        let all = [
            (names::QUEUE, &self.queue),
            (names::BROKER_SECRET, &self.secret),
            (names::CONTAINER, &self.container),
        ];
        let change = |(annotation, wanted): (&'static str, &Option<String>)| {
            Some(Change {
                annotation,
                before: present.and_then(|present| present.get(annotation).cloned()),
                after: wanted.clone()?,
            })
        };
        all.into_iter().filter_map(change).collect()
    }
}

impl Change {
    /// Whether it is so already.
    pub fn is_done(&self) -> bool {
        self.before.as_deref() == Some(self.after.as_str())
    }

    /// Whether a pod with these annotations says something else itself.
    pub fn is_overruled(&self, of_pod: &BTreeMap<String, String>) -> bool {
        let own = of_pod.get(self.annotation).filter(|own| !own.is_empty());
        own.is_some_and(|own| *own != self.after)
    }

    /// What is said of it.
    pub fn told(&self, workload: &str, tried: bool) -> String {
        let Self {
            annotation,
            before,
            after,
        } = self;
        if self.is_done() {
            return format!("{workload}: annotation {annotation} is {after} already");
        }
        let was = before
            .as_ref()
            .map(|before| format!(", before it was {before}"))
            .unwrap_or_default();
        let becomes = if tried { "would become" } else { "is now" };
        format!("{workload}: annotation {annotation} {becomes} {after}{was}")
    }

    /// What to type to have it as it was.
    pub fn way_back(&self, workload: &Workload, namespace: &str) -> String {
        let (kind, name) = (workload.kind.name().to_lowercase(), &workload.name);
        let annotation = self.annotation;
        match &self.before {
            Some(before) => {
                let before = quoted(before);
                format!("kubectl -n {namespace} annotate --overwrite {kind} {name} {annotation}={before}")
            }
            None => format!("kubectl -n {namespace} annotate {kind} {name} {annotation}-"),
        }
    }
}

/// The merge patch: annotations, and nothing else.
pub fn patch(changes: &[Change]) -> Value {
    let annotations: serde_json::Map<String, Value> = changes
        .iter()
        .filter(|change| !change.is_done())
        .map(|change| (change.annotation.to_owned(), json!(change.after)))
        .collect();
    json!({"metadata": {"annotations": annotations}})
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        Wanted {
            queue: Some("orders.{pod}".to_owned()),
            secret: Some("orders-broker".to_owned()),
            container: None,
        }
    }

    fn set() -> Workload {
        Workload::parse("sts/orders").unwrap()
    }

    #[test]
    fn workloads_have_the_names_of_kubectl() {
        for (text, kind) in [
            ("sts/orders", Kind::StatefulSet),
            ("statefulset.apps/orders", Kind::StatefulSet),
            ("deploy/orders", Kind::Deployment),
            ("pods/orders", Kind::Pod),
        ] {
            let workload = Workload::parse(text).unwrap();
            assert_eq!(
                (workload.kind, workload.name.as_str()),
                (kind, "orders"),
                "{text}"
            );
        }
        for bad in ["orders", "job/orders", "sts/", "sts/a/b", "/a"] {
            assert!(Workload::parse(bad).unwrap_err().contains("sts/NAME"), "{bad}");
        }
    }

    #[test]
    fn only_what_differs_is_patched_and_only_in_annotations() {
        let present = BTreeMap::from([(names::QUEUE.to_owned(), "orders.{pod}".to_owned())]);
        let changes = wanted().changes(Some(&present));
        assert_eq!(
            changes.iter().map(Change::is_done).collect::<Vec<_>>(),
            [true, false]
        );
        assert_eq!(
            patch(&changes),
            json!({"metadata": {"annotations": {(names::BROKER_SECRET): "orders-broker"}}})
        );
    }

    #[test]
    fn each_change_says_what_it_was_and_how_it_is_taken_back() {
        let present = BTreeMap::from([(names::QUEUE.to_owned(), "old {pod}'s".to_owned())]);
        let changes = wanted().changes(Some(&present));
        let [queue, secret] = changes.as_slice() else {
            panic!("{changes:?}")
        };
        assert_eq!(
            queue.told("StatefulSet shop/orders", false),
            "StatefulSet shop/orders: annotation migration.ms2m.io/queue is now orders.{pod}, before it was old {pod}'s"
        );
        assert_eq!(
            queue.way_back(&set(), "shop"),
            "kubectl -n shop annotate --overwrite statefulset orders migration.ms2m.io/queue='old {pod}'\\''s'"
        );
        assert_eq!(
            secret.way_back(&set(), "shop"),
            "kubectl -n shop annotate statefulset orders migration.ms2m.io/broker-secret-"
        );
    }
}
