//! What CRIU says when a dump or a restore fails, in words for people: what stands in the way, where, and what to do.
//!
//! The only place that knows CRIU's messages. Each row of the table is tested against a message that CRIU really printed
//! (`printed.txt`, with the version; `cargo xtask criu` prints them anew).

mod ended;
mod pattern;
mod table;

use pattern::{captured, filled};
use table::{ROWS, Row};

pub use ended::{is_of_criu, was_killed};

/// A failure of CRIU, translated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The row of the table: what CRIU always says of it.
    pub cause: &'static str,
    /// What stands in the way and what to do.
    pub sentence: String,
    /// The state lasts milliseconds: the same may work when it is tried again.
    pub passes: bool,
    /// The process that it was found in, by its number on the node.
    pub process: Option<u32>,
    /// CRIU's own line.
    pub line: String,
}

/// The first failure in a log that is known here; `None` when there is none.
pub fn explain(log: &str) -> Option<Explained> {
    let lines: Vec<&str> = log.lines().collect();
    let mut known = errors(&lines).filter_map(|(at, line)| {
        let (row, values) = ROWS
            .iter()
            .find_map(|row| Some((row, captured(row.says, line)?)))?;
        let mut values: Vec<String> = values.into_iter().map(str::to_owned).collect();
        values.extend(context(row, &lines, at, &values));
        Some(Explained {
            cause: row.says,
            sentence: format!("{}; {}", filled(row.means, &values), filled(row.way_out, &values)),
            passes: row.passes,
            process: process(&lines),
            line: own_words(line).to_owned(),
        })
    });
    known.next()
}

/// What an unknown failure has to say: the last errors, or the end of a log that names none.
pub fn last_errors(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let mut told: Vec<&str> = errors(&lines).map(|(_, line)| line).collect();
    if told.is_empty() {
        told = lines;
    }
    let from = told.len().saturating_sub(4);
    told.get(from..).unwrap_or_default().join(" | ")
}

/// The lines of a log that matter here: errors, and what a row reads beside them.
pub fn telling(log: &str) -> Vec<&str> {
    let beside = |line: &str| {
        let mut patterns = ROWS.iter().filter_map(|row| row.beside);
        patterns.any(|pattern| captured(&pattern.replace("{0}", "{}"), line).is_some())
    };
    log.lines()
        .filter(|line| is_error(line) || beside(line))
        .collect()
}

fn errors<'l, 't>(lines: &'l [&'t str]) -> impl Iterator<Item = (usize, &'t str)> + use<'l, 't> {
    lines
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, line)| is_error(line))
}

/// CRIU tries to raise a limit of its own, may not in many a container, and goes on.
fn is_error(line: &str) -> bool {
    line.contains("Error") && !line.contains("Can't setup RLIMIT_NOFILE for self")
}

/// What the row reads in the lines before the failure, of which the last one counts.
fn context(row: &Row, lines: &[&str], at: usize, found: &[String]) -> Vec<String> {
    let Some(pattern) = row.beside else {
        return Vec::new();
    };
    let pattern = filled(
        pattern,
        &found.iter().map(|value| decimal(value)).collect::<Vec<_>>(),
    );
    let before = lines.get(..at).unwrap_or_default();
    let values = before.iter().rev().find_map(|line| captured(&pattern, line));
    values.unwrap_or_default().into_iter().map(named).collect()
}

/// CRIU writes the number of a socket in two ways.
fn decimal(value: &str) -> String {
    let digits = value
        .strip_prefix("0x")
        .map(|digits| u64::from_str_radix(digits, 16));
    match digits {
        Some(Ok(number)) => number.to_string(),
        Some(Err(_)) | None => value.to_owned(),
    }
}

/// What has no name is called `null` by CRIU.
fn named(value: &str) -> String {
    if value == "null" {
        "(without a name)"
    } else {
        value
    }
    .to_owned()
}

/// CRIU says at the end of a failed dump which process it was at.
fn process(lines: &[&str]) -> Option<u32> {
    let mut told = errors(lines).filter_map(|(_, line)| captured("(pid: {}) failed", line));
    told.next()?.first()?.parse().ok()
}

/// Without time and place in CRIU's source.
fn own_words(line: &str) -> &str {
    line.split_once("): ").map_or(line, |(_, words)| words).trim()
}

#[cfg(test)]
mod tests;
