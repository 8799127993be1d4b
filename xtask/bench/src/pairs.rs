//! Moves in pairs: one with something beside it, one without, in turn which comes first. What the one costs more is a ratio; a machine
//! that drifts by a factor of two drifts in both.

use std::fs::OpenOptions;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::figures;

/// One move of a pair.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) pair: u32,
    /// How many of them were beside it; 0: none.
    pub(crate) beside: u32,
    pub(crate) pause_ms: i64,
    pub(crate) total_ms: i64,
    pub(crate) at: String,
    pub(crate) commit: String,
    pub(crate) machine: String,
}

/// Measures as many pairs as are missing in the file; all of its rows.
pub(crate) fn measured(
    path: &Path,
    pairs: u32,
    beside: u32,
    mut moved: impl FnMut(u32, u32) -> Result<Row>,
) -> Result<Vec<Row>> {
    let mut rows = read(path)?;
    let begun = rows.iter().map(|row| row.pair).max().unwrap_or(0);
    for pair in begun + 1..=pairs {
        let order = if pair % 2 == 0 { [beside, 0] } else { [0, beside] };
        let both = order
            .into_iter()
            .map(|beside| moved(pair, beside))
            .collect::<Result<Vec<_>>>()?;
        // A pair is kept whole or not at all.
        for row in both {
            append(path, &row)?;
            rows.push(row);
        }
    }
    Ok(rows)
}

fn read(path: &Path) -> Result<Vec<Row>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("read {}", path.display()))?;
    let rows: Result<Vec<Row>, _> = reader.deserialize().collect();
    rows.with_context(|| format!("read {}", path.display()))
}

/// Appends one row, whatever its columns; the first one writes their names.
pub(crate) fn append(path: &Path, row: &impl Serialize) -> Result<()> {
    let fresh = !path.exists();
    let open = OpenOptions::new().create(true).append(true).open(path);
    let file = open.with_context(|| format!("open {}", path.display()))?;
    let mut writer = csv::WriterBuilder::new().has_headers(fresh).from_writer(file);
    writer.serialize(row).context("write a row")?;
    writer.flush().context("write a row")
}

/// Growth of a figure: the median of the pairs' ratios, with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Growth {
    median: f64,
    /// The true median lies in it with 95 %.
    from: f64,
    to: f64,
}

/// By order statistics: no assumption on how the ratios are distributed.
fn growth(rows: &[Row], figure: fn(&Row) -> i64) -> Option<Growth> {
    let of = |pair: u32, with: bool| {
        let mut both = rows.iter().filter(|row| row.pair == pair);
        both.find(|row| (row.beside > 0) == with).map(figure)
    };
    let last = rows.iter().map(|row| row.pair).max()?;
    let mut ratios: Vec<f64> = (1..=last)
        .filter_map(|pair| of(pair, true).zip(of(pair, false)))
        .map(|(with, without)| ratio(with, without))
        .collect();
    ratios.sort_by(f64::total_cmp);
    let outside = figures::outside_of_interval(ratios.len())?;
    let middle = ratios.len() / 2;
    let median = if ratios.len() % 2 == 1 {
        ratios[middle]
    } else {
        f64::midpoint(ratios[middle - 1], ratios[middle])
    };
    Some(Growth {
        median,
        from: ratios[outside],
        to: ratios[ratios.len() - 1 - outside],
    })
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds of a move")]
fn ratio(with: i64, without: i64) -> f64 {
    with as f64 / without as f64
}

/// Prints the growth of a figure, and what it says of a limit.
pub(crate) fn tell(
    rows: &[Row],
    name: &str,
    beside: &str,
    figure: fn(&Row) -> i64,
    limit: f64,
) -> Result<()> {
    let growth = growth(rows, figure).context("too few pairs for an interval: measure at least six")?;
    let percent = (limit - 1.0) * 100.0;
    let verdict = match growth {
        Growth { to, .. } if to < limit => format!("grows by less than {percent:.0} %"),
        Growth { from, .. } if from > limit => format!("grows by more than {percent:.0} %"),
        Growth { .. } => format!("is not shown to be worse: the interval holds {limit}"),
    };
    println!(
        "{name} with {beside} / {name} alone: median {:.2}, 95 % interval {:.2} to {:.2}; the {name} {verdict}",
        growth.median, growth.from, growth.to
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_growth_is_the_median_of_the_ratios_of_pairs_with_its_interval() {
        let row = |pair, beside, pause_ms| Row {
            pair,
            beside,
            pause_ms,
            total_ms: 0,
            at: String::new(),
            commit: String::new(),
            machine: String::new(),
        };
        // Ratios 1.01 to 1.08. Of eight, the interval goes from the first to the last: without both it would hold 93 %.
        let rows: Vec<Row> = (1..=8)
            .flat_map(|n| {
                [
                    row(n, 0, 100 * i64::from(n)),
                    row(n, 60, i64::from(n) * (100 + i64::from(n))),
                ]
            })
            .collect();
        let found = growth(&rows, |row| row.pause_ms).unwrap();
        assert!((found.median - 1.045).abs() < 1e-9, "{found:?}");
        assert!(
            (found.from - 1.01).abs() < 1e-9 && (found.to - 1.08).abs() < 1e-9,
            "{found:?}"
        );
        assert!(
            growth(&rows[..10], |row| row.pause_ms).is_none(),
            "five pairs have no interval of 95 %"
        );
    }
}
