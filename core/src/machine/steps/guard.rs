//! What ends a handoff from outside, whatever step it is in.
//!
//! Before the first commit the source is the truth: a wish to cancel, the deadline or any change of the source
//! undoes the move. After it only forward: a wish to cancel is too late. If the shadow ends before it was dumped
//! for the second handoff, its memory is lost as in any crash, and the pod under the old name starts fresh.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::api::{Instance, Intent, Leg, MigrationStatus, StatefulMigrationSpec, Step};
use crate::doubt::{Doubt, Loss, Lost};
use crate::machine::observed::PodSeen;
use crate::machine::steps::{frozen, later, overdue, rollout, single_active, wait};
use crate::machine::{Cause, Decision, Next, Scene, limits, pause_limit};
use crate::reason::Reason;

/// What has to be done instead of the present step's own decision, if anything.
pub fn overrides(step: Step, scene: &Scene<'_>) -> Option<Decision> {
    if let Some(decision) = single_active::overrides(step, scene) {
        return Some(decision);
    }
    if !precedes_commit(step) || scene.leg.committed.is_some() {
        return None;
    }
    if scene.leg.number == 1 {
        source_guard(step, scene).map(Decision::RollBack)
    } else {
        shadow_guard(step, scene)
    }
}

/// Whether a handoff in this step can still be undone.
pub fn precedes_commit(step: Step) -> bool {
    match step {
        Step::Stage
        | Step::Fence
        | Step::Hold
        | Step::Checkpoint
        | Step::Follow
        | Step::Transfer
        | Step::Restore
        | Step::Commit => true,
        Step::Prepare
        | Step::Exclude
        | Step::Release
        | Step::Switch
        | Step::Retire
        | Step::Clean
        | Step::Abandon => false,
    }
}

/// Whether effects that keep failing are to be given up, since messages wait meanwhile: the instance has the stream back
/// sooner than whatever is wrong is mended.
pub fn is_out_of_patience(status: &MigrationStatus, now: Timestamp) -> bool {
    let held = |intent: &&Intent| matches!(intent.step, Step::Checkpoint | Step::Transfer);
    let intent = status.intent.as_ref().filter(held);
    intent.is_some_and(|intent| now.duration_since(intent.since.0) > limits::PATIENCE)
}

fn source_guard(step: Step, scene: &Scene<'_>) -> Option<Cause> {
    if scene.seen.cancel {
        return Some(Cause::new(
            Reason::Cancelled,
            "cancelled as asked. The source goes on",
        ));
    }
    if let Some(lost) = changed(scene.leg, &scene.seen.from) {
        return Some(Cause::new(Reason::SourceChanged, lost.to_string()));
    }
    if let Some(cause) = frozen::void(scene).or_else(|| pause_limit::spent(step, scene)) {
        return Some(cause);
    }
    let late = deadline(scene.spec, scene.status).is_some_and(|deadline| scene.now > deadline);
    late.then(|| {
        Cause::new(
            Reason::DeadlineExceeded,
            format!(
                "not committed within spec.deadlineSeconds ({} s). The last step in status.steps took too long. Raise \
                 spec.deadlineSeconds, or look why that step takes so long, then start the migration again",
                allowed(scene.spec).as_secs()
            ),
        )
    })
}

/// A move that is not committed by then is undone. `None` before it has begun.
pub fn deadline(spec: &StatefulMigrationSpec, status: &MigrationStatus) -> Option<Timestamp> {
    let begun = status.start_time.as_ref()?.0;
    Some(later(begun, allowed(spec)))
}

/// How long a move may take up to the commit.
pub fn allowed(spec: &StatefulMigrationSpec) -> SignedDuration {
    let seconds = spec.deadline_seconds.unwrap_or(limits::DEADLINE_SECONDS);
    SignedDuration::from_secs(i64::from(seconds))
}

/// How the instance that holds the stream is not what it was when the handoff began.
pub fn changed(leg: &Leg, seen: &PodSeen) -> Option<Lost> {
    let how = match seen {
        PodSeen::Unseen => return None,
        PodSeen::Gone => Loss::Deleted,
        PodSeen::Present(view) if Some(&view.uid) != leg.from.uid.as_ref() => Loss::Replaced,
        PodSeen::Present(view) if view.terminating => match &view.trouble {
            Some(trouble) => Loss::Evicted {
                trouble: trouble.clone(),
            },
            None => Loss::Deleting,
        },
        PodSeen::Present(view) if view.ended || view.restarts != leg.from.restarts => Loss::Restarted,
        PodSeen::Present(_) => return None,
    };
    let pod = leg.from.pod.clone();
    Some(Lost { pod, how })
}

/// A pod on a node that is gone stays in deletion until a person decides.
pub(super) fn goes(scene: &Scene<'_>) -> String {
    ends(scene, &scene.leg.from)
}

/// The same of either pod.
pub(super) fn ends(scene: &Scene<'_>, instance: &Instance) -> String {
    let (pod, node) = (&instance.pod, &instance.node);
    if !overdue(scene, limits::SILENCE) {
        return format!("pod {pod} is being deleted");
    }
    format!(
        "pod {pod} is being deleted and does not end. To see why, type: kubectl describe pod {pod}, and look at its node {node}. \
         If that node is gone for good, type: kubectl delete pod {pod} --force"
    )
}

fn shadow_guard(step: Step, scene: &Scene<'_>) -> Option<Decision> {
    let not_dumped = scene.leg.checkpoint.is_none();
    let lost = not_dumped.then(|| stand_in_is_lost(scene)).flatten();
    lost.or_else(|| pause_limit::spent(step, scene).map(Decision::RollBack))
}

/// The stand-in has ended or goes, and nobody has its memory.
pub(super) fn stand_in_is_lost(scene: &Scene<'_>) -> Option<Decision> {
    let lost = changed(scene.leg, &scene.seen.from)?;
    if let PodSeen::Present(view) = &scene.seen.from
        && view.terminating
        && !view.ended
    {
        // It may still consume, and the pod under the old name must not do so beside it.
        return Some(wait(scene, goes(scene)));
    }
    if let Some(over) = rollout::over(scene) {
        return Some(over);
    }
    let note = lost.to_string();
    let doubt = Doubt::StandInLost {
        lost,
        pod: scene.leg.to.pod.clone(),
    };
    Some(Decision::Advance(Next::to(Step::Clean).note(note).doubt(doubt)))
}
