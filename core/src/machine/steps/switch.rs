//! Switch: Services send requests to the copy.
//!
//! Success: the copy is ready in the endpoints of every Service, and kubelet has begun to stop the old pod, so that it
//! leaves them and never restarts; the old process still answers what reaches it. It consumed nothing since the commit,
//! or the verdict says so.
//! Failure: there is only forward; a copy that does not become ready in time does not hold up the end.

use k8s_openapi::jiff::SignedDuration;

use crate::api::Step;
use crate::doubt::Doubt;
use crate::machine::observed::{PodSeen, PodView, TrafficSeen};
use crate::machine::proof::Expendable;
use crate::machine::steps::{after, blind, fenced, guard, overdue, wait};
use crate::machine::{Action, Decision, Next, Route, Scene, limits};

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    if scene.route == Route::Adopted && is_leaving(scene) {
        // Somebody else sent it away. Its ReplicaSet starts another pod, and gives that up when it counts the copy.
        return Decision::Advance(told(scene, after(Step::Switch, scene)));
    }
    if let Some(missing) = missing(scene)
        && !overdue(scene, limits::TRAFFIC)
    {
        return wait(scene, format!("{missing}{}", blind(scene)));
    }
    if scene.route == Route::Adopted {
        // Its ReplicaSet lets the source go, once it counts the copy.
        return Decision::Advance(told(scene, after(Step::Switch, scene)));
    }
    match &scene.seen.from {
        PodSeen::Unseen => wait(scene, format!("the old pod cannot be seen{}", blind(scene))),
        PodSeen::Present(view) if Some(&view.uid) == scene.leg.from.uid.as_ref() => leaving(scene, view),
        PodSeen::Present(_) | PodSeen::Gone => match scene.seen.restarted {
            Some(restarted) => Decision::Advance(alone(scene, restarted)),
            None => wait(
                scene,
                format!("the events of the old pod cannot be read{}", blind(scene)),
            ),
        },
    }
}

/// How long requests had to wait for the copy to be ready, where that was worth a word.
fn told(scene: &Scene<'_>, next: Next) -> Next {
    let waited = scene.now.duration_since(scene.since);
    let (pod, seconds) = (&scene.leg.to.pod, waited.as_secs_f64());
    match missing(scene) {
        Some(_) => next.note(format!(
            "pod {pod} was not ready after {seconds:.1} s, and the move went on. Until it is ready, its Services may have \
             no pod for their requests"
        )),
        None if waited >= SignedDuration::from_secs(2) => next.note(format!(
            "pod {pod} took {seconds:.1} s to be ready for its Services"
        )),
        None => next,
    }
}

/// The source is on its way out, or has gone.
pub(super) fn is_leaving(scene: &Scene<'_>) -> bool {
    match &scene.seen.from {
        PodSeen::Present(view) => view.terminating || Some(&view.uid) != scene.leg.from.uid.as_ref(),
        PodSeen::Gone => true,
        PodSeen::Unseen => false,
    }
}

fn leaving(scene: &Scene<'_>, view: &PodView) -> Decision {
    match (
        view.terminating,
        Expendable::superseded(scene.leg, &scene.plan.source.namespace),
    ) {
        (false, Some(proof)) => Decision::Run(Action::DeletePod(proof)),
        (false, None) => wait(scene, "the commit is not recorded"),
        (true, _) if view.settled || view.ended => {
            Decision::Advance(alone(scene, view.restarts != scene.leg.from.restarts))
        }
        (true, _) => wait(
            scene,
            format!(
                "kubelet has not yet begun to stop the old pod: {}",
                guard::goes(scene)
            ),
        ),
    }
}

/// From here on the old instance never starts again: whether it consumed since the commit can be told.
pub(super) fn alone(scene: &Scene<'_>, restarted: bool) -> Next {
    let next = if scene.route == Route::Adopted {
        after(Step::Exclude, scene)
    } else {
        told(scene, after(Step::Switch, scene))
    };
    if restarted {
        return next.doubt(Doubt::SourceRestarted);
    }
    match fenced::intruders(scene) {
        0 => next,
        others => next.doubt(Doubt::OthersConsumed {
            others,
            queue: scene.plan.queue.queue.clone(),
        }),
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
        _ if !ready => Some(format!(
            "pod {pod} is not ready yet, so Services do not switch to it"
        )),
        TrafficSeen::Unseen => Some("the endpoints of Services cannot be read".to_owned()),
        TrafficSeen::Behind(services) => Some(format!(
            "pod {pod} is ready; Service {} does not send requests to it yet",
            services.join(", ")
        )),
        TrafficSeen::Switched => None,
    }
}
