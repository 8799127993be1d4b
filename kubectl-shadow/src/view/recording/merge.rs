//! The difference of two objects as a merge patch (RFC 7396). Guarantee: for objects without nulls, the patch applied to the
//! first one gives the second one.

use serde_json::{Map, Value};

/// The patch; none when nothing differs.
pub fn difference(from: &Value, to: &Value) -> Option<Value> {
    match (from, to) {
        _ if from == to => None,
        (Value::Object(from), Value::Object(to)) => Some(Value::Object(of_fields(from, to))),
        _ => Some(to.clone()),
    }
}

fn of_fields(from: &Map<String, Value>, to: &Map<String, Value>) -> Map<String, Value> {
    let gone = from
        .keys()
        .filter(|name| !to.contains_key(*name))
        .map(|name| (name.clone(), Value::Null));
    let changed = to.iter().filter_map(|(name, value)| match from.get(name) {
        // A patch of an object whose field is no object begins with an empty one, so the whole value does.
        Some(before) => difference(before, value).map(|patch| (name.clone(), patch)),
        None => Some((name.clone(), value.clone())),
    });
    gone.chain(changed).collect()
}

/// The object with the patch applied.
pub fn patched(mut object: Value, patch: &Value) -> Value {
    json_patch::merge(&mut object, patch);
    object
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let from = json!({"a": {"b": 1, "c": 2}, "d": [1, 2], "e": "f"});
        let to = json!({"a": {"b": 1, "c": 3}, "d": [1], "g": {}});
        let patch = difference(&from, &to).unwrap();
        assert_eq!(patch, json!({"a": {"c": 3}, "d": [1], "e": null, "g": {}}));
        assert_eq!(patched(from, &patch), to);
        assert_eq!(difference(&to, &to), None);
    }
}
