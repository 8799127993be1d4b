//! Takes secrets out. Two things are done: what is known to hold secrets by its place is removed there, and a password that was seen
//! at such a place is removed wherever else it stands, in logs as well.

use std::collections::BTreeSet;

use serde_json::Value;
use shadow_core::names;

use crate::rewrite::{Field, Rewrite, rewritten};
use crate::view::recording::clean::without_password;

/// What stands in the place of what was taken out.
pub const REMOVED: &str = "REMOVED";
/// Shorter values are found in every second word.
const SHORTEST: usize = 4;
/// Fields that are taken out with all that is in them. Of a container, `command` and the like may hold a password as an argument.
const FIELDS: [&str; 9] = [
    "brokerUrl",
    "managedFields",
    "envFrom",
    "command",
    "args",
    "exec",
    "httpHeaders",
    "data",
    "stringData",
];
/// Names of variables whose value is a secret, most likely.
const TELLING: [&str; 9] = [
    "pass",
    "secret",
    "token",
    "key",
    "credential",
    "uri",
    "url",
    "dsn",
    "auth",
];

/// What is taken out, for the manifest.
pub const TAKEN_OUT: [&str; 6] = [
    "brokerUrl, managedFields, and of containers command, args, exec probes and hooks, envFrom",
    "values of environments (the names of the variables are kept)",
    "values of annotations, but for those of migration.ms2m.io (the names are kept)",
    "user and password of every address (amqp://REMOVED@host)",
    "passwords and values of telling variables, wherever else they stand, in logs as well",
    "Secrets and ConfigMaps: they were not read at all",
];

/// Values that are secrets.
#[derive(Clone, Debug, Default)]
pub struct Known(BTreeSet<String>);

impl Known {
    /// Looks for secrets in an object, as it came.
    pub fn learn(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                if let (Some(Value::String(name)), Some(Value::String(text))) =
                    (fields.get("name"), fields.get("value"))
                {
                    self.learn_variable(name, text);
                }
                fields.values().for_each(|field| self.learn(field));
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            Value::String(text) => self.learn_text(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Looks for addresses with a password.
    pub fn learn_text(&mut self, text: &str) {
        let mut rest = text;
        while let Some((_, behind)) = rest.split_once("://") {
            let end = behind
                .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | ',' | ';'))
                .unwrap_or(behind.len());
            let (address, after) = behind.split_at(end);
            let password = address
                .rsplit_once('@')
                .and_then(|(user, _)| user.split_once(':'));
            if let Some((_, password)) = password {
                self.keep(password);
            }
            rest = after;
        }
    }

    fn learn_variable(&mut self, name: &str, value: &str) {
        let name = name.to_lowercase();
        if TELLING.iter().any(|part| name.contains(part)) {
            self.keep(value);
        }
    }

    fn keep(&mut self, value: &str) {
        if value.len() >= SHORTEST && value != REMOVED {
            self.0.insert(value.to_owned());
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A text without them.
    pub fn text(&self, text: &str) -> String {
        let mut out = without_password(text);
        // The longest first: one may be a part of another.
        let mut all: Vec<&String> = self.0.iter().collect();
        all.sort_by_key(|value| std::cmp::Reverse(value.len()));
        for value in all {
            if out.contains(value.as_str()) {
                out = out.replace(value.as_str(), REMOVED);
            }
        }
        out
    }

    /// An object without them, and without what its place says is a secret.
    pub fn object(&self, value: Value) -> Value {
        rewritten(value, self)
    }
}

impl Rewrite for Known {
    fn text(&self, text: &str) -> String {
        Self::text(self, text)
    }

    fn field(&self, name: String, value: Value) -> Option<(String, Field)> {
        if FIELDS.contains(&name.as_str()) {
            return None;
        }
        let value = match (name.as_str(), value) {
            ("env", Value::Array(variables)) => variables.into_iter().map(variable).collect(),
            ("annotations", Value::Object(annotations)) => {
                Value::Object(annotations.into_iter().map(annotation).collect())
            }
            (_, value) => value,
        };
        Some((self.text(&name), Field::Walked(value)))
    }
}

/// The name of a variable, and from where it comes.
fn variable(variable: Value) -> Value {
    match variable {
        Value::Object(mut fields) => {
            if let Some(value) = fields.get_mut("value") {
                *value = Value::String(REMOVED.to_owned());
            }
            Value::Object(fields)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Value::String(REMOVED.to_owned())
        }
    }
}

fn annotation((name, value): (String, Value)) -> (String, Value) {
    if name.starts_with(names::GROUP) {
        (name, value)
    } else {
        (name, Value::String(REMOVED.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod() -> Value {
        json!({
            "metadata": {"name": "orders-0", "annotations": {"vault/x": "planted-a", "migration.ms2m.io/queue": "q"}},
            "spec": {"containers": [{"name": "orders", "image": "orders:9", "command": ["x", "--password=planted-b"],
                "env": [{"name": "BROKER_PASSWORD", "value": "planted-c"}, {"name": "LEVEL", "value": "info"},
                    {"name": "URI", "valueFrom": {"secretKeyRef": {"name": "s", "key": "uri"}}}]}]},
        })
    }

    #[test]
    fn places_that_hold_secrets_are_emptied_and_their_names_are_kept() {
        let object = Known::default().object(pod());
        let container = &object["spec"]["containers"][0];
        assert_eq!(
            container["env"][0],
            json!({"name": "BROKER_PASSWORD", "value": REMOVED})
        );
        assert_eq!(container["env"][1], json!({"name": "LEVEL", "value": REMOVED}));
        assert_eq!(container["env"][2]["valueFrom"]["secretKeyRef"]["name"], "s");
        assert_eq!(container["image"], "orders:9");
        assert_eq!(object["metadata"]["annotations"]["vault/x"], REMOVED);
        assert_eq!(object["metadata"]["annotations"]["migration.ms2m.io/queue"], "q");
        assert!(!object.to_string().contains("planted"), "{object}");
    }

    #[test]
    fn a_password_that_was_seen_once_is_taken_out_everywhere() {
        let mut known = Known::default();
        known.learn(&pod());
        known.learn(&json!({"spec": {"brokerUrl": "amqp://app:planted-d@mq/%2f"}}));
        known.learn_text("dial amqp://app:planted-e@mq: refused");
        assert_eq!(known.len(), 3, "{known:?}");
        let said = known.text("login planted-c failed, planted-d and \"planted-e\" as well; level info");
        assert_eq!(
            said,
            "login REMOVED failed, REMOVED and \"REMOVED\" as well; level info"
        );
    }

    #[test]
    fn values_that_are_too_short_or_tell_nothing_are_left() {
        let mut known = Known::default();
        known.learn(&json!({"env": [{"name": "PASS", "value": "abc"}, {"name": "LEVEL", "value": "info"}]}));
        assert!(known.is_empty(), "{known:?}");
        assert_eq!(known.text("abc info"), "abc info");
    }
}
