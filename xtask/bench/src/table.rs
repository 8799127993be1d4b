//! Rows in short: one line for each scenario, with medians, 90th percentiles and maxima.

use super::figures::{self, Group, InStarts, Pick, at};
use super::row::Row;

const HEAD: &str = "| way | msg/s | work | heap | bytes | prefetch | moves | exact | plain start ms | total ms: median, p90, \
                    max | pause ms: median, p90, max | freeze ms: median, max | downtime ms: median, max | requests failed | MB: agent |\n\
                    |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n";

/// A table in Markdown.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let groups = figures::groups(rows);
    std::iter::once(HEAD.to_owned())
        .chain(groups.iter().map(line))
        .collect()
}

fn line(group: &Group<'_>) -> String {
    let shape = &group.shape;
    let moves = group.rows.len();
    format!(
        "| {} | {} | {} | {} MB | {} | {} | {moves} | {} of {moves} | {} | {} | {} | {} | {} | {} | {} |\n",
        shape.way,
        shape.rate,
        shape.work(),
        shape.heap_mb,
        shape.message_bytes,
        shape.prefetch,
        group.exact(),
        one(group.median(|row| row.plain_start_ms)),
        three(group, |row| row.total_ms),
        three(group, |row| row.pause_ms),
        two(group, figures::freeze),
        two(group, |row| row.downtime_ms),
        one(group.of_runs(|row| row.probes_failed)),
        one(group.sorted(figures::memory).last().copied()),
    )
}

fn three(group: &Group<'_>, pick: Pick) -> String {
    let sorted = group.sorted(pick);
    match (at(&sorted, 50), at(&sorted, 90), sorted.last()) {
        (Some(median), Some(high), Some(max)) => {
            format!("{}, {high}, {max}", with_starts(median, group.in_starts(pick)))
        }
        _ => one(None),
    }
}

fn two(group: &Group<'_>, pick: Pick) -> String {
    let sorted = group.sorted(pick);
    match (at(&sorted, 50), sorted.last()) {
        (Some(median), Some(max)) => format!("{median}, {max}"),
        _ => one(None),
    }
}

/// `3715 (3.1×)`: the median of all moves, and how many plain starts that is, where it is known. `4781 (3910: 5.7×)` where
/// the moves whose plain start is known have another median: a multiple stands beside the milliseconds of its own moves.
pub(crate) fn with_starts(millis: i64, known: Option<InStarts>) -> String {
    match known {
        Some(known) if known.millis == millis => format!("{millis} ({})", known.times()),
        Some(known) => format!("{millis} ({}: {})", known.millis, known.times()),
        None => millis.to_string(),
    }
}

/// A figure, or a dash if it was not measured.
pub(crate) fn one(figure: Option<i64>) -> String {
    figure.map_or_else(|| "–".to_owned(), |figure| figure.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_a_dash() {
        let row = |n, total_ms| Row {
            way: "x".into(),
            rate: 80,
            work_us: 50,
            n,
            total_ms,
            ..Row::default()
        };
        let table = markdown(&[row(1, Some(5)), row(2, Some(7)), row(3, None)]);
        let line = table.lines().last().unwrap();
        assert_eq!(
            line,
            "| x | 80 | 0.05 ms | 0 MB | 0 | 0 | 3 | 0 of 3 | – | 5, 7, 7 | – | – | – | – | – |"
        );
    }

    #[test]
    fn a_median_is_told_in_plain_starts_where_they_were_measured() {
        let row = Row {
            way: "x".into(),
            total_ms: Some(3_715),
            plain_start_ms: Some(1_200),
            ..Row::default()
        };
        let table = markdown(&[row]);
        assert!(
            table.contains("| 1200 | 3715 (3.1×), 3715, 3715 | – |"),
            "{table}"
        );
        let known = |millis, tenths| Some(InStarts { millis, tenths });
        assert_eq!(with_starts(600, known(600, 5)), "600 (0.5×)");
        assert_eq!(with_starts(600, None), "600");
    }

    #[test]
    fn a_multiple_stands_beside_the_median_of_its_own_moves() {
        let of = |total, unit| Row {
            way: "x".into(),
            total_ms: Some(total),
            plain_start_ms: unit,
            ..Row::default()
        };
        let table = markdown(&[of(9_000, None), of(3_715, Some(1_200)), of(9_100, None)]);
        assert!(
            table.contains("| 1200 | 9000 (3715: 3.1×), 9100, 9100 | – |"),
            "{table}"
        );
    }
}
