//! Abandon: the present handoff is undone.
//!
//! Success, first handoff: the source serves as if nothing had happened, the copy is gone, nothing of ours is
//! left; or it begins again, where another attempt may succeed. Success, second handoff: the shadow serves, and another attempt begins with a new key.
//! Failure: tried again until it is done. The source is released first, before anything is tidied up. A target node that
//! is gone is not waited for.

use crate::api::Step;
use crate::doubt::{Doubt, DoubtReason};
use crate::machine::observed::{KeySeen, PodSeen, QueueSeen};
use crate::machine::proof::Expendable;
use crate::machine::steps::fenced::Resumed;
use crate::machine::steps::{
    blind, clean, fenced, frozen, guard, is_told, out_of_reach, overdue, single_active, wait,
};
use crate::machine::{Action, Cause, Decision, End, Next, Route, Scene, limits};
use crate::names;
use crate::reason::Reason;
use crate::wire::Claim;

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    if let Some(decision) = frozen::thaw(scene) {
        return decision;
    }
    if let Some(first) = overhears(scene) {
        return first;
    }
    if let Some(decision) = release_holder(scene) {
        // While it works off what came meanwhile, its copy need not stay.
        let waits = matches!(decision, Decision::Wait { .. }) && scene.status.fence.is_some();
        return match copy_goes(scene).filter(|_| waits && scene.leg.number == 1) {
            Some(run @ Decision::Run(_)) => run,
            Some(_) | None => decision,
        };
    }
    if scene.leg.number > 1 {
        try_again(scene)
    } else {
        remove_copy(scene)
    }
}

/// A copy that consumes the control queue of its source as well, since its client library restores all consumers of its memory,
/// would read what the source is told, and obey. It goes first. `None`: nobody does, or not for much longer.
fn overhears(scene: &Scene<'_>) -> Option<Decision> {
    let beside = scene.seen.from_control.consumers().is_some_and(|n| n > 1);
    let first = beside && !single_active::applies(scene) && !overdue(scene, limits::SILENCE);
    first.then(|| copy_goes(scene)).flatten()
}

/// Whoever holds the stream goes on first. `None`: it does.
///
/// What counts is the name, not the incarnation: a restarted or replaced instance finds its primary queue by itself,
/// but it would also obey a START_REPLAY that its predecessor had not read.
fn release_holder(scene: &Scene<'_>) -> Option<Decision> {
    if single_active::applies(scene) {
        return single_active::let_go(scene);
    }
    if scene.status.fence.is_some() {
        match fenced::resume(scene) {
            Resumed::Not(first) => return Some(first),
            Resumed::OnTheRest => return None,
            Resumed::AsBefore => {}
        }
    }
    let seen = scene.seen;
    let pod = &scene.leg.from.pod;
    let unread = seen.from_control.ready().unwrap_or(0);
    let withdraw = || Decision::Run(Action::WithdrawControl { pod: pod.clone() });
    if scene.leg.park_sent.is_none() && seen.hold == QueueSeen::Absent {
        return None;
    }
    match &seen.from {
        PodSeen::Unseen => return Some(wait(scene, format!("pod {pod} cannot be seen{}", blind(scene)))),
        PodSeen::Gone => return (unread > 0).then(withdraw),
        PodSeen::Present(view) if view.ended => return None,
        PodSeen::Present(view) if view.terminating => return Some(wait(scene, guard::goes(scene))),
        PodSeen::Present(_) => {}
    }
    let serves = seen.primary.consumers().is_some_and(|n| n > 0);
    let told = scene.leg.unpark_sent.as_ref().map(|t| t.0);
    // Until it is told to go on, it may have read START_REPLAY and obey when it has done what it does now.
    if serves && unread == 0 && told.is_some() {
        return None;
    }
    if serves && unread > 0 && overdue(scene, limits::CONTROL_UNREAD) {
        // END_REPLAY alone stays: what came before it was read, and may not be obeyed yet.
        return if told.is_some() && unread == 1 {
            None
        } else {
            Some(withdraw())
        };
    }
    if told.is_none_or(|at| scene.now.duration_since(at) > limits::RESEND && unread == 0) {
        return Some(Decision::Run(Action::Unpark { pod: pod.clone() }));
    }
    Some(wait(
        scene,
        format!("pod {pod} returns to its primary queue{}", blind(scene)),
    ))
}

fn remove_copy(scene: &Scene<'_>) -> Decision {
    copy_goes(scene).unwrap_or_else(|| forget(scene))
}

