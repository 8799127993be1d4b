//! Parts of a page: text, headings, lists, tables.

use crate::say::printable;

/// As text, wherever it stands.
pub(in crate::report) fn escaped(text: &str) -> String {
    printable(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A table; nothing if it has no rows. Columns whose name begins with `#` hold numbers.
pub(in crate::report) fn table(title: &str, columns: &[&str], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let class = |index: usize| match columns.get(index) {
        Some(name) if name.starts_with('#') => " class=\"n\"",
        Some(_) | None => "",
    };
    let mut out = heading(title) + "<table>\n";
    if !columns.is_empty() {
        out.push_str("<tr>");
        for (index, name) in columns.iter().enumerate() {
            let name = escaped(name.trim_start_matches('#'));
            out.push_str(&format!("<th{}>{name}</th>", class(index)));
        }
        out.push_str("</tr>\n");
    }
    for row in rows {
        out.push_str("<tr>");
        for (index, cell) in row.iter().enumerate() {
            out.push_str(&format!("<td{}>{}</td>", class(index), escaped(cell)));
        }
        out.push_str("</tr>\n");
    }
    out + "</table>\n"
}

pub(in crate::report) fn heading(title: &str) -> String {
    if title.is_empty() {
        String::new()
    } else {
        format!("<h2>{}</h2>\n", escaped(title))
    }
}

pub(in crate::report) fn list(title: &str, items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let items: Vec<String> = items
        .iter()
        .map(|item| format!("<li>{}</li>\n", escaped(item)))
        .collect();
    format!("{}<ul>\n{}</ul>\n", heading(title), items.concat())
}

pub(in crate::report) fn number(seconds: Option<f64>) -> String {
    seconds.map(|seconds| format!("{seconds:.3}")).unwrap_or_default()
}
