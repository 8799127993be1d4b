//! What the controller does with an Evacuation.
//!
//! Guarantee: a migration is created only while the pod that was evicted is still there, its budgets allow it, and its drain was not given
//! up. What has ended is kept as long as evictions of that name are judged by it.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::jiff::Timestamp;

use super::{is_emptied, since};
use kube::ResourceExt;

use crate::api::{Evacuation, MigrationStatus, Phase, StatefulMigration};

/// An Evacuation is kept for so long after its end.
pub const KEPT: Duration = Duration::from_mins(15);

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
    /// What the budgets, or a pause of all moves, say against a move now.
    pub waits_for: Option<&'a str>,
    /// When.
    pub now: Timestamp,
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing but saying for what it waits.
    Wait(String),
    /// The migration is created.
    Begin,
    /// The migration goes its way.
    Follow,
    /// The migration, which has not begun, is cancelled: the drain was given up.
    CallOff,
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
    match seen.waits_for {
        Some(spent) => Next::Wait(spent.to_owned()),
        None => Next::Begin,
    }
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
        Phase::Failed | Phase::Cancelled | Phase::Planned => Next::LetGo(because()),
        Phase::Pending
        | Phase::Checkpointing
        | Phase::Transferring
        | Phase::Restoring
        | Phase::Replaying
        | Phase::Finalizing
        | Phase::Undoing => {
            if is_given_up(seen) && status.plan.is_none() && !migration.spec.cancel {
                Next::CallOff
            } else {
                Next::Follow
            }
        }
    }
}

/// The node took no new pods when the eviction came, and takes them again.
fn is_given_up(seen: Seen<'_>) -> bool {
    seen.evacuation.spec.node_emptied && seen.node.is_some_and(|node| !is_emptied(node))
}
