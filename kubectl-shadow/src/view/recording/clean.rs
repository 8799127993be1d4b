//! Takes secrets out of an object before anything sees it: neither the screen nor a file holds them. Guarantee: no
//! `brokerUrl`, no environment, and no user and password of an address, wherever they stand.

use serde_json::Value;

use crate::rewrite::{Field, Rewrite, rewritten};

/// What is taken out by its name, as the header says it.
pub const REMOVED: [&str; 3] = ["brokerUrl", "managedFields", "env"];
/// Holds the whole object once more, as text.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// What stands in the place of user and password.
const HIDDEN: &str = "REMOVED";

/// The object without secrets, and without fields that are null: a merge patch cannot tell them from absent ones.
pub fn cleaned(value: Value) -> Value {
    rewritten(value, &WithoutSecrets)
}

struct WithoutSecrets;

impl Rewrite for WithoutSecrets {
    fn text(&self, text: &str) -> String {
        without_password(text)
    }

    fn field(&self, name: String, value: Value) -> Option<(String, Field)> {
        let stays = !value.is_null() && !is_secret(&name, &value);
        stays.then(|| (without_password(&name), Field::Walked(value)))
    }
}

/// An environment is a list. A label may be called `env` as well.
fn is_secret(name: &str, value: &Value) -> bool {
    match name {
        "env" | "envFrom" => value.is_array(),
        name => REMOVED.contains(&name) || name == LAST_APPLIED,
    }
}

/// The text without user and password in any `scheme://user:password@host`.
pub fn without_password(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = rest.find("://") {
        let (before, after) = rest.split_at(found + 3);
        out.push_str(before);
        // A password may hold any of `/?#` unescaped in a text that no program has read yet: only a gap ends an address.
        let end = after.find(is_gap).unwrap_or(after.len());
        let (address, behind) = after.split_at(end);
        match address.rfind('@') {
            Some(at) => {
                out.push_str(HIDDEN);
                rest = after.get(at..).unwrap_or(behind);
            }
            None => rest = after,
        }
    }
    out.push_str(rest);
    out
}

fn is_gap(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | ',' | ';')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn passwords_are_found_in_the_middle_of_a_text() {
        let cases = [
            (
                "amqp://user:s3cret@mq:5672/%2f refused",
                "amqp://REMOVED@mq:5672/%2f refused",
            ),
            (
                "to \"amqps://u:p@ss@mq\" and http://a:b@c",
                "to \"amqps://REMOVED@mq\" and http://REMOVED@c",
            ),
            ("amqp://mq:5672 only", "amqp://mq:5672 only"),
            ("user:p/w@x: amqp://u:a/b?c#d@mq", "user:p/w@x: amqp://REMOVED@mq"),
            ("größe ://", "größe ://"),
        ];
        for (text, expected) in cases {
            assert_eq!(without_password(text), expected);
        }
    }

    #[test]
    fn what_is_named_is_taken_out_at_every_depth() {
        let object = json!({
            "metadata": {"name": "m", "managedFields": [{"a": 1}], "annotations": {LAST_APPLIED: "s3cret", "b": "c"},
                "labels": {"env": "prod"}},
            "spec": {"messageQueueConfig": {"brokerUrl": "amqp://s3cret", "queueName": "q"},
                "containers": [{"name": "c", "env": [{"value": "s3cret"}], "envFrom": []}]},
            "nothing": null,
        });
        let expected = json!({
            "metadata": {"name": "m", "annotations": {"b": "c"}, "labels": {"env": "prod"}},
            "spec": {"messageQueueConfig": {"queueName": "q"}, "containers": [{"name": "c"}]},
        });
        assert_eq!(cleaned(object), expected);
    }
}
