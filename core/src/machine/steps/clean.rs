//! Clean: nothing of ours is left.
//!
//! Success: the moved pod has worked off what came during the move; no hold queue, no port before the queue, no rule, no
//! archive, no key; the migration is over.
//! Failure: tried again until it is done; what is in the way is said. A target node that is gone is not waited for: its
//! agent removes archive and key when it comes back.

use crate::api::Reading;
use crate::machine::observed::{PodSeen, QueueSeen, RuleSeen};
use crate::machine::proof::{Emptied, Expendable};
use crate::machine::steps::fenced::Reader;
use crate::machine::steps::{blind, by_image, control, fenced, guard, out_of_reach, single_active, wait};
use crate::machine::{Action, Decision, End, KeySeen, Scene};

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    led(scene)
        .or_else(|| stand_in(scene))
        .or_else(|| remainder(scene))
        .or_else(|| forsaken(scene).filter(|_| by_image::applies(scene)))
        .unwrap_or(Decision::Finish(End::Completed))
}

/// A re-created pod whose memory was lost before it was dumped for it. It waits for an image that never comes, or, as long as
/// the migration is under way, for an archive, while the migration waits for it to work off what came. Its StatefulSet makes
/// another from its template, which nobody rewrites any more.
fn forsaken(scene: &Scene<'_>) -> Option<Decision> {
    let PodSeen::Present(view) = &scene.seen.to else {
        return None;
    };
    let ours = view.key.as_deref() == Some(scene.leg.key.as_str()) && !view.terminating;
    let waits = scene.route.is_recreated(scene.leg.number) && ours && scene.leg.checkpoint.is_none();
    let proof = Expendable::uncommitted_copy(scene.leg, &scene.plan.source.namespace, &scene.seen.to);
    proof
        .filter(|_| waits)
        .map(|proof| Decision::Run(Action::DeletePod(proof)))
}

/// The moved pod works off what came during the move. Should it crash meanwhile, its container may start anew only when
/// nobody remembers its key.
fn led(scene: &Scene<'_>) -> Option<Decision> {
    scene.status.fence.as_ref()?;
    let reader = Reader {
        pod: &scene.leg.to.pod,
        seen: &scene.seen.to,
        control: scene.seen.to_control,
    };
    disarm(scene)
        .or_else(|| forsaken(scene))
        .or_else(|| fenced::lead(scene, &reader, Reading::Backlog))
}

/// A stand-in that ended or was started anew before it was dumped, and what it listened to.
fn stand_in(scene: &Scene<'_>) -> Option<Decision> {
    if scene.leg.number < 2 {
        return None;
    }
    let pod = &scene.leg.from.pod;
    match &scene.seen.from {
        PodSeen::Unseen => return Some(wait(scene, format!("pod {pod} cannot be seen{}", blind(scene)))),
        PodSeen::Present(view) if view.terminating && !out_of_reach(scene) => {
            return Some(wait(scene, guard::goes(scene)));
        }
        PodSeen::Present(view) if !view.terminating => {
            let forgetful = Expendable::forgetful(scene.leg, &scene.plan.source.namespace, view);
            return forgetful.map(|proof| Decision::Run(Action::DeletePod(proof)));
        }
        PodSeen::Present(_) => return None,
        PodSeen::Gone => {}
    }
    control::removed(scene)
}

/// What is still to be removed, in an order in which every removal is safe. Shared with `abandon`.
pub(super) fn remainder(scene: &Scene<'_>) -> Option<Decision> {
    if single_active::applies(scene) && scene.seen.link.holds() {
        return Some(Decision::Run(Action::DetachLink));
    }
    for (name, seen) in &scene.seen.leftovers {
        match (*seen, Emptied::prove(name, *seen)) {
            (QueueSeen::Absent, _) => {}
            (_, Some(proof)) => return Some(Decision::Run(Action::DropHold(proof))),
            (QueueSeen::Unseen | QueueSeen::Present { .. }, None) => {
                return Some(wait(scene, in_use(name, scene)));
            }
        }
    }
    disarm(scene)
}

/// A hold queue holds nothing; who is on it was told to leave it.
pub(super) fn in_use(queue: &str, scene: &Scene<'_>) -> String {
    format!(
        "hold queue {queue} still has a consumer, or cannot be read{}. A pod that stays on it did not follow END_REPLAY: its own log \
         says why. It leaves the queue when it is deleted, and its memory is lost then",
        blind(scene)
    )
}

/// No pod is rewritten or restored any more.
pub(super) fn disarm(scene: &Scene<'_>) -> Option<Decision> {
    match (scene.seen.rule, &scene.seen.key) {
        (RuleSeen::Unproven | RuleSeen::Proven, _) => Some(Decision::Run(Action::RemoveRule)),
        (RuleSeen::Unseen, _) => Some(wait(
            scene,
            format!("the rewrite rule cannot be read{}", blind(scene)),
        )),
        (RuleSeen::Absent, KeySeen::Known { .. }) => Some(Decision::Run(Action::ForgetKeys)),
        // Its agent removes what belongs to ended migrations when it is back.
        (RuleSeen::Absent, KeySeen::Unseen) if out_of_reach(scene) => None,
        (RuleSeen::Absent, KeySeen::Unseen) => Some(wait(
            scene,
            format!("the target node's agent does not answer{}", blind(scene)),
        )),
        (RuleSeen::Absent, KeySeen::Unknown) => None,
    }
}
