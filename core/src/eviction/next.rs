//! What the controller does with an Evacuation.
//!
//! Guarantee: a migration is created only while the pod that was evicted is still there, its budgets allow it, a node can take it, and its
//! drain was not given up; one that waits in line is called off when it cannot end in time or has waited for too long. What has ended is
//! kept as long as evictions of that name are judged by it.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;

use super::{is_emptied, since, words};
use kube::ResourceExt;

use crate::api::{
    Evacuation, EvacuationStatus, EvacuationWait, EvacuationWaitsFor, MigrationStatus, OnNotNow, Phase,
    StatefulMigration,
};
use crate::waiting::WaitsFor;

/// An Evacuation is kept for so long after its end.
pub const KEPT: Duration = Duration::from_mins(15);
/// So long it waits for a node that can take the pod.
pub const NODE_FOR: Duration = Duration::from_mins(2);
/// So long it waits for its turn, unless label or policy say that its eviction waits.
pub const TURN_FOR: Duration = Duration::from_mins(2);

/// What was looked at.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The Evacuation.
    pub evacuation: &'a Evacuation,
    /// The pod that has the name now.
    pub pod: Option<&'a Pod>,
    /// The node from which the pod was evicted.
    pub node: Option<&'a Node>,
    /// The migration that was created for it.
    pub migration: Option<&'a StatefulMigration>,
    /// What speaks against ordering a move now.
    pub obstacle: Option<&'a Obstacle>,
    /// Why a move cannot end before the node leaves.
    pub too_late: Option<&'a str>,
    /// When.
    pub now: Timestamp,
}

/// What speaks against ordering a move now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// In one word.
    pub waits_for: EvacuationWaitsFor,
    /// As a sentence.
    pub why: String,
}

/// What is done.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Nothing but saying for what it waits, and why.
    Wait(EvacuationWait, String),
    /// The migration is created.
    Begin,
    /// The migration goes its way; where it is in line, for what it waits.
    Follow {
        /// For what.
        waiting: Option<EvacuationWait>,
        /// Why it was called off, if it was.
        called_off: Option<String>,
    },
    /// The migration, which has not begun, is cancelled: for this reason, or because the drain was given up.
    CallOff(Option<String>),
    /// The pod was moved.
    Arrived(Timestamp),
    /// The pod is not moved: its next eviction goes through.
    LetGo(String),
    /// As if there were no eviction.
    Forget,
    /// It has ended; it is looked at again after this time.
    Keep(Duration),
}

/// Decides.
pub fn next(seen: Seen<'_>) -> Next {
    let Seen { evacuation, now, .. } = seen;
    let status = evacuation.status.as_ref();
    if let Some(ended) = status.and_then(|status| status.ended.as_ref()) {
        let age = since(ended.0, now);
        return match KEPT.checked_sub(age) {
            None | Some(Duration::ZERO) => Next::Forget,
            Some(left) => Next::Keep(left),
        };
    }
    if let Some(why) = &evacuation.spec.let_go {
        return Next::LetGo(why.clone());
    }
    match (
        seen.migration,
        status.is_some_and(|status| status.migration.is_some()),
    ) {
        (Some(migration), _) => follow(seen, migration),
        // Somebody has deleted it.
        (None, true) => Next::Forget,
        (None, false) => begin(seen),
    }
}

fn begin(seen: Seen<'_>) -> Next {
    let uid = seen.pod.and_then(|pod| pod.metadata.uid.as_deref());
    if uid != Some(seen.evacuation.spec.uid.as_str()) || is_given_up(seen) {
        return Next::Forget;
    }
    if let Some(why) = seen.too_late {
        return Next::LetGo(why.to_owned());
    }
    let Some(Obstacle { waits_for, why }) = seen.obstacle else {
        return Next::Begin;
    };
    let wait = wait(seen, *waits_for);
    if has_waited_too_long(seen, &wait) {
        return Next::LetGo(words::waited(&wait, why));
    }
    Next::Wait(wait, why.clone())
}

