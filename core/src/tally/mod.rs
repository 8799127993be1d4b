//! What one write of a status adds to the counters of the controller. Pure.
//!
//! Guarantee: what a status says already is not counted again. A controller that begins compares with the status as it was
//! written last, so nothing is counted twice by two controllers; a write after which the process dies at once is not counted.

mod present;
#[cfg(test)]
mod tests;

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::SignedDuration;

use crate::api::{HoldKind, Leg, MigrationStatus, Phase, Step};
use crate::doubt::DoubtReason;
use crate::gone::Left;
use crate::machine::stall;
use crate::reason::Reason;

pub use present::{Held, KEPT_SECONDS, Present, is_held, present};

/// Something to count.
#[derive(Clone, Debug, PartialEq)]
pub enum Count {
    /// A move began after this time in line.
    Begun(SignedDuration),
    /// A step is over.
    Step(Step, SignedDuration),
    /// A process was dumped.
    Dumped {
        /// Of the archive, uncompressed.
        bytes: u64,
        /// It stood still for so long.
        froze: SignedDuration,
    },
    /// An archive came to its target; bytes on the wire.
    Transferred(u64),
    /// A handoff was committed.
    Committed(HoldKind),
    /// A handoff is undone, or tried again.
    Undone(Reason),
    /// A hold that was committed lasted longer than `spec.maxPause` allows.
    HeldTooLong(HoldKind),
    /// A copy's application found its broker again.
    Reconnected(SignedDuration),
    /// A person is asked.
    Stuck(Reason),
    /// A move ended since something that it needed was gone for good, and left this.
    Left(Left),
    /// A migration has ended.
    Ended(Ended),
}

/// The end of a migration.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// How.
    pub outcome: Outcome,
    /// Why, where it is not as wanted.
    pub why: Why,
    /// From its first sight to its end.
    pub took: SignedDuration,
    /// The longest time in which the state did not go on, and how deliveries were held; absent where nothing was held.
    pub pause: Option<(HoldKind, SignedDuration)>,
}

/// How a migration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Moved, and proven exact.
    Exact,
    /// Moved, and not proven exact.
    Inexact,
    /// Moved, and the memory was lost.
    MemoryLost,
    /// Undone: the source goes on.
    Undone,
    /// Cancelled, as asked.
    Cancelled,
    /// Refused before anything was touched.
    Refused,
    /// A plan, as asked.
    Planned,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Why a migration did not end as wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// It did.
    AsWanted,
    /// The cause of its undoing.
    Cause(Reason),
    /// The first doubt of its verdict.
    Doubt(DoubtReason),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AsWanted => f.write_str("None"),
            Self::Cause(reason) => fmt::Debug::fmt(reason, f),
            Self::Doubt(reason) => fmt::Debug::fmt(reason, f),
        }
    }
}

/// What is new in `after`.
pub fn counted(before: &MigrationStatus, after: &MigrationStatus) -> Vec<Count> {
    let mut counts = Vec::new();
    counts.extend(begun(before, after));
    counts.extend(steps(before, after));
    for leg in &after.legs {
        let known = before.legs.iter().find(|known| known.key == leg.key);
        of_leg(known, leg, hold(after), &mut counts);
    }
    if let Some(rollback) = &after.rollback
        && before.rollback.as_ref().map(|known| &known.since) != Some(&rollback.since)
        && after.plan.is_some()
    {
        counts.push(Count::Undone(rollback.reason));
    }
    if let Some(reason) = stuck(after).filter(|_| !before.is_stuck()) {
        counts.push(Count::Stuck(reason));
    }
    if after.phase.is_terminal() && !before.phase.is_terminal() {
        let long = after.verdict.iter().flat_map(|verdict| &verdict.long_holds);
        counts.extend(long.map(|_| Count::HeldTooLong(hold(after))));
        counts.extend(after.left.clone().map(Count::Left));
        counts.extend(ended(after).map(Count::Ended));
    }
    counts
}

/// A plan that is written begins a move, unless it is the end of one that was not to move anything.
fn begun(before: &MigrationStatus, after: &MigrationStatus) -> Option<Count> {
    let begins = before.plan.is_none() && after.plan.is_some() && after.phase != Phase::Planned;
    let since = before.waiting.as_ref().map(|waiting| &waiting.since);
    let first = after.legs.first().and(after.intent.as_ref())?;
    let waited = since.map_or(SignedDuration::ZERO, |since| between(since, &first.since));
    begins.then_some(Count::Begun(waited))
}

