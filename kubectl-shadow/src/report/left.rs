//! What of a move is left: in the cluster, in the broker, in a registry.

use kube::ResourceExt;
use shadow_core::api::{Leg, MigrationStatus, Phase, RestoreBackend};
use shadow_core::names;

use crate::view::model::list::Entry;

/// One sentence each.
pub(super) fn of(entry: &Entry<'_>, status: &MigrationStatus) -> Vec<String> {
    let mut left: Vec<String> = status
        .legs
        .iter()
        .filter_map(|leg| leg.image_kept.clone())
        .collect();
    if !status.phase.is_terminal() {
        left.extend(under_way(status));
    } else if entry
        .migration
        .finalizers()
        .iter()
        .any(|one| one == names::FINALIZER)
    {
        left.push(
            "nothing but the finalizer of the migration, which the controller takes off right after the end"
                .to_owned(),
        );
    }
    left.extend(for_good(status));
    if left.is_empty() {
        left.push("nothing of the move: no queue, no rule, no archive, no pod of its own".to_owned());
    }
    left
}

/// What it may have put anywhere so far.
fn under_way(status: &MigrationStatus) -> Vec<String> {
    let mut left = Vec::new();
    if let Some(leg) = status.legs.last() {
        left.push(format!(
            "pod {} on node {}, if it was made already; hold queue {}",
            leg.to.pod,
            leg.to.node,
            names::hold_queue(&leg.key)
        ));
    }
    if let Some(fence) = &status.fence {
        left.push(format!(
            "backlog queue {}, which may hold messages",
            names::backlog_queue(&fence.key)
        ));
    }
    if left.is_empty() {
        left.push("nothing: no pod and no queue was touched yet".to_owned());
    }
    left
}

/// What stays, and is meant to.
fn for_good(status: &MigrationStatus) -> Option<String> {
    let plan = status
        .plan
        .as_ref()
        .filter(|_| status.phase == Phase::Completed)?;
    let copy = |leg: &Leg| leg.to.pod.clone();
    match plan.restore {
        RestoreBackend::Image => Some(format!(
            "pod {} names its checkpoint image and never restarts, until it is moved again or replaced",
            status.legs.last().map_or_else(|| plan.source.name.clone(), copy)
        )),
        RestoreBackend::RuntimeClass => None,
    }
}
