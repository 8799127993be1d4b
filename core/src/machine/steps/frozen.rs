//! What the steps do where the dumped source stands still until the commit, since it ends before its copy starts.
//!
//! Guarantees: a commit rests on the promise of the source's node that the source stays frozen, so the source does not run one
//! instruction between its dump and its end; a source that went on makes its archive void, and the move is undone; an undone
//! move lets the source go on first. A node that hears nothing lets it go on by itself, unless it has promised: then it reads
//! the migration.

use k8s_openapi::jiff::SignedDuration;

use crate::api::{FreezeBound, FreezePlan};
use crate::machine::steps::overdue;
use crate::machine::{Action, Cause, Decision, Scene, limits};
use crate::reason::Reason;

/// Commit: the node has to promise first. `None`: it has, or the source goes on after its dump.
pub(super) fn promise(scene: &Scene<'_>) -> Option<Decision> {
    let waits = scene.plan.freeze.is_some() && scene.leg.promised.is_none();
    waits.then_some(Decision::Run(Action::Promise))
}

/// Before the commit: the source has gone on, or stands still for longer than what watches it allows.
pub(super) fn void(scene: &Scene<'_>) -> Option<Cause> {
    let plan = scene.plan.freeze.as_ref()?;
    let pod = &scene.leg.from.pod;
    if scene.leg.thawed.is_some() {
        return Some(Cause::new(
            Reason::Thawed,
            format!(
                "pod {pod} went on after its dump: its node heard nothing from the controller for 30 s, or the freeze \
                 reached its limit of {}. Start the migration again",
                seconds(plan.limit_millis)
            ),
        ));
    }
    let since = scene.leg.frozen.as_ref()?.0;
    let limit = SignedDuration::from_millis(i64::try_from(plan.limit_millis).unwrap_or(i64::MAX));
    (scene.now.duration_since(since) > limit).then(|| Cause::new(Reason::FreezeTooLong, too_long(pod, plan)))
}

fn too_long(pod: &str, plan: &FreezePlan) -> String {
    let (limit, way_out) = (seconds(plan.limit_millis), way_out(plan.bound));
    format!("the transfer was not complete when pod {pod} had stood still for {limit}; {way_out}")
}

/// What sets a limit, and how it is raised.
fn way_out(bound: FreezeBound) -> &'static str {
    match bound {
        FreezeBound::LivenessProbe => {
            "its liveness probe allows no longer freeze: raise failureThreshold or periodSeconds of the probe, then start the \
             migration again"
        }
        FreezeBound::Heartbeat => {
            "the heartbeat of its broker connection allows no longer freeze: let the application ask for a longer heartbeat \
             (most clients take heartbeat=SECONDS in the broker's address), then start the migration again"
        }
        FreezeBound::Deadline => {
            "spec.deadlineSeconds allows no longer freeze: raise it, then start the migration again"
        }
    }
}

/// Abandon: the source goes on before anything else is done. `None`: it does, or its node has to see to that by itself.
pub(super) fn thaw(scene: &Scene<'_>) -> Option<Decision> {
    // A dump may have been made that is not on record.
    let stands = scene.plan.freeze.is_some() && scene.leg.thawed.is_none();
    let reachable = !overdue(scene, limits::SILENCE);
    (stands && scene.leg.committed.is_none() && reachable).then_some(Decision::Run(Action::Thaw))
}

fn seconds(millis: u64) -> String {
    format!("{:.1} s", millis as f64 / 1e3)
}
