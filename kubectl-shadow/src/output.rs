//! `-o`: the same formats, in the same words, for all commands. Pure. Guarantee: JSON stays JSON, and nothing in it can move a
//! cursor: what [`crate::say`] would write out otherwise is escaped as JSON escapes it.

mod jsonpath;
pub mod table;

use serde::Serialize;
use serde_json::ser::PrettyFormatter;
use serde_json::{Value, json};

pub use jsonpath::Template;

use crate::problem::Problem;
use crate::say;

/// What stands behind `-o`.
#[derive(Clone, Debug)]
pub enum Format {
    /// More columns.
    Wide,
    /// `statefulmigration.migration.ms2m.io/NAME`.
    Name,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// What a template takes out.
    Jsonpath(Template),
}

impl Format {
    /// As it was typed.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "wide" => Ok(Self::Wide),
            "name" => Ok(Self::Name),
            "json" => Ok(Self::Json),
            "yaml" => Ok(Self::Yaml),
            _ => match text.strip_prefix("jsonpath=") {
                Some(template) => Template::parse(template).map(Self::Jsonpath),
                None => Err("give wide, name, json, yaml or jsonpath=TEMPLATE".to_owned()),
            },
        }
    }

    /// One object. None where a person reads: then the command's own text is shown.
    pub fn object(&self, object: &impl Serialize) -> Result<Option<Vec<String>>, Problem> {
        self.lines(&plain(object)?)
    }

    /// Several objects: as kubectl's List, or one name a line.
    pub fn list(&self, objects: &[impl Serialize]) -> Result<Option<Vec<String>>, Problem> {
        let items: Vec<Value> = objects.iter().map(plain).collect::<Result<_, _>>()?;
        if let Self::Name = self {
            return Ok(Some(items.iter().map(name).collect()));
        }
        self.lines(&json!({
            "apiVersion": "v1",
            "kind": "List",
            "metadata": {"resourceVersion": ""},
            "items": items,
        }))
    }

    /// One object in one line, for a stream of them.
    pub fn one_line(&self, object: &impl Serialize) -> Result<Option<Vec<String>>, Problem> {
        match self {
            Self::Json => Ok(Some(vec![safe(&plain(object)?.to_string())])),
            Self::Yaml => {
                let lines = self.object(object)?;
                Ok(lines.map(|lines| [vec!["---".to_owned()], lines].concat()))
            }
            Self::Wide | Self::Name | Self::Jsonpath(_) => self.object(object),
        }
    }

    fn lines(&self, value: &Value) -> Result<Option<Vec<String>>, Problem> {
        let text = match self {
            Self::Wide => return Ok(None),
            Self::Name => name(value),
            Self::Json => safe(&pretty(value)?),
            Self::Yaml => serde_yaml_ng::to_string(value).map_err(|error| defect(&error))?,
            Self::Jsonpath(template) => template.fill(value),
        };
        Ok(Some(text.lines().map(str::to_owned).collect()))
    }
}

/// The object without what only the API server needs.
fn plain(object: &impl Serialize) -> Result<Value, Problem> {
    let mut value = serde_json::to_value(object).map_err(|error| defect(&error))?;
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    Ok(value)
}

fn defect(error: &dyn std::error::Error) -> Problem {
    Problem::Unknown(format!("an object cannot be written: {error}"))
}

/// As kubectl names an object.
fn name(object: &Value) -> String {
    let text = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let kind = text("/kind").to_ascii_lowercase();
    let version = text("/apiVersion");
    let name = text("/metadata/name");
    match version.split_once('/') {
        Some((group, _)) => format!("{kind}.{group}/{name}"),
        None => format!("{kind}/{name}"),
    }
}

/// Indented as kubectl does it.
fn pretty(value: &Value) -> Result<String, Problem> {
    let mut out = Vec::new();
    let indented = PrettyFormatter::with_indent(b"    ");
    let mut to = serde_json::Serializer::with_formatter(&mut out, indented);
    value.serialize(&mut to).map_err(|error| defect(&error))?;
    String::from_utf8(out).map_err(|error| defect(&error))
}

/// Characters that a terminal would obey stand in strings only: there JSON can escape them.
fn safe(json: &str) -> String {
    let escaped = |c: char| {
        if c != '\n' && say::is_obeyed(c) {
            format!("\\u{:04x}", u32::from(c))
        } else {
            c.to_string()
        }
    };
    json.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> Value {
        json!({
            "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
            "metadata": {"name": "m", "managedFields": [{"manager": "x"}]},
            "spec": {"sourcePod": "a\u{202e}b\u{7f}\u{1b}c\nd"},
        })
    }

    fn shown(format: &str) -> Vec<String> {
        Format::parse(format).unwrap().object(&object()).unwrap().unwrap()
    }

    #[test]
    fn names_are_kubectls() {
        assert_eq!(shown("name"), ["statefulmigration.migration.ms2m.io/m"]);
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}});
        assert_eq!(Format::Name.object(&pod).unwrap().unwrap(), ["pod/p"]);
    }

    #[test]
    fn json_stays_json_and_no_terminal_obeys_it() {
        let text = shown("json").join("\n");
        assert!(text.contains("\\u202e") && text.contains("\\u007f"), "{text}");
        assert_eq!(say::printable(&text.replace('\n', "")), text.replace('\n', ""));
        let back: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back["spec"], object()["spec"]);
        assert_eq!(back["metadata"], json!({"name": "m"}));
    }

    #[test]
    fn a_list_is_kubectls_list() {
        let items = [object(), object()];
        let lines = Format::Json.list(&items).unwrap().unwrap();
        let back: Value = serde_json::from_str(&lines.join("\n")).unwrap();
        assert_eq!(back["kind"], "List");
        assert_eq!(back["items"].as_array().unwrap().len(), 2);
        assert_eq!(Format::Name.list(&items).unwrap().unwrap().len(), 2);
        let path = Format::parse("jsonpath={.items[*].metadata.name}").unwrap();
        assert_eq!(path.list(&items).unwrap().unwrap(), ["m m"]);
    }

    #[test]
    fn a_stream_has_one_line_of_json_for_each_object() {
        assert_eq!(Format::Json.one_line(&object()).unwrap().unwrap().len(), 1);
        assert_eq!(Format::Yaml.one_line(&object()).unwrap().unwrap()[0], "---");
    }

    #[test]
    fn an_unknown_format_is_told_with_those_that_exist() {
        for bad in ["", "xml", "jsonpath", "jsonpath={.a"] {
            assert!(Format::parse(bad).is_err(), "{bad}");
        }
        assert!(Format::parse("xml").unwrap_err().contains("yaml"));
    }
}
