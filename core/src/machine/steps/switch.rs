//! Switch: Services send requests to the copy.
//!
//! Success: the copy is ready in the endpoints of every Service, and the old pod is being deleted, so that it leaves
//! them; the old process still answers what reaches it.
//! Failure: there is only forward; a copy that does not become ready in time does not hold up the end.

use crate::api::Step;
use crate::machine::observed::{PodSeen, TrafficSeen};
use crate::machine::proof::Expendable;
use crate::machine::steps::{after, blind, overdue, wait};
use crate::machine::{Action, Decision, Scene, limits};

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    if let Some(missing) = missing(scene)
        && !overdue(scene, limits::TRAFFIC)
    {
        return wait(scene, format!("{missing}{}", blind(scene)));
    }
    match &scene.seen.from {
        PodSeen::Unseen => wait(scene, format!("the old pod cannot be seen{}", blind(scene))),
        PodSeen::Present(view) if Some(&view.uid) == scene.leg.from.uid.as_ref() && !view.terminating => {
            match Expendable::superseded(scene.leg, &scene.plan.source.namespace) {
                Some(proof) => Decision::Run(Action::DeletePod(proof)),
                None => wait(scene, "the commit is not recorded"),
            }
        }
        PodSeen::Present(_) | PodSeen::Gone => Decision::Advance(after(Step::Switch, scene)),
    }
}

/// What is missing before requests reach the copy.
fn missing(scene: &Scene<'_>) -> Option<String> {
    let pod = &scene.leg.to.pod;
    let ready = match &scene.seen.to {
        PodSeen::Present(view) => view.ready,
        PodSeen::Unseen | PodSeen::Gone => false,
    };
    match &scene.seen.traffic {
        _ if !ready => Some(format!("pod {pod} becomes ready, so that Services switch to it")),
        TrafficSeen::Unseen => Some("the endpoints of Services cannot be read".to_owned()),
        TrafficSeen::Behind(services) => Some(format!(
            "pod {pod} is ready; Service {} does not send requests to it yet",
            services.join(", ")
        )),
        TrafficSeen::Switched => None,
    }
}
