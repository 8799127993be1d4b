//! Exclude, in the first handoff: the source can never consume the primary queue again.
//!
//! Success: it is being deleted and kubelet has begun to stop it, so that a crash no longer restarts it (a shadow
//! never restarts in any case); nobody consumes the primary queue. It may still answer requests.
//! Failure: there is only forward; we wait and say for what. The source is not deleted before the rule that
//! rewrites its successor is proven to be in force.

use crate::api::Step;
use crate::machine::observed::{PodSeen, PodView, QueueSeen, RuleSeen};
use crate::machine::proof::Expendable;
use crate::machine::steps::{blind, overdue, wait};
use crate::machine::{Action, Decision, Next, Scene, limits};

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    match &scene.seen.from {
        PodSeen::Unseen => wait(scene, format!("the source cannot be seen{}", blind(scene))),
        PodSeen::Gone => unconsumed(scene, None),
        PodSeen::Present(view) if Some(&view.uid) != scene.leg.from.uid.as_ref() => unconsumed(scene, None),
        PodSeen::Present(view) if view.terminating && (view.settled || view.ended) => {
            unconsumed(scene, Some(view))
        }
        PodSeen::Present(view) if view.terminating => {
            wait(scene, "kubelet has not yet begun to stop the source")
        }
        PodSeen::Present(_) => match scene.seen.rule {
            RuleSeen::Unseen => wait(
                scene,
                format!("the rewriting rule cannot be read{}", blind(scene)),
            ),
            RuleSeen::Absent => Decision::Run(Action::InstallRule),
            RuleSeen::Unproven => Decision::Run(Action::ProveRule),
            RuleSeen::Proven => delete(scene),
        },
    }
}

fn delete(scene: &Scene<'_>) -> Decision {
    match Expendable::superseded(scene.leg, &scene.plan.source.namespace) {
        Some(proof) => Decision::Run(Action::DeletePod(proof)),
        None => wait(scene, "the commit is not recorded"),
    }
}

fn unconsumed(scene: &Scene<'_>, source: Option<&PodView>) -> Decision {
    let next = match source {
        Some(view) if view.restarts != scene.leg.from.restarts => Next::to(Step::Release).doubt(
            "the source restarted between the commit and its deletion and may have taken messages that are not in the \
             moved state",
        ),
        Some(_) | None => Next::to(Step::Release),
    };
    match scene.seen.primary {
        QueueSeen::Present { consumers: 0, .. } => Decision::Advance(next),
        QueueSeen::Present { .. } if overdue(scene, limits::TRAFFIC) => {
            Decision::Advance(next.doubt(format!(
                "somebody else consumes {}, so what it took is not in the moved state",
                scene.plan.queue.queue
            )))
        }
        QueueSeen::Present { consumers, .. } => wait(
            scene,
            format!("{consumers} consumers are still on {}", scene.plan.queue.queue),
        ),
        QueueSeen::Unseen | QueueSeen::Absent => {
            wait(scene, format!("the primary queue cannot be read{}", blind(scene)))
        }
    }
}
