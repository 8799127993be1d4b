//! Rows in short: one line for each combination, with medians, 90th percentiles and maxima.

use std::collections::BTreeMap;

use super::row::Row;

const HEAD: &str = "| way | msg/s | work | heap | bytes | prefetch | moves | exact | total ms: median, p90, max | pause ms: \
                    median, p90, max | freeze ms: median, max | probes failed |\n\
                    |---|---|---|---|---|---|---|---|---|---|---|---|\n";

/// A table in Markdown.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut groups: BTreeMap<usize, Vec<&Row>> = BTreeMap::new();
    let mut order: Vec<[String; 6]> = Vec::new();
    for row in rows {
        let key = key(row);
        let place = order.iter().position(|known| *known == key).unwrap_or_else(|| {
            order.push(key);
            order.len() - 1
        });
        groups.entry(place).or_default().push(row);
    }
    let mut table = HEAD.to_owned();
    for rows in groups.values() {
        table.push_str(&line(rows));
    }
    table
}

fn key(row: &Row) -> [String; 6] {
    [
        row.way.clone(),
        row.rate.to_string(),
        format!("{} ms", f64::from(row.work_us) / 1_000.0),
        format!("{} MB", row.heap_mb),
        row.message_bytes.to_string(),
        row.prefetch.to_string(),
    ]
}

fn line(rows: &[&Row]) -> String {
    let Some(first) = rows.first() else {
        return String::new();
    };
    let exact = rows.iter().filter(|row| is_exact(row)).count();
    let of = |pick: fn(&Row) -> Option<i64>| -> Vec<i64> {
        let mut all: Vec<i64> = rows.iter().filter_map(|row| pick(row)).collect();
        all.sort_unstable();
        all
    };
    let totals = of(|row| row.total_ms);
    let pauses = of(|row| row.pause_ms);
    let freezes = of(|row| row.freeze1_ms.max(row.freeze2_ms));
    let failed = first
        .probes_failed
        .map_or_else(|| "–".to_owned(), |n| n.to_string());
    format!(
        "| {} | {} | {exact} of {} | {} | {} | {} | {failed} |\n",
        key(first).join(" | "),
        rows.len(),
        rows.len(),
        three(&totals),
        three(&pauses),
        two(&freezes),
    )
}

/// Moved, and neither the migration nor the oracle has a doubt.
fn is_exact(row: &Row) -> bool {
    row.phase == "Completed"
        && row.exact == Some(true)
        && row.state_equal == Some(true)
        && [row.missing, row.duplicate, row.reordered] == [Some(0); 3]
}

fn three(sorted: &[i64]) -> String {
    match (at(sorted, 50), at(sorted, 90), sorted.last()) {
        (Some(median), Some(high), Some(max)) => format!("{median}, {high}, {max}"),
        _ => "–".to_owned(),
    }
}

fn two(sorted: &[i64]) -> String {
    match (at(sorted, 50), sorted.last()) {
        (Some(median), Some(max)) => format!("{median}, {max}"),
        _ => "–".to_owned(),
    }
}

/// The percentile by nearest rank.
pub(crate) fn at(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let ten: Vec<i64> = (1..=10).collect();
        assert_eq!(at(&ten, 50), Some(5));
        assert_eq!(at(&ten, 90), Some(9));
        assert_eq!(at(&[7], 50), Some(7));
        assert_eq!(at(&[], 50), None);
    }

    #[test]
    fn a_run_that_lost_a_message_is_not_exact() {
        let good = Row {
            phase: "Completed".into(),
            exact: Some(true),
            state_equal: Some(true),
            missing: Some(0),
            duplicate: Some(0),
            reordered: Some(0),
            ..Row::default()
        };
        assert!(is_exact(&good));
        let lost = Row {
            missing: Some(1),
            ..good.clone()
        };
        let unjudged = Row {
            missing: None,
            ..good
        };
        assert!(!is_exact(&lost) && !is_exact(&unjudged));
    }
}
