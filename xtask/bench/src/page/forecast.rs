//! The table on which forecasts rest where a cluster has no moves of its own, as a source file of the product.

use std::collections::BTreeMap;

use super::super::figures;
use super::super::row::Row;

/// Below `docs`, as all files of the page.
pub(super) const FILE: &str = "../core/src/forecast/measured/table.rs";
/// Ways that were measured, and what the product calls them.
const WAYS: [(&str, &str, &str); 8] = [
    ("StatefulSet ShadowPod", "Twice", "Park"),
    ("StatefulSet SingleActive", "Twice", "SingleActive"),
    ("StatefulSet Live", "Twice", "Exchange"),
    ("Deployment ShadowPod", "Adopted", "Park"),
    ("Deployment Live", "Adopted", "Exchange"),
    ("bare pod ShadowPod", "Once", "Park"),
    ("StatefulSet Sequential", "InPlace", "Park"),
    ("StatefulSet SingleActive Sequential", "InPlace", "SingleActive"),
];
/// Messages a second: beyond it the time that the application needs counts more than the move's.
const RATE: u32 = 80;
/// The benchmark's own message and nothing on the heap.
const BYTES: u32 = 100;
/// Steps that take longer with more memory.
const GROW: [&str; 3] = ["Checkpoint", "Transfer", "Restore"];

/// The source file.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "//! Generated from docs/results/rows.csv by `cargo xtask bench --page docs/results`. Do not edit.\n\n\
         use crate::api::{HoldKind, Step};\nuse crate::machine::Route;\n\n\
         /// Way, handoff, step, median in milliseconds.\n#[rustfmt::skip]\n\
         pub(super) const MEDIANS: &[(Route, HoldKind, u8, Step, u64)] = &[\n",
    );
    for (way, route, hold) in WAYS {
        for ((leg, step), times) in steps(rows, way, |heap| heap == 0) {
            if let Some(median) = median(times) {
                text.push_str(&format!(
                    "    (Route::{route}, HoldKind::{hold}, {leg}, Step::{step}, {median}),\n"
                ));
            }
        }
    }
    text.push_str(
        "];\n\n/// Handoff, step, what 100 MB of memory add, in milliseconds.\n#[rustfmt::skip]\n\
         pub(super) const GROWTH: &[(u8, Step, u64)] = &[\n",
    );
    for (leg, step, millis) in growth(rows) {
        text.push_str(&format!("    ({leg}, Step::{step}, {millis}),\n"));
    }
    text.push_str("];\n");
    text
}

/// Of the way that was measured with the most sizes: from nothing on the heap to the most.
fn growth(rows: &[Row]) -> Vec<(u8, String, i64)> {
    let (way, ..) = WAYS[0];
    let most = rows
        .iter()
        .filter(|row| row.way == way)
        .map(|row| row.heap_mb)
        .max();
    let most = most.unwrap_or(0);
    let mut small = steps(rows, way, |heap| heap == 0);
    let large = steps(rows, way, |heap| heap == most);
    let grown = large.into_iter().filter_map(|((leg, step), times)| {
        let before = median(small.remove(&(leg, step.clone()))?)?;
        let added = (median(times)? - before).max(0) * 100 / i64::from(most).max(1);
        (GROW.contains(&step.as_str()) && added > 0).then_some((leg, step, added))
    });
    grown.collect()
}

/// Times of each step of exact moves of this way, in the order of handoffs and names.
fn steps(rows: &[Row], way: &str, heap: impl Fn(u32) -> bool) -> BTreeMap<(u8, String), Vec<i64>> {
    let mut all: BTreeMap<(u8, String), Vec<i64>> = BTreeMap::new();
    let chosen = rows.iter().filter(|row| {
        row.way == way
            && row.rate <= RATE
            && row.message_bytes == BYTES
            && heap(row.heap_mb)
            && figures::is_exact(row)
    });
    for (name, millis) in chosen
        .flat_map(|row| row.steps.split(';'))
        .filter_map(|one| one.split_once('='))
    {
        let Some((at, leg)) = name.char_indices().next_back() else {
            continue;
        };
        let leg = leg.to_digit(10).and_then(|leg| u8::try_from(leg).ok());
        if let (Some(leg), Ok(millis)) = (leg, millis.parse()) {
            all.entry((leg, name[..at].to_owned())).or_default().push(millis);
        }
    }
    all
}

fn median(mut times: Vec<i64>) -> Option<i64> {
    times.sort_unstable();
    figures::at(&times, 50)
}