/// Records are only ever added.
fn steps<'a>(before: &'a MigrationStatus, after: &'a MigrationStatus) -> impl Iterator<Item = Count> + 'a {
    after.steps.iter().enumerate().filter_map(|(place, record)| {
        let known = before
            .steps
            .get(place)
            .is_some_and(|known| known.finished.is_some());
        let finished = record.finished.as_ref().filter(|_| !known)?;
        Some(Count::Step(record.step, between(&record.started, finished)))
    })
}

fn of_leg(known: Option<&Leg>, leg: &Leg, hold: HoldKind, counts: &mut Vec<Count>) {
    let is_new = |told: fn(&Leg) -> bool| told(leg) && !known.is_some_and(told);
    if let Some(dump) = leg
        .checkpoint
        .as_ref()
        .filter(|_| is_new(|leg| leg.checkpoint.is_some()))
    {
        counts.push(Count::Dumped {
            bytes: dump.bytes,
            froze: SignedDuration::from_micros(i64::try_from(dump.frozen_micros).unwrap_or(i64::MAX)),
        });
    }
    if let Some(transfer) = leg
        .transfer
        .as_ref()
        .filter(|_| is_new(|leg| leg.transfer.is_some()))
    {
        counts.push(Count::Transferred(transfer.wire_bytes));
    }
    if is_new(|leg| leg.committed.is_some()) {
        counts.push(Count::Committed(hold));
    }
    let reconnected = stall::reconnect(leg).filter(|_| is_new(|leg| stall::reconnect(leg).is_some()));
    counts.extend(reconnected.map(Count::Reconnected));
}

fn ended(status: &MigrationStatus) -> Option<Ended> {
    let outcome = outcome(status)?;
    let pause = stall::longest(status).filter(|_| status.plan.is_some());
    let (start, end) = (status.start_time.as_ref()?, status.completion_time.as_ref()?);
    Some(Ended {
        outcome,
        why: why(status, outcome),
        took: between(start, end),
        pause: pause.map(|pause| (hold(status), pause.time)),
    })
}

/// `None`: it has not ended.
fn outcome(status: &MigrationStatus) -> Option<Outcome> {
    match status.phase {
        Phase::Completed => Some(match &status.verdict {
            Some(verdict) if verdict.exact => Outcome::Exact,
            Some(verdict) if verdict.doubts.iter().any(|told| told.reason.is_loss_of_memory()) => {
                Outcome::MemoryLost
            }
            Some(_) | None => Outcome::Inexact,
        }),
        Phase::Planned => Some(Outcome::Planned),
        Phase::Cancelled => Some(Outcome::Cancelled),
        Phase::Failed if status.plan.is_none() => Some(Outcome::Refused),
        Phase::Failed => Some(Outcome::Undone),
        Phase::Pending
        | Phase::Checkpointing
        | Phase::Transferring
        | Phase::Restoring
        | Phase::Replaying
        | Phase::Finalizing
        | Phase::Undoing => None,
    }
}

fn why(status: &MigrationStatus, outcome: Outcome) -> Why {
    match outcome {
        Outcome::Exact | Outcome::Planned => Why::AsWanted,
        Outcome::Undone | Outcome::Cancelled | Outcome::Refused => {
            let rollback = status.rollback.as_ref();
            Why::Cause(rollback.map_or(Reason::Other, |rollback| rollback.reason))
        }
        Outcome::Inexact | Outcome::MemoryLost => {
            let doubts = status.verdict.iter().flat_map(|verdict| &verdict.doubts);
            let mut reasons = doubts.map(|told| told.reason);
            let named = match outcome {
                Outcome::MemoryLost => reasons.find(|reason| reason.is_loss_of_memory()),
                Outcome::Exact
                | Outcome::Inexact
                | Outcome::Undone
                | Outcome::Cancelled
                | Outcome::Refused
                | Outcome::Planned => reasons.next(),
            };
            Why::Doubt(named.unwrap_or(DoubtReason::Other))
        }
    }
}

/// The condition has the reason as its name.
fn stuck(status: &MigrationStatus) -> Option<Reason> {
    let mut conditions = status.conditions.iter();
    let condition = conditions.find(|one| one.type_ == "Stuck" && one.status == "True")?;
    let named = serde_json::from_value(condition.reason.clone().into());
    Some(named.unwrap_or(Reason::Other))
}

fn hold(status: &MigrationStatus) -> HoldKind {
    let plan = status.plan.as_ref();
    plan.map_or(HoldKind::default(), |plan| plan.queue.hold)
}

/// Clocks of two controllers may differ.
fn between(from: &MicroTime, to: &MicroTime) -> SignedDuration {
    to.0.duration_since(from.0).max(SignedDuration::ZERO)
}
