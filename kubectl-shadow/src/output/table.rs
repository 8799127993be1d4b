//! Columns as kubectl prints them. Pure.

use unicode_width::UnicodeWidthStr;

use crate::say::printable;

/// Between two columns.
const GAP: usize = 3;

/// The lines of a table. Each row has as many cells as the heading, if there is one.
pub fn lines(heading: Option<&[&str]>, rows: &[Vec<String>]) -> Vec<String> {
    let heading: Vec<Vec<String>> = heading
        .into_iter()
        .map(|cells| cells.iter().map(|cell| (*cell).to_owned()).collect())
        .collect();
    let all: Vec<Vec<String>> = heading
        .iter()
        .chain(rows)
        .map(|row| row.iter().map(|cell| printable(cell)).collect())
        .collect();
    let columns = all.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = all.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.width()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    all.iter().map(|row| line(row, &widths)).collect()
}

fn line(row: &[String], widths: &[usize]) -> String {
    let padded = row.iter().zip(widths).map(|(cell, width)| {
        let missing = width.saturating_sub(cell.width()) + GAP;
        format!("{cell}{}", " ".repeat(missing))
    });
    padded.collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            vec!["größe-0".to_owned(), "x".to_owned()],
            vec!["a\u{1b}".to_owned(), String::new()],
        ];
        assert_eq!(
            lines(Some(&["NAME", "STATE"]), &rows),
            ["NAME      STATE", "größe-0   x", "a\\u{1b}"]
        );
        assert_eq!(lines(None, &rows).len(), 2);
    }
}
