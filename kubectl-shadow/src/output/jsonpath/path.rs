//! A path of kubectl, in the words of RFC 9535.

use jsonpath_rust::JsonPath;
use jsonpath_rust::parser::parse_json_path;
use serde_json::Value;

/// A path in the words of RFC 9535.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    query: String,
    /// From the whole object, also within a range.
    from_root: bool,
}

impl Path {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let query = translated(text)?;
        parse_json_path(&query).map_err(|_| format!("the path {text} cannot be read"))?;
        Ok(Self {
            query,
            from_root: text.starts_with('$'),
        })
    }

    pub(super) fn values<'a>(&self, root: &'a Value, here: &'a Value) -> Vec<&'a Value> {
        // It was parsed before; what does not fit the object is not there.
        (if self.from_root { root } else { here })
            .query(&self.query)
            .unwrap_or_default()
    }
}

/// Where the character stands, outside of quotes and of brackets within.
pub(super) fn closing(text: &str, wanted: char) -> Option<usize> {
    let (mut quote, mut escaped, mut depth) = (None, false, 0_u32);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (_, _) if escaped => escaped = false,
            (_, '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, c) if c == wanted && depth == 0 => return Some(at),
            (None, '[' | '{' | '(') => depth += 1,
            (None, ']' | '}' | ')') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
    }
    None
}

/// From kubectl's words to those of RFC 9535: `.a\.b[0]` is `$['a.b'][0]`.
fn translated(path: &str) -> Result<String, String> {
    let mut rest = path.strip_prefix(['$', '@']).unwrap_or(path);
    let mut query = "$".to_owned();
    if rest == "." {
        return Ok(query);
    }
    while let Some(first) = rest.chars().next() {
        match first {
            '[' => {
                let end = closing(rest.get(1..).unwrap_or_default(), ']')
                    .ok_or_else(|| format!("a [ is not closed in {path}"))?;
                query.push_str(rest.get(..end + 2).unwrap_or_default());
                rest = rest.get(end + 2..).unwrap_or_default();
            }
            '.' => {
                rest = rest.get(1..).unwrap_or_default();
                if let Some(deeper) = rest.strip_prefix('.') {
                    query.push_str("..");
                    rest = deeper;
                }
                let (name, behind) = field(rest);
                rest = behind;
                match name.as_str() {
                    "" if rest.starts_with('[') => {}
                    "" => return Err(format!("a name is missing in {path}")),
                    "*" => query.push_str("[*]"),
                    name => query.push_str(&format!(
                        "['{}']",
                        name.replace('\\', "\\\\").replace('\'', "\\'")
                    )),
                }
            }
            _ => return Err(format!("a path begins with a dot, such as {{.{path}}}")),
        }
    }
    Ok(query)
}

/// The name up to the next dot or bracket; `\.` is a dot of the name.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if std::mem::take(&mut escaped) => name.push(c),
            '\\' => escaped = true,
            '.' | '[' => return (name, text.get(at..).unwrap_or_default()),
            _ => name.push(c),
        }
    }
    (name, "")
}
