//! Rows of one scenario together: medians, percentiles, and whether they were exact.

use std::collections::BTreeSet;

use super::row::Row;
use super::shape::Shape;
use super::steps::{self, StepTime};
use super::way::Way;

/// All rows of one scenario, of whatever run.
pub(crate) struct Group<'a> {
    pub(crate) shape: Shape,
    pub(crate) rows: Vec<&'a Row>,
}

/// A figure of a row.
pub(crate) type Pick = fn(&Row) -> Option<i64>;

/// A median of the moves whose plain start is known, and of them alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InStarts {
    pub(crate) millis: i64,
    /// Of plain starts, each by the plain start of its own run: the machine is not always equally fast.
    pub(crate) tenths: i64,
}

impl InStarts {
    /// `3.1×`
    pub(crate) fn times(self) -> String {
        format!("{}.{}×", self.tenths / 10, self.tenths % 10)
    }
}

/// The plain start of a row's run, milliseconds; none where it was not measured.
pub(crate) fn plain_start(row: &Row) -> Option<i64> {
    row.plain_start_ms.filter(|unit| *unit > 0)
}

/// Tenths of plain starts in so many milliseconds; none where the row knows of no plain start.
fn starts(row: &Row, millis: i64) -> Option<i64> {
    let unit = plain_start(row)?;
    Some((millis * 10 + unit / 2) / unit)
}

/// Frozen longest, of all handoffs.
pub(crate) fn freeze(row: &Row) -> Option<i64> {
    row.freeze1_ms.max(row.freeze2_ms)
}

/// Memory of our parts on one node, MB: of the agent and of the helper beside it, each at its highest.
pub(crate) fn memory(row: &Row) -> Option<i64> {
    row.agent_mb.map(|agent| agent + row.helper_mb.unwrap_or(0))
}

/// Groups in the order in which they are told.
pub(crate) fn groups(rows: &[Row]) -> Vec<Group<'_>> {
    let mut all: Vec<Group<'_>> = Vec::new();
    for row in rows {
        let shape = row.shape();
        match all.iter_mut().find(|group| group.shape == shape) {
            Some(group) => group.rows.push(row),
            None => all.push(Group {
                shape,
                rows: vec![row],
            }),
        }
    }
    all.sort_by_cached_key(|group| group.shape.place());
    all
}

impl Group<'_> {
    /// What was measured of it, sorted.
    pub(crate) fn sorted(&self, pick: Pick) -> Vec<i64> {
        let mut all: Vec<i64> = self.rows.iter().filter_map(|row| pick(row)).collect();
        all.sort_unstable();
        all
    }

    pub(crate) fn median(&self, pick: Pick) -> Option<i64> {
        at(&self.sorted(pick), 50)
    }

    /// The same of the moves whose plain start is known.
    pub(crate) fn in_starts(&self, pick: Pick) -> Option<InStarts> {
        self.known(pick)
    }

    /// The same of one step.
    pub(crate) fn step_in_starts(&self, name: &str) -> Option<InStarts> {
        self.known(|row| {
            let steps = steps::parse(&row.steps);
            let step = steps.iter().find(|step| step.name == name)?;
            is_done(row).then_some(step.millis)
        })
    }

    fn known(&self, pick: impl Fn(&Row) -> Option<i64>) -> Option<InStarts> {
        let known = self.rows.iter().filter_map(|row| {
            let millis = pick(row)?;
            Some((millis, starts(row, millis)?))
        });
        let (mut millis, mut tenths): (Vec<i64>, Vec<i64>) = known.unzip();
        millis.sort_unstable();
        tenths.sort_unstable();
        Some(InStarts {
            millis: at(&millis, 50)?,
            tenths: at(&tenths, 50)?,
        })
    }

    /// Rows about which neither the migration nor the oracle has a doubt.
    pub(crate) fn exact(&self) -> usize {
        self.rows.iter().filter(|row| is_exact(row)).count()
    }

    /// A figure of whole runs, of all of them together.
    pub(crate) fn of_runs(&self, pick: Pick) -> Option<i64> {
        let runs: BTreeSet<(&str, i64)> = self
            .rows
            .iter()
            .filter_map(|row| Some((row.run.as_str(), pick(row)?)))
            .collect();
        (!runs.is_empty()).then(|| runs.iter().map(|(_, figure)| figure).sum())
    }

    /// Median of each step, in the order in which they are done.
    pub(crate) fn steps(&self, part: fn(Vec<StepTime>) -> Vec<StepTime>) -> Vec<StepTime> {
        let rows: Vec<Vec<StepTime>> = self
            .rows
            .iter()
            .filter(|row| is_done(row))
            .map(|row| part(steps::parse(&row.steps)))
            .collect();
        let mut names: Vec<&str> = Vec::new();
        for step in rows.iter().flatten() {
            if !names.contains(&step.name.as_str()) {
                names.push(&step.name);
            }
        }
        let median = |name: &&str| {
            let all = rows.iter().flatten().filter(|step| step.name == **name);
            let mut millis: Vec<i64> = all.map(|step| step.millis).collect();
            millis.sort_unstable();
            Some(StepTime {
                name: (*name).to_owned(),
                millis: at(&millis, 50)?,
            })
        };
        names.iter().filter_map(median).collect()
    }
}

/// How many moves of the product were exact.
pub(crate) struct Exactness {
    pub(crate) judged: usize,
    pub(crate) exact: usize,
    /// Could not be measured: neither exact nor not.
    pub(crate) errors: usize,
}

