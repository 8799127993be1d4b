//! kubectl's JSONPath templates: text, `{.path}`, `{"text"}` and `{range .path}…{end}`. The paths are translated to RFC 9535 and
//! evaluated by a library. What is not there is empty, as with `kubectl get`.

mod path;

use serde_json::Value;

use path::{Path, closing};

/// A template that parses.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Path(Path),
    Range(Path, Vec<Part>),
}

impl Template {
    /// As kubectl writes it; braces may be left out around a single path.
    pub fn parse(text: &str) -> Result<Self, String> {
        let whole = if text.starts_with('.') || text.starts_with("$.") {
            format!("{{{text}}}")
        } else {
            text.to_owned()
        };
        let mut rest = whole.as_str();
        let parts = parts(&mut rest, false)?;
        Ok(Self(parts))
    }

    /// The text for an object.
    pub fn fill(&self, object: &Value) -> String {
        let mut out = String::new();
        fill(&self.0, object, object, &mut out);
        out
    }
}

fn fill(parts: &[Part], root: &Value, here: &Value, out: &mut String) {
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Path(path) => {
                let values: Vec<String> = path.values(root, here).into_iter().map(word).collect();
                out.push_str(&values.join(" "));
            }
            Part::Range(path, inner) => {
                // A range over a list is one over its elements.
                for value in path.values(root, here) {
                    let elements = value
                        .as_array()
                        .map_or(std::slice::from_ref(value), Vec::as_slice);
                    elements.iter().for_each(|one| fill(inner, root, one, out));
                }
            }
        }
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// The parts up to the end, or up to `{end}`.
fn parts(rest: &mut &str, in_range: bool) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let Some(open) = rest.find('{') else {
            parts.push(Part::Text(std::mem::take(rest).to_owned()));
            break;
        };
        if open > 0 {
            parts.push(Part::Text(rest.get(..open).unwrap_or_default().to_owned()));
        }
        let (inner, behind) = braced(rest.get(open + 1..).unwrap_or_default())?;
        *rest = behind;
        let inner = inner.trim();
        if inner == "end" {
            return if in_range {
                Ok(parts)
            } else {
                Err("{end} without {range}".to_owned())
            };
        }
        parts.push(part(inner, rest)?);
    }
    if in_range {
        Err("{range} without {end}".to_owned())
    } else {
        Ok(parts)
    }
}

fn part(inner: &str, rest: &mut &str) -> Result<Part, String> {
    if let Some(path) = inner.strip_prefix("range ") {
        let path = Path::parse(path.trim())?;
        return Ok(Part::Range(path, self::parts(rest, true)?));
    }
    if inner.starts_with(['"', '\'']) {
        return literal(inner).map(Part::Text);
    }
    Path::parse(inner).map(Part::Path)
}

/// What stands before the closing brace, and what behind it.
fn braced(text: &str) -> Result<(&str, &str), String> {
    let end = closing(text, '}').ok_or_else(|| "a { is not closed".to_owned())?;
    Ok((
        text.get(..end).unwrap_or_default(),
        text.get(end + 1..).unwrap_or_default(),
    ))
}

/// `"\n"`, `'a'`.
fn literal(text: &str) -> Result<String, String> {
    let quote = text.chars().next().unwrap_or('"');
    let inner = text
        .strip_prefix(quote)
        .and_then(|text| text.strip_suffix(quote))
        .ok_or_else(|| format!("the text {text} is not closed"))?;
    let mut out = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('t')) => out.push('\t'),
            ('\\', Some(other)) => out.push(other),
            (c, _) => out.push(c),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(template: &str) -> String {
        let object = json!({
            "kind": "List",
            "items": [
                {"metadata": {"name": "a", "annotations": {"migration.ms2m.io/queue": "q"}}, "n": 1,
                 "conditions": [{"type": "Completed", "status": "True"}, {"type": "Stuck", "status": "False"}]},
                {"metadata": {"name": "b's", "labels": {"x": "y"}}, "n": 2, "b": true},
            ],
        });
        Template::parse(template).unwrap().fill(&object)
    }

    #[test]
    fn templates_are_filled_as_kubectl_fills_them() {
        let cases = [
            ("{.kind}", "List"),
            (".kind", "List"),
            ("{$.kind}", "List"),
            ("kind: {.kind}!", "kind: List!"),
            ("{.items[*].metadata.name}", "a b's"),
            ("{.items[0].metadata.name}{\"\\t\"}{.items[1].n}", "a\t2"),
            ("{.items[-1:].n}", "2"),
            ("{.items[*]['metadata']['name']}", "a b's"),
            ("{..name}", "a b's"),
            (
                "{.items[0].metadata.annotations.migration\\.ms2m\\.io/queue}",
                "q",
            ),
            ("{.items[0].conditions[?(@.type==\"Completed\")].status}", "True"),
            ("{.items[?(@.n>1)].b}", "true"),
            (
                "{range .items[*]}{.metadata.name}={.n}{\"\\n\"}{end}",
                "a=1\nb's=2\n",
            ),
            ("{range .items}{@.n}{' '}{end}.", "1 2 ."),
            ("{range .items[*]}{$.kind}{.n};{end}", "List1;List2;"),
            ("{.items[1].metadata.labels}", "{\"x\":\"y\"}"),
            ("{.gone.deeper}", ""),
            ("plain", "plain"),
        ];
        for (template, text) in cases {
            assert_eq!(filled(template), text, "{template}");
        }
    }

    #[test]
    fn a_template_that_makes_no_sense_is_refused() {
        for bad in [
            "{",
            "{.a",
            "{end}",
            "{range .a}",
            "{a}",
            "{.a[}",
            "{.}.{",
            "{\"a}",
            "{..}",
            "{.a[?(]}",
        ] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }
}