fn follow(seen: Seen<'_>, migration: &StatefulMigration) -> Next {
    let blank = MigrationStatus::default();
    let status = migration.status.as_ref().unwrap_or(&blank);
    let completed = status.completion_time.as_ref().map_or(seen.now, |at| at.0);
    let because = || match &status.rollback {
        Some(rollback) => rollback.message.clone(),
        None => {
            let (name, namespace) = (migration.name_any(), migration.namespace().unwrap_or_default());
            format!(
                "its migration ended without moving it. To see why, type: kubectl shadow status {name} -n {namespace}"
            )
        }
    };
    match status.phase {
        Phase::Completed => Next::Arrived(completed),
        Phase::Cancelled if is_given_up(seen) => Next::Forget,
        Phase::Cancelled => Next::LetGo(called_off(seen).unwrap_or_else(because)),
        Phase::Failed | Phase::Planned => Next::LetGo(because()),
        Phase::Pending
        | Phase::Checkpointing
        | Phase::Transferring
        | Phase::Restoring
        | Phase::Replaying
        | Phase::Finalizing
        | Phase::Undoing => under_way(seen, migration, status),
    }
}

/// It has not ended. What has begun goes on, whatever becomes of the drain.
fn under_way(seen: Seen<'_>, migration: &StatefulMigration, status: &MigrationStatus) -> Next {
    if status.plan.is_some() || migration.spec.cancel {
        return Next::Follow {
            waiting: None,
            called_off: called_off(seen),
        };
    }
    if is_given_up(seen) {
        return Next::CallOff(None);
    }
    if let Some(why) = seen.too_late {
        return Next::CallOff(Some(why.to_owned()));
    }
    let waiting = status.waiting.as_ref().map(|waiting| waiting.r#for);
    let waiting = waiting.map(|waiting| wait(seen, in_line(waiting)));
    match &waiting {
        Some(wait) if has_waited_too_long(seen, wait) => {
            Next::CallOff(Some(words::waited(wait, &words::in_line(status))))
        }
        Some(_) | None => Next::Follow {
            waiting,
            called_off: None,
        },
    }
}

/// Why it was called off, as it was written then.
fn called_off(seen: Seen<'_>) -> Option<String> {
    let blank = EvacuationStatus::default();
    let status = seen.evacuation.status.as_ref().unwrap_or(&blank);
    status.reason.clone().filter(|_| status.migration.is_some())
}

/// A wait for this. It goes on if it was there before; where node and turn share their two minutes, also from one to the other.
fn wait(seen: Seen<'_>, waits_for: EvacuationWaitsFor) -> EvacuationWait {
    let ends = |one| matches!(one, EvacuationWaitsFor::Node | EvacuationWaitsFor::Turn);
    let share = seen.evacuation.spec.not_now == OnNotNow::Evict;
    let goes_on = |before: &&EvacuationWait| {
        before.r#for == waits_for || (share && ends(before.r#for) && ends(waits_for))
    };
    let before = seen.evacuation.status.as_ref();
    let before = before.and_then(|status| status.waiting.as_ref());
    let since = before.filter(goes_on).map(|before| before.since.clone());
    EvacuationWait {
        r#for: waits_for,
        since: since.unwrap_or(MicroTime(seen.now)),
    }
}

fn has_waited_too_long(seen: Seen<'_>, wait: &EvacuationWait) -> bool {
    let waited = since(wait.since.0, seen.now);
    match (wait.r#for, seen.evacuation.spec.not_now) {
        (EvacuationWaitsFor::Node, _) => waited >= NODE_FOR,
        (EvacuationWaitsFor::Turn, OnNotNow::Evict) => waited >= TURN_FOR,
        // An eviction as ever would wait for its budget, too. A pause says itself what becomes of evictions.
        (EvacuationWaitsFor::Turn, OnNotNow::Wait)
        | (EvacuationWaitsFor::Budget | EvacuationWaitsFor::Pause | EvacuationWaitsFor::AnotherMove, _) => {
            false
        }
    }
}

fn in_line(waits_for: WaitsFor) -> EvacuationWaitsFor {
    match waits_for {
        WaitsFor::Pause => EvacuationWaitsFor::Pause,
        WaitsFor::Budget => EvacuationWaitsFor::Budget,
        WaitsFor::Node => EvacuationWaitsFor::Node,
        WaitsFor::MovesPerCluster
        | WaitsFor::MovesPerNode
        | WaitsFor::PolicyLimit
        | WaitsFor::HigherPriority
        | WaitsFor::EarlierMoves
        | WaitsFor::OtherNamespaces
        | WaitsFor::Preparation
        | WaitsFor::Answer
        | WaitsFor::Plans => EvacuationWaitsFor::Turn,
    }
}

/// The node took no new pods when the eviction came, and takes them again.
fn is_given_up(seen: Seen<'_>) -> bool {
    seen.evacuation.spec.node_emptied && seen.node.is_some_and(|node| !is_emptied(node))
}
