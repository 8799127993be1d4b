//! Whether what was told agrees with what the oracle saw. Pure.

use serde_json::Value;

use super::row::{Excuse, Outcome, Row, Told};

/// What one oracle saw of a group of moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) missing: u64,
    pub(crate) duplicate: u64,
    pub(crate) reordered: u64,
    pub(crate) state_equal: bool,
    pub(crate) control_faults: u64,
    pub(crate) redelivered: u64,
    /// The oracle's own verdict: none of these, all messages taken by a queue, and pod and control at rest.
    pub(crate) exact: bool,
}

impl Seen {
    /// From the oracle's report; nothing if a figure is not there.
    pub(crate) fn of(report: &Value) -> Option<Self> {
        let comparison = &report["comparison"];
        Some(Self {
            missing: comparison["missing"].as_u64()?,
            duplicate: comparison["duplicate"].as_u64()?,
            reordered: comparison["reordered"].as_u64()?,
            state_equal: comparison["stateEqual"].as_bool()?,
            control_faults: comparison["controlFaults"].as_u64()?,
            redelivered: report["redelivered"].as_u64()?,
            exact: report["exact"].as_bool()?,
        })
    }
}

/// The broker let connections end in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BrokerFault {
    None,
    /// Outside of the holds of the moves, or across a border of one.
    Outside,
    /// Surely within one: what comes again then is what a verdict has to tell.
    InTheHold,
}

/// Writes into the lines of a group what the oracle saw, and what of it contradicts what was told.
pub(crate) fn judge(rows: &mut [Row], seen: &Seen, broker: BrokerFault) {
    let excuse = excuse(rows, seen, broker);
    for row in rows.iter_mut() {
        row.missing = Some(seen.missing);
        row.duplicate = Some(seen.duplicate);
        row.reordered = Some(seen.reordered);
        row.state_equal = Some(seen.state_equal);
        row.control_faults = Some(seen.control_faults);
        row.redelivered = Some(seen.redelivered);
        row.excuse = excuse;
    }
    // No verdict excuses a lost message.
    let contradicted = !seen.exact && (excuse == Excuse::Nothing || seen.missing > 0);
    if !contradicted {
        return;
    }
    if let Some(row) = rows.iter_mut().rev().find(|row| row.verdict == Told::Exact) {
        row.is_wrong("told Exact, and the oracle of its group saw something");
    } else if let Some(row) = rows.last_mut() {
        row.is_wrong("the oracle of its group saw something that no verdict told");
    }
}

/// A group that could not be judged vouches for nothing.
pub(crate) fn unjudged(rows: &mut [Row], why: &str) {
    if let Some(row) = rows.iter_mut().rev().find(|row| row.counts()) {
        row.is_wrong(&format!("the oracle of its group could not judge: {why}"));
    }
}

fn excuse(rows: &[Row], seen: &Seen, broker: BrokerFault) -> Excuse {
    if seen.exact {
        return Excuse::Nothing;
    }
    if rows.iter().any(|row| row.verdict == Told::NotExact) {
        return Excuse::Verdict;
    }
    let came_again = seen.duplicate > 0 || seen.control_faults > 0;
    let no_worse = seen.missing == 0 && seen.reordered == 0 && seen.duplicate <= seen.redelivered;
    match broker {
        BrokerFault::Outside if came_again && no_worse => Excuse::Redelivered,
        BrokerFault::None | BrokerFault::Outside | BrokerFault::InTheHold => Excuse::Nothing,
    }
}

/// Where the pod is after a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The very container of before.
    pub(crate) stayed: bool,
    pub(crate) on_target: bool,
}

/// Why an outcome is not what is there; nothing if it is.
pub(crate) fn misplaced(outcome: Outcome, place: Place) -> Option<&'static str> {
    match outcome {
        Outcome::Completed if place.stayed => Some("it says Completed, and the source is still there"),
        Outcome::Completed if !place.on_target => Some("it says Completed, and the pod is not on the target"),
        Outcome::Failed | Outcome::Cancelled if !place.stayed => {
            Some("it says that it was undone, and the pod is another one or was restarted")
        }
        Outcome::Deleted if !place.stayed && !place.on_target => {
            Some("its object is gone, and the pod is neither the one of before nor on the target")
        }
        Outcome::Unended => Some("it neither ended nor waits for a person"),
        Outcome::NotRun
        | Outcome::Completed
        | Outcome::Failed
        | Outcome::Cancelled
        | Outcome::Deleted
        | Outcome::Stuck => None,
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
