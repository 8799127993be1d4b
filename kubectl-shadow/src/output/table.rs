//! Columns as kubectl prints them. Pure.

use unicode_width::UnicodeWidthStr;

use crate::say::printable;

/// Between two columns.
const GAP: usize = 3;

/// A cell. What it holds is shown as it is read; its paint is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    text: String,
    /// Numbers of a terminal's colours and weights, such as `1;34`.
    paint: &'static str,
}

impl Cell {
    /// In colours of its own; none if they are empty.
    pub fn painted(text: &str, paint: &'static str) -> Self {
        Self {
            text: printable(text),
            paint,
        }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::painted(text.as_ref(), "")
    }
}

/// The lines of a table: printable, but for the paint. Each row has as many cells as the heading, if there is one.
pub fn lines(heading: Option<&[&str]>, rows: Vec<Vec<Cell>>) -> Vec<String> {
    let heading = heading.map(|cells| cells.iter().map(Cell::from).collect::<Vec<Cell>>());
    let all: Vec<Vec<Cell>> = heading.into_iter().chain(rows).collect();
    let columns = all.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = all.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.text.width()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    all.iter().map(|row| line(row, &widths)).collect()
}

fn line(row: &[Cell], widths: &[usize]) -> String {
    let padded = row.iter().zip(widths).map(|(cell, width)| {
        let missing = width.saturating_sub(cell.text.width()) + GAP;
        let text = match cell.paint {
            "" => cell.text.clone(),
            paint => format!("\u{1b}[{paint}m{}\u{1b}[0m", cell.text),
        };
        format!("{text}{}", " ".repeat(missing))
    });
    padded.collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = || {
            vec![
                vec![Cell::from("größe-0"), Cell::from("x")],
                vec![Cell::from("a\u{1b}"), Cell::from("")],
            ]
        };
        assert_eq!(
            lines(Some(&["NAME", "STATE"]), rows()),
            ["NAME      STATE", "größe-0   x", "a\\u{1b}"]
        );
        assert_eq!(lines(None, rows()).len(), 2);
    }

    #[test]
    fn paint_takes_no_room() {
        let rows = vec![
            vec![Cell::painted("EXACT", "1;34"), Cell::from("a")],
            vec![Cell::from("WAITING"), Cell::from("b")],
        ];
        assert_eq!(
            lines(None, rows),
            ["\u{1b}[1;34mEXACT\u{1b}[0m     a", "WAITING   b"]
        );
    }
}
