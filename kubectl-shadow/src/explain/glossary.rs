//! The words of docs/glossary.md.

use super::{Kind, Topic};

const TEXT: &str = include_str!("../../../docs/glossary.md");

/// One topic for each row of its tables.
pub(super) fn topics() -> Vec<Topic> {
    TEXT.lines().filter_map(row).collect()
}

/// `| term, term | meaning | where in the code |`.
fn row(line: &str) -> Option<Topic> {
    let cells = cells(line)?;
    let [term, meaning, place] = cells.as_slice() else {
        return None;
    };
    if term == "term" || term.starts_with("---") {
        return None;
    }
    let names = term.trim_start_matches("– ").split(", ").map(plain);
    let place = (place != "–").then(|| format!("In the code: {}", plain(place)));
    Some(Topic {
        kind: Kind::Word,
        names: names.collect(),
        meaning: [plain(meaning)].into_iter().chain(place).collect(),
    })
}

/// The cells of a row of a table; none of another line.
pub(super) fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split(" | ").map(|cell| cell.trim().to_owned()).collect())
}

/// Without the marks of Markdown: links lose their address, words their emphasis.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("](") {
        out.push_str(before);
        rest = behind.split_once(')').map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out.replace(['`', '*', '['], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_a_document_are_taken_out() {
        assert_eq!(
            plain("a *source* of `x`, see [this](y.md#z) one"),
            "a source of x, see this one"
        );
    }

    #[test]
    fn a_row_holds_names_a_meaning_and_a_place() {
        let topic = row("| action, effect | Something to do. | `machine::Action` |").unwrap();
        assert_eq!(topic.names, ["action", "effect"]);
        assert_eq!(
            topic.meaning,
            ["Something to do.", "In the code: machine::Action"]
        );
        assert_eq!(row("| term | meaning | in code |"), None);
        assert_eq!(row("|---|---|---|"), None);
        assert_eq!(row("One name for one thing."), None);
    }
}
