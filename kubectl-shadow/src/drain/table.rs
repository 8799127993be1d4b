//! The pods of a drained node as lines, and as one JSON document.

use serde_json::{Value, json};

use super::row::Row;
use super::sort::What;
use crate::amount;

/// All rows with a head: those that move first.
pub fn table(rows: &[Row]) -> Vec<String> {
    let width = width(rows);
    let head = format!(
        "{:<6}  {:<width$}  {:<10}  {:<9}  {:>8}  WHY",
        "WHAT", "NAMESPACE/POD", "TO", "STATE", "EXPECTED"
    );
    let mut sorted: Vec<&Row> = rows.iter().collect();
    in_order(&mut sorted);
    std::iter::once(head)
        .chain(sorted.into_iter().map(|row| line(row, width)))
        .collect()
}

/// Those that move first, then by name: a row keeps its place whatever becomes of it.
pub fn in_order(rows: &mut [&Row]) {
    rows.sort_by_key(|row| (order(row.what), row.id()));
}

/// One row, with so many columns for its pod.
pub fn line(row: &Row, width: usize) -> String {
    let expected = row.expected.map_or_else(|| "-".to_owned(), amount::millis);
    let to = row.to.as_deref().unwrap_or("-");
    let text = format!(
        "{:<6}  {:<width$}  {to:<10}  {:<9}  {expected:>8}  {}",
        row.what.word(),
        row.id(),
        row.state.word(),
        row.why
    );
    text.trim_end().to_owned()
}

/// Columns for the longest pod.
pub(super) fn width(rows: &[Row]) -> usize {
    let longest = rows.iter().map(|row| row.id().chars().count()).max();
    longest.unwrap_or(0).max("NAMESPACE/POD".len())
}

fn order(what: What) -> u8 {
    match what {
        What::Move => 0,
        What::Evict => 1,
        What::Stay => 2,
    }
}

/// For scripts: `{"node", "stopped", "pods": [{"what", "namespace", "pod", "uid", "to", "state", "why", "migration",
/// "expectedMillis", "code"}]}`; `code` is the exit code that `migrate` would have had.
pub fn document(node: &str, rows: &[Row], stopped: bool) -> Value {
    let pods: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "what": row.what.word(), "namespace": row.namespace, "pod": row.pod, "uid": row.uid, "to": row.to,
                "state": row.state.word(), "why": row.why, "migration": row.migration, "expectedMillis": row.expected,
                "code": row.ending.map(crate::ending::Ending::code),
            })
        })
        .collect();
    json!({"node": node, "stopped": stopped, "pods": pods})
}
