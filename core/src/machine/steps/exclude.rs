//! Exclude: the source can never consume the primary queue again.
//!
//! Success: it is being deleted and kubelet has begun to stop it, so that a crash no longer restarts it (a shadow
//! never restarts in any case); nobody consumes the primary queue. It may still answer requests.
//! Failure: there is only forward; we wait and say for what. The source is not deleted before what comes after it is
//! certain: the rule that rewrites its successor is proven to be in force, or its ReplicaSet counts the copy instead.

use crate::api::{OwnerKind, Step};
use crate::machine::observed::{PodSeen, PodView, QueueSeen, RuleSeen};
use crate::machine::proof::Expendable;
use crate::machine::steps::{after, blind, overdue, wait};
use crate::machine::{Action, Decision, Route, Scene, limits};
use crate::wire::PodRef;

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
        PodSeen::Present(_) => match scene.route {
            Route::Twice | Route::InPlace => with_rule(scene),
            Route::Once => with_owner(scene),
        },
    }
}

/// The pod that the StatefulSet makes next has to be rewritten.
fn with_rule(scene: &Scene<'_>) -> Decision {
    match scene.seen.rule {
        RuleSeen::Unseen => wait(
            scene,
            format!("the rewriting rule cannot be read{}", blind(scene)),
        ),
        RuleSeen::Absent => Decision::Run(Action::InstallRule),
        RuleSeen::Unproven => Decision::Run(Action::ProveRule),
        RuleSeen::Proven => delete(scene),
    }
}

/// A ReplicaSet that counts the copy makes no other pod for the source. A copy that is lost is left to it.
fn with_owner(scene: &Scene<'_>) -> Decision {
    let is_replica = scene
        .plan
        .owner
        .as_ref()
        .is_some_and(|owner| owner.kind == OwnerKind::ReplicaSet);
    match (&scene.seen.to, &scene.leg.from.uid) {
        (PodSeen::Unseen, _) => wait(scene, format!("the copy cannot be seen{}", blind(scene))),
        (PodSeen::Present(copy), Some(source)) if is_replica && !copy.hashed && !copy.terminating => {
            let of = |name: &str, uid: &str| PodRef {
                namespace: scene.plan.source.namespace.clone(),
                name: name.to_owned(),
                uid: uid.to_owned(),
            };
            Decision::Run(Action::Adopt {
                from: of(&scene.leg.from.pod, source),
                to: of(&scene.leg.to.pod, &copy.uid),
            })
        }
        (PodSeen::Present(_) | PodSeen::Gone, _) => delete(scene),
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
        Some(view) if view.restarts != scene.leg.from.restarts => after(Step::Exclude, scene).doubt(
            "the source restarted between the commit and its deletion and may have taken messages that are not in the \
             moved state",
        ),
        Some(_) | None => after(Step::Exclude, scene),
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