/// Of all groups together; baselines promise nothing.
pub(crate) fn exactness(groups: &[Group<'_>]) -> Exactness {
    let mut all = Exactness {
        judged: 0,
        exact: 0,
        errors: 0,
    };
    for group in groups {
        if Way::named(&group.shape.way).is_none_or(Way::moves) {
            let errors = group.rows.iter().filter(|row| row.is_error()).count();
            all.errors += errors;
            all.judged += group.rows.len() - errors;
            all.exact += group.exact();
        }
    }
    all
}

/// A move that was undone has steps, too.
fn is_done(row: &Row) -> bool {
    ["Completed", "Replayed"].contains(&row.phase.as_str())
}

/// Moved, and neither the migration nor the oracle has a doubt. A baseline has nobody but the oracle.
pub(crate) fn is_exact(row: &Row) -> bool {
    let moved = match row.phase.as_str() {
        "Completed" => row.exact == Some(true),
        phase => phase == "Replayed",
    };
    moved && row.state_equal == Some(true) && [row.missing, row.duplicate, row.reordered] == [Some(0); 3]
}

/// The percentile by nearest rank: a value that was measured.
pub(crate) fn at(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

/// How many of so many sorted values are left out at each end of an interval that holds their true median with 95 %. `None`
/// where they are too few for one. By order statistics, so that nothing is assumed of how they are distributed.
pub(crate) fn outside_of_interval(values: usize) -> Option<usize> {
    let exponent = i32::try_from(values).ok()?;
    let (mut of_this, mut below) = (0.5_f64.powi(exponent), 0.0);
    let mut outside = None;
    for n in 0..values {
        below += of_this;
        if below > 0.025 {
            break;
        }
        outside = Some(n);
        of_this *= f64::from(u32::try_from(values - n).ok()?) / f64::from(u32::try_from(n + 1).ok()?);
    }
    outside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_of_the_median_leave_out_what_tables_of_the_sign_test_say() {
        let known = [
            (5, None),
            (6, Some(0)),
            (9, Some(1)),
            (20, Some(5)),
            (30, Some(9)),
        ];
        for (values, outside) in known {
            assert_eq!(outside_of_interval(values), outside, "{values}");
        }
    }

    fn good(n: u32) -> Row {
        Row {
            n,
            phase: "Completed".into(),
            exact: Some(true),
            state_equal: Some(true),
            missing: Some(0),
            duplicate: Some(0),
            reordered: Some(0),
            ..Row::default()
        }
    }

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
        let lost = Row {
            missing: Some(1),
            ..good(1)
        };
        let unjudged = Row {
            missing: None,
            ..good(1)
        };
        assert!(is_exact(&good(1)) && !is_exact(&lost) && !is_exact(&unjudged));
    }

    #[test]
    fn figures_of_a_run_count_once_and_runs_add_up() {
        let of = |run: &str, failed| Row {
            run: run.into(),
            probes_failed: failed,
            ..good(1)
        };
        let rows = [
            of("a", Some(3)),
            of("a", Some(3)),
            of("b", Some(3)),
            of("c", None),
        ];
        let all = groups(&rows);
        assert_eq!(all[0].of_runs(|row| row.probes_failed), Some(6));
        assert_eq!(all[0].of_runs(|row| row.probes), None);
    }

    #[test]
    fn medians_of_steps_come_in_their_order_and_leave_out_what_was_undone() {
        let with = |steps: &str, phase: &str| Row {
            steps: steps.into(),
            phase: phase.into(),
            ..good(1)
        };
        let rows = [
            with("Prepare0=1;Hold1=10", "Completed"),
            with("Prepare0=3;Hold1=30", "Completed"),
            with("Prepare0=2;Hold1=20;Clean1=5", "Completed"),
            with("Prepare0=900;Abandon1=5", "Failed"),
        ];
        let medians = groups(&rows)[0].steps(|all| all);
        let told: Vec<_> = medians.iter().map(|s| (s.name.as_str(), s.millis)).collect();
        assert_eq!(told, [("Prepare0", 2), ("Hold1", 20), ("Clean1", 5)]);
    }

    #[test]
    fn a_multiple_is_of_the_plain_start_of_its_own_run() {
        let of = |total, unit| Row {
            total_ms: Some(total),
            plain_start_ms: unit,
            steps: format!("Stage1={}", total / 2),
            ..good(1)
        };
        // The machine was half as fast in the second run; the first row is of a version that did not measure it.
        let rows = [of(9_000, None), of(3_000, Some(1_000)), of(6_000, Some(2_000))];
        let group = &groups(&rows)[0];
        let told = |known: Option<InStarts>| known.map(|known| (known.millis, known.tenths));
        assert_eq!(told(group.in_starts(|row| row.total_ms)), Some((3_000, 30)));
        assert_eq!(group.median(|row| row.total_ms), Some(6_000));
        assert_eq!(told(group.step_in_starts("Stage1")), Some((1_500, 15)));
        assert_eq!(group.step_in_starts("Stage2"), None);
        assert_eq!(groups(&rows[..1])[0].in_starts(|row| row.total_ms), None);
        assert_eq!(starts(&of(1, Some(0)), 5), None);
    }

    #[test]
    fn rows_of_one_way_stand_together_whenever_they_were_measured() {
        let of = |way: &str, rate| Row {
            way: way.into(),
            rate,
            ..good(1)
        };
        let rows = [
            of("later", 1),
            of("StatefulSet Sequential", 80),
            of("StatefulSet ShadowPod", 120),
            of("StatefulSet ShadowPod", 10),
        ];
        let order: Vec<_> = groups(&rows).iter().map(|g| g.shape.rate).collect();
        assert_eq!(order, [10, 120, 80, 1]);
    }
}
