//! One walk through JSON for all that rewrites an object: without secrets, with other names, without control characters.

use serde_json::Value;

/// What becomes of the parts of an object.
pub(crate) trait Rewrite {
    /// Of a text that is a value.
    fn text(&self, text: &str) -> String;

    /// Of a field: its name, and its value; none: it is left out.
    fn field(&self, name: String, value: Value) -> Option<(String, Field)>;
}

/// The value of a field.
pub(crate) enum Field {
    /// It is walked through as well.
    Walked(Value),
    /// It stays as it is.
    Kept(Value),
}

/// The value with all its parts rewritten.
pub(crate) fn rewritten(value: Value, by: &impl Rewrite) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter_map(|(name, value)| {
                let (name, field) = by.field(name, value)?;
                let value = match field {
                    Field::Walked(value) => rewritten(value, by),
                    Field::Kept(value) => value,
                };
                Some((name, value))
            });
            Value::Object(fields.collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(|item| rewritten(item, by)).collect()),
        Value::String(text) => Value::String(by.text(&text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Shouts;

    impl Rewrite for Shouts {
        fn text(&self, text: &str) -> String {
            text.to_uppercase()
        }

        fn field(&self, name: String, value: Value) -> Option<(String, Field)> {
            match name.as_str() {
                "gone" => None,
                "kept" => Some((name, Field::Kept(value))),
                _ => Some((format!("{name}!"), Field::Walked(value))),
            }
        }
    }

    #[test]
    fn every_text_is_met_at_every_depth_and_a_field_goes_stays_or_is_walked_through() {
        let object =
            json!({"a": ["x", {"b": "y", "gone": "z"}], "kept": {"c": "w"}, "n": 1, "no": null, "yes": true});
        let expected =
            json!({"a!": ["X", {"b!": "Y"}], "kept": {"c": "w"}, "n!": 1, "no!": null, "yes!": true});
        assert_eq!(rewritten(object, &Shouts), expected);
    }
}
