//! Switch: Services send requests to the copy.
//!
//! Success: the copy is ready, so that it stands in the endpoints, and the old pod is being deleted, so that it
//! leaves them; the old process still answers what reaches it.
//! Failure: there is only forward; a copy that does not become ready in time does not hold up the end.

use crate::api::Step;
use crate::machine::observed::PodSeen;
use crate::machine::proof::Expendable;
use crate::machine::steps::{blind, overdue, wait};
use crate::machine::{Action, Decision, Next, Scene, limits};

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    let ready = match &scene.seen.to {
        PodSeen::Present(view) => view.ready,
        PodSeen::Unseen | PodSeen::Gone => false,
    };
    if !ready && !overdue(scene, limits::TRAFFIC) {
        return wait(
            scene,
            format!(
                "pod {} becomes ready, so that Services switch to it{}",
                scene.leg.to.pod,
                blind(scene)
            ),
        );
    }
    match &scene.seen.from {
        PodSeen::Unseen => wait(scene, format!("the old pod cannot be seen{}", blind(scene))),
        PodSeen::Present(view) if Some(&view.uid) == scene.leg.from.uid.as_ref() && !view.terminating => {
            match Expendable::superseded(scene.leg, &scene.plan.source.namespace) {
                Some(proof) => Decision::Run(Action::DeletePod(proof)),
                None => wait(scene, "the commit is not recorded"),
            }
        }
        PodSeen::Present(_) | PodSeen::Gone => Decision::Advance(Next::to(Step::Retire)),
    }
}
