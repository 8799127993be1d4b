//! Lines of the logs of controller, webhook and agents, for a person. Pure.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Map, Value};

/// By what a line is known to be about a migration.
#[derive(Clone, Debug)]
pub struct About {
    /// Its UID, which also stands in each key of it.
    pub uid: String,
    /// Its name.
    pub name: String,
}

impl About {
    /// Whether the line is about it.
    pub fn is_in(&self, line: &str) -> bool {
        (!self.uid.is_empty() && line.contains(&self.uid)) || has_word(line, &self.name)
    }
}

/// `orders-0-x7k2p` is not in `orders-0-x7k2p9`.
fn has_word(line: &str, word: &str) -> bool {
    let goes_on = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    !word.is_empty()
        && line.match_indices(word).any(|(at, _)| {
            let before = line.get(..at).and_then(|text| text.chars().next_back());
            let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
            !goes_on(before) && !goes_on(after)
        })
}

/// One line as the API server gives it, with its time before it.
pub fn parted(line: &str) -> Option<(Timestamp, &str)> {
    let (time, text) = line.split_once(' ')?;
    Some((time.parse().ok()?, text))
}

/// `14:03:07.914  controller  step: Hold (…)`.
pub fn shown(at: Timestamp, part: &str, text: &str) -> String {
    let told =
        serde_json::from_str::<Map<String, Value>>(text).map_or_else(|_| text.to_owned(), |line| told(&line));
    format!("{}  {part}  {told}", at.strftime("%H:%M:%S%.3f"))
}

/// The message, then what belongs to it; a level only if it is worth a look.
fn told(line: &Map<String, Value>) -> String {
    let level = line.get("level").and_then(Value::as_str).unwrap_or_default();
    let mut out = match level {
        "WARN" | "ERROR" => format!("{level} "),
        _ => String::new(),
    };
    let fields = line.get("fields").and_then(Value::as_object);
    out.push_str(
        fields
            .and_then(|fields| fields.get("message")?.as_str())
            .unwrap_or_default(),
    );
    let rest = fields
        .into_iter()
        .flatten()
        .filter(|(name, _)| *name != "message");
    for (name, value) in rest {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        // Writing into a String cannot fail.
        let written = write!(out, "  {name}={value}");
        debug_assert!(written.is_ok());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_about_a_migration_by_its_uid_or_its_whole_name() {
        let about = About {
            uid: "11111111-2222".to_owned(),
            name: "orders-0-x7k2p".to_owned(),
        };
        for line in [
            r#"{"fields":{"migration":"orders-0-x7k2p"}}"#,
            r#"{"fields":{"key":"11111111-2222-1-0"}}"#,
            "orders-0-x7k2p: step",
        ] {
            assert!(about.is_in(line), "{line}");
        }
        for line in ["orders-0-x7k2p9", "my-orders-0-x7k2p", "orders-0"] {
            assert!(!about.is_in(line), "{line}");
        }
    }

    #[test]
    fn a_line_is_told_with_its_time_and_what_belongs_to_it() {
        let line = r#"2026-01-02T03:04:05.678901234Z {"level":"INFO","fields":{"message":"step","migration":"m","step":"Hold","n":3}}"#;
        let (at, text) = parted(line).unwrap();
        assert_eq!(
            shown(at, "controller", text),
            "03:04:05.678  controller  step  migration=m  n=3  step=Hold"
        );
        let plain = parted("2026-01-02T03:04:05Z criu: no").unwrap();
        assert_eq!(
            shown(plain.0, "agent@a", plain.1),
            "03:04:05.000  agent@a  criu: no"
        );
        let warned = r#"{"level":"WARN","fields":{"message":"late"}}"#;
        assert!(shown(at, "agent@a", warned).ends_with("WARN late"));
        assert!(parted("no time").is_none());
    }
}
