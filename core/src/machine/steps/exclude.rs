//! Exclude: the source is on its way out, and it consumes nothing more.
//!
//! Success: its deletion is accepted; it waits on its hold queue and may still answer requests. That it consumed nothing
//! more is shown by what follows: a source that crashed before kubelet had begun to stop it restarts, which its count
//! of restarts and the consumers of the primary queue tell (`switch`). To wait for kubelet here would not prevent that,
//! and costs up to a second in which nobody consumes.
//! Failure: there is only forward; we wait and say for what. The source is not deleted before what comes after it is
//! certain: the rule that rewrites its successor is proven to be in force, or its ReplicaSet counts the copy, which is
//! ready by then, instead. A source that somebody else sends away does not wait for that, so the copy is adopted at once.

use crate::api::Step;
use crate::doubt::{Doubt, DoubtReason};
use crate::machine::observed::{PodSeen, PodView, QueueSeen, RuleSeen};
use crate::machine::proof::Expendable;
use crate::machine::steps::{after, blind, guard, is_told, overdue, single_active, switch, wait};
use crate::machine::{Action, Decision, Route, Scene, limits};
use crate::wire::PodRef;

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    if let Some(decision) = uncounted(scene) {
        return decision;
    }
    match &scene.seen.from {
        PodSeen::Unseen => wait(scene, format!("the source cannot be seen{}", blind(scene))),
        PodSeen::Gone => gone(scene),
        PodSeen::Present(view) if Some(&view.uid) != scene.leg.from.uid.as_ref() => gone(scene),
        PodSeen::Present(view) if view.terminating => leaving(scene, view),
        PodSeen::Present(_) => match scene.route {
            Route::Twice | Route::InPlace => with_rule(scene),
            Route::Once | Route::Adopted => delete(scene),
        },
    }
}

fn leaving(scene: &Scene<'_>, view: &PodView) -> Decision {
    let stopping = view.settled || view.ended;
    match scene.route {
        // Its process has to end before anything else can happen, and only kubelet can begin that.
        Route::InPlace | Route::Adopted if !stopping => wait(
            scene,
            format!(
                "kubelet has not yet begun to stop the old pod: {}",
                guard::goes(scene)
            ),
        ),
        Route::Adopted => Decision::Advance(switch::alone(scene, view.restarts != scene.leg.from.restarts)),
        Route::InPlace | Route::Twice | Route::Once => unconsumed(scene, Some(view)),
    }
}

fn gone(scene: &Scene<'_>) -> Decision {
    match (scene.route, scene.seen.restarted) {
        (Route::Twice | Route::Once | Route::InPlace, _) => unconsumed(scene, None),
        (Route::Adopted, Some(restarted)) => Decision::Advance(switch::alone(scene, restarted)),
        (Route::Adopted, None) => wait(
            scene,
            format!("the events of the old pod cannot be read{}", blind(scene)),
        ),
    }
}

/// The pod that the StatefulSet makes next has to be rewritten.
fn with_rule(scene: &Scene<'_>) -> Decision {
    match scene.seen.rule {
        RuleSeen::Unseen => wait(scene, format!("the rewrite rule cannot be read{}", blind(scene))),
        RuleSeen::Absent => Decision::Run(Action::InstallRule),
        RuleSeen::Unproven => Decision::Run(Action::ProveRule),
        RuleSeen::Proven => delete(scene),
    }
}

/// A ReplicaSet that counts the copy makes no other pod for the source; and one that was scaled down, or rolled out, lets
/// the copy go as well, whoever sent the source away. `None`: it counts the copy, or the copy is lost.
fn uncounted(scene: &Scene<'_>) -> Option<Decision> {
    if scene.route != Route::Adopted {
        return None;
    }
    let copy = match &scene.seen.to {
        PodSeen::Unseen => {
            return Some(wait(scene, format!("the copy cannot be seen{}", blind(scene))));
        }
        PodSeen::Present(copy) if !copy.hashed && !copy.terminating => copy,
        PodSeen::Present(_) | PodSeen::Gone => return None,
    };
    if let Some(doubt) = replaced(scene) {
        return Some(Decision::Run(Action::Doubt(doubt)));
    }
    let source = scene.leg.from.uid.as_ref()?;
    let of = |name: &str, uid: &str| PodRef {
        namespace: scene.plan.source.namespace.clone(),
        name: name.to_owned(),
        uid: uid.to_owned(),
    };
    Some(Decision::Run(Action::Adopt {
        from: of(&scene.leg.from.pod, source),
        to: of(&scene.leg.to.pod, &copy.uid),
    }))
}

/// A ReplicaSet replaces a source that is deleted before the ReplicaSet counts the copy. `None`: the source is not being
/// deleted, or the verdict says so already.
fn replaced(scene: &Scene<'_>) -> Option<Doubt> {
    let untold = switch::is_leaving(scene) && !is_told(scene, DoubtReason::SourceReplaced);
    untold.then(|| Doubt::SourceReplaced {
        source: scene.leg.from.pod.clone(),
        copy: scene.leg.to.pod.clone(),
    })
}

fn delete(scene: &Scene<'_>) -> Decision {
    match Expendable::superseded(scene.leg, &scene.plan.source.namespace) {
        Some(proof) => Decision::Run(Action::DeletePod(proof)),
        None => wait(scene, "the commit is not recorded"),
    }
}

fn unconsumed(scene: &Scene<'_>, source: Option<&PodView>) -> Decision {
    let next = after(Step::Exclude, scene);
    if source.is_some_and(|view| view.restarts != scene.leg.from.restarts) {
        return Decision::Advance(next.doubt(Doubt::SourceRestarted));
    }
    match scene.seen.primary {
        _ if single_active::applies(scene) => Decision::Advance(next),
        QueueSeen::Present { consumers: 0, .. } => Decision::Advance(next),
        QueueSeen::Present { consumers, .. } if overdue(scene, limits::TRAFFIC) => {
            Decision::Advance(next.doubt(Doubt::OthersConsumed {
                others: consumers,
                queue: scene.plan.queue.queue.clone(),
            }))
        }
        QueueSeen::Present { consumers, .. } => wait(
            scene,
            format!(
                "{consumers} consumers still read queue {}",
                scene.plan.queue.queue
            ),
        ),
        QueueSeen::Unseen | QueueSeen::Absent => {
            wait(scene, format!("the primary queue cannot be read{}", blind(scene)))
        }
    }
}