/// `None`: the copy is gone, and so is what it listened to.
pub(super) fn copy_goes(scene: &Scene<'_>) -> Option<Decision> {
    if let KeySeen::Known {
        claim: Claim::Waiting { .. } | Claim::None,
        ..
    } = &scene.seen.key
    {
        return Some(refuse(scene));
    }
    match &scene.seen.to {
        PodSeen::Unseen => return Some(wait(scene, format!("the copy cannot be seen{}", blind(scene)))),
        PodSeen::Present(view)
            if view.key.as_deref() == Some(scene.leg.key.as_str()) && !view.terminating =>
        {
            if let Some(proof) =
                Expendable::uncommitted_copy(scene.leg, &scene.plan.source.namespace, &scene.seen.to)
            {
                return Some(Decision::Run(Action::DeletePod(proof)));
            }
        }
        // Its node is gone: kubelet ends it when it is back, and the agent does not start a container in it.
        PodSeen::Present(_) if out_of_reach(scene) => {}
        PodSeen::Present(view) if view.key.as_deref() == Some(scene.leg.key.as_str()) => {
            return Some(wait(scene, guard::ends(scene, &scene.leg.to)));
        }
        PodSeen::Present(_) | PodSeen::Gone => {}
    }
    let own_control = scene.route != Route::InPlace;
    if let (QueueSeen::Present { consumers: 0, .. }, true) = (scene.seen.to_control, own_control) {
        return Some(Decision::Run(Action::DropControl {
            pod: scene.leg.to.pod.clone(),
        }));
    }
    None
}

/// Whoever waits for the archive is told no.
pub(super) fn refuse(scene: &Scene<'_>) -> Decision {
    let rollback = scene.status.rollback.as_ref();
    let reason = rollback.map_or("abandoned", |rollback| rollback.message.as_str());
    Decision::Run(Action::AbortKey {
        reason: format!("the migration was undone: {reason}"),
    })
}

fn forget(scene: &Scene<'_>) -> Decision {
    let again = scene
        .status
        .rollback
        .as_ref()
        .is_some_and(|rollback| rollback.again);
    if again && scene.leg.attempt + 1 < limits::FIRST_LEG_ATTEMPTS {
        match &scene.seen.key {
            // Nobody would remember this attempt's key later.
            KeySeen::Known { .. } => return Decision::Run(Action::ForgetKeys),
            // No attempt succeeds there now.
            KeySeen::Unseen if out_of_reach(scene) => {}
            KeySeen::Unseen => {
                return wait(
                    scene,
                    format!("the target node's agent does not answer{}", blind(scene)),
                );
            }
            KeySeen::Unknown => {
                return Decision::Advance(Next::to(Step::Stage).begin(1, scene.leg.attempt + 1));
            }
        }
    }
    clean::remainder(scene)
        .or_else(|| without_its_memory(scene))
        .unwrap_or(Decision::Finish(End::Undone))
}

/// `None`: the source is what it was, or the verdict says already that it is not.
fn without_its_memory(scene: &Scene<'_>) -> Option<Decision> {
    if scene.seen.from == PodSeen::Unseen {
        return Some(wait(scene, format!("the source cannot be seen{}", blind(scene))));
    }
    if is_told(scene, DoubtReason::SourceLost) {
        return None;
    }
    let lost = guard::changed(scene.leg, &scene.seen.from)?;
    Some(Decision::Run(Action::Doubt(Doubt::SourceLost(lost))))
}

/// After so many attempts a person decides when there is another one. Until then the stand-in serves.
fn try_again(scene: &Scene<'_>) -> Decision {
    let attempt = scene.leg.attempt + 1;
    let one_more = is_asked_for_another(scene) && overdue(scene, limits::ONE_MORE);
    if attempt < limits::SECOND_LEG_ATTEMPTS || one_more {
        return Decision::Advance(Next::to(Step::Stage).begin(2, attempt));
    }
    if let Some(decision) = guard::stand_in_is_lost(scene) {
        return decision;
    }
    let why = scene
        .status
        .rollback
        .as_ref()
        .map_or("unknown", |r| r.message.as_str());
    Decision::Stuck(Cause::new(
        Reason::SecondHandoffFails,
        format!(
            "pod {} has the memory and serves. The second handoff, to the old name, failed {attempt} times, the last time \
             because: {why}. Correct that. Then, to try once more, type: kubectl delete pod {}",
            names::shadow_pod(&scene.plan.source.name),
            scene.plan.source.name
        ),
    ))
}

/// The pod that was to take over was deleted.
fn is_asked_for_another(scene: &Scene<'_>) -> bool {
    match &scene.seen.to {
        PodSeen::Gone => true,
        PodSeen::Present(view) => {
            let another = scene.leg.to.uid.as_ref().is_some_and(|uid| *uid != view.uid);
            view.terminating || another
        }
        PodSeen::Unseen => false,
    }
}
