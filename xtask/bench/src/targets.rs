//! What was promised of moves, and whether the rows keep it.

use super::figures::{self, Group, Pick};
use super::shape::Shape;
use super::steps::{self, StepTime};
use super::way::{self, Serving, Way};

/// A promise.
pub(crate) struct Target {
    /// Such as `total`.
    pub(crate) what: &'static str,
    pub(crate) limit: i64,
    pub(crate) unit: &'static str,
    pub(crate) of: Of,
    pick: Pick,
    applies: fn(&Shape) -> bool,
    /// Steps in which the time goes; none where no step explains it.
    explained: Option<fn(Vec<StepTime>) -> Vec<StepTime>>,
}

/// Which figure of all moves has to keep the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    Median,
    Highest,
}

/// A target and what the rows of one scenario say of it.
pub(crate) struct Finding<'a> {
    pub(crate) target: &'static Target,
    pub(crate) shape: &'a Shape,
    pub(crate) measured: i64,
    /// Medians of the steps in which the time goes, if the target is missed.
    pub(crate) where_it_goes: Vec<StepTime>,
}

impl Finding<'_> {
    pub(crate) fn is_kept(&self) -> bool {
        self.measured <= self.target.limit
    }
}

/// Heap of the targets on large processes, MB.
const LARGE_MB: u32 = 500;
pub(crate) const TOTAL_OF_SETS_MS: i64 = 4_000;
pub(crate) const TOTAL_OF_OTHERS_MS: i64 = 2_500;
pub(crate) const DOWNTIME_MS: i64 = 2_000;
pub(crate) const PAUSE_MS: i64 = 300;
pub(crate) const FREEZE_MS: i64 = 1_500;
const MEMORY_MB: i64 = 64;
const OF_OTHERS: [&Way; 4] = [
    &way::DEPLOYMENT,
    &way::RETURNING_DEPLOYMENT,
    &way::BARE,
    &way::RETURNING_BARE,
];

fn all(steps: Vec<StepTime>) -> Vec<StepTime> {
    steps
}

fn is_plain(shape: &Shape, ways: &[&Way]) -> bool {
    shape.is_plain() && ways.iter().any(|way| way.name == shape.way)
}

fn serves(shape: &Shape, serving: Serving) -> bool {
    Way::named(&shape.way).is_some_and(|way| way.moves() && way.serving == serving)
}

/// All of them. That every move is exact is counted for itself.
pub(crate) static ALL: [Target; 6] = [
    Target {
        what: "total",
        limit: TOTAL_OF_SETS_MS,
        unit: "ms",
        of: Of::Median,
        pick: |row| row.total_ms,
        applies: |shape| is_plain(shape, &[&way::SHADOW_POD, &way::RETURNING]),
        explained: Some(all),
    },
    Target {
        what: "total",
        limit: TOTAL_OF_OTHERS_MS,
        unit: "ms",
        of: Of::Median,
        pick: |row| row.total_ms,
        applies: |shape| is_plain(shape, &OF_OTHERS),
        explained: Some(all),
    },
    Target {
        what: "downtime",
        limit: DOWNTIME_MS,
        unit: "ms",
        of: Of::Median,
        pick: |row| row.downtime_ms,
        applies: |shape| shape.is_plain() && serves(shape, Serving::Interrupted),
        explained: Some(all),
    },
    Target {
        what: "pause",
        limit: PAUSE_MS,
        unit: "ms",
        of: Of::Median,
        pick: |row| row.pause_ms,
        applies: |shape| shape.is_plain() && serves(shape, Serving::Always),
        explained: Some(steps::of_pauses),
    },
    Target {
        what: "freeze",
        limit: FREEZE_MS,
        unit: "ms",
        of: Of::Highest,
        pick: figures::freeze,
        applies: |shape| shape.heap_mb == LARGE_MB,
        explained: Some(steps::of_pauses),
    },
    Target {
        what: "memory of agent and helper",
        limit: MEMORY_MB,
        unit: "MB",
        of: Of::Highest,
        pick: figures::memory,
        applies: |shape| shape.heap_mb == LARGE_MB,
        explained: None,
    },
];

/// What the rows say of one target, for each scenario that it speaks of.
pub(crate) fn findings<'a>(target: &'static Target, groups: &'a [Group<'_>]) -> Vec<Finding<'a>> {
    let of = groups.iter().filter(|group| (target.applies)(&group.shape));
    of.filter_map(|group| finding(target, group)).collect()
}

fn finding<'a>(target: &'static Target, group: &'a Group<'_>) -> Option<Finding<'a>> {
    let measured = match target.of {
        Of::Median => group.median(target.pick)?,
        Of::Highest => *group.sorted(target.pick).last()?,
    };
    let missed = measured > target.limit;
    Some(Finding {
        target,
        shape: &group.shape,
        measured,
        where_it_goes: match target.explained {
            Some(part) if missed => group.steps(part),
            Some(_) | None => Vec::new(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Row;

    fn row(way: &Way, n: u32, total: i64) -> Row {
        Row {
            way: way.name.into(),
            message_bytes: 100,
            prefetch: 50,
            n,
            phase: "Completed".into(),
            total_ms: Some(total),
            pause_ms: Some(total / 10),
            steps: format!("Stage1={};Hold1=50;Release1=60", total - 110),
            ..Row::default()
        }
    }

    #[test]
    fn a_median_at_the_limit_keeps_it_and_one_above_is_explained_by_its_steps() {
        let rows = [1, 2, 3].map(|n| row(&way::SHADOW_POD, n, 3_999 + i64::from(n) - 1));
        let groups = figures::groups(&rows);
        let found = findings(&ALL[0], &groups);
        assert!(found[0].is_kept() && found[0].measured == 4_000 && found[0].where_it_goes.is_empty());
        let pause = findings(&ALL[3], &groups);
        assert!(!pause[0].is_kept());
        let told: Vec<_> = pause[0].where_it_goes.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(told, ["Hold1", "Release1"]);
        assert!(findings(&ALL[1], &groups).is_empty());
    }

    #[test]
    fn what_was_not_measured_is_not_kept_but_unknown() {
        let rows = [row(&way::SEQUENTIAL, 1, 1_000)];
        assert!(findings(&ALL[2], &figures::groups(&rows)).is_empty());
    }

    #[test]
    fn the_plain_way_has_no_targets() {
        let rows = [Row {
            downtime_ms: Some(9_000),
            heap_mb: 0,
            ..row(&way::DELETED, 1, 9_000)
        }];
        let groups = figures::groups(&rows);
        assert!(ALL.iter().all(|target| findings(target, &groups).is_empty()));
    }
}
