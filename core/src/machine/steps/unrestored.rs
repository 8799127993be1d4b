//! A restore that nobody can finish, after the source has gone (the commit came first).
//!
//! What was restored had consumed nothing, since it waited on its hold queue or its queue was held. When it has ended, or
//! when a pod came in its place that may not be given the same memory again, or when its node has lost the archive, the
//! memory is lost as in any crash: the pod starts from its image, and the verdict says so.

use crate::api::Step;
use crate::doubt::Doubt;
use crate::machine::observed::{KeySeen, PodSeen};
use crate::machine::steps::{overdue, restore};
use crate::machine::{Decision, Next, Scene};
use crate::wire::Claim;

/// `None`: it may still come about.
pub(super) fn next(scene: &Scene<'_>) -> Option<Decision> {
    scene.leg.committed.as_ref()?;
    if may_live(scene) {
        return None;
    }
    let why = match &scene.seen.key {
        KeySeen::Unseen => None,
        KeySeen::Unknown => Some(format!(
            "{} has lost the archive, as a node does when it restarts",
            scene.leg.to.node
        )),
        KeySeen::Known { claim, .. } => ended(claim, &scene.seen.to).map(str::to_owned),
    };
    // In time a restore is not given up: after the commit a move finishes.
    let late = overdue(scene, restore::limit(scene));
    let asked = || (scene.seen.give_memory_up && late).then(|| "it was given up, as asked".to_owned());
    why.or_else(asked).map(|why| given_up(scene, &why))
}

/// What somebody who wants no more of it has to do, once it is overdue.
pub(super) fn way_out(scene: &Scene<'_>) -> String {
    if scene.leg.committed.is_none() || !overdue(scene, restore::limit(scene)) {
        return String::new();
    }
    let pod = &scene.leg.to.pod;
    let what = if may_live(scene) {
        format!("type: kubectl delete pod {pod}")
    } else {
        format!("type: kubectl shadow cancel {pod} --give-memory-up (or set spec.giveMemoryUp to true)")
    };
    format!(
        ". The source has ended, so the move waits. To give the memory up, so that pod {pod} starts from its image, {what}"
    )
}

/// A process that was restored and does not run on its own queue yet. Nobody would ever tell it to go on.
fn may_live(scene: &Scene<'_>) -> bool {
    let connected =
        scene.seen.copy_connected == Some(true) || scene.seen.hold.consumers().is_some_and(|n| n > 0);
    match (&scene.seen.key, &scene.seen.to) {
        (
            KeySeen::Known {
                claim: Claim::Restored { pod_uid, .. },
                ..
            },
            PodSeen::Present(view),
        ) => *pod_uid == view.uid && !view.ended && !view.reran,
        (KeySeen::Unseen | KeySeen::Unknown, _) => connected,
        (KeySeen::Known { .. }, _) => false,
    }
}

fn ended(claim: &Claim, seen: &PodSeen) -> Option<&'static str> {
    let PodSeen::Present(view) = seen else {
        return None;
    };
    match claim {
        Claim::Restored { pod_uid, .. } if *pod_uid == view.uid => (view.ended || view.reran)
            .then_some("the restored process ended before it consumed (its log says why)"),
        Claim::Restored { pod_uid, .. } | Claim::Taken { pod_uid } => {
            (*pod_uid != view.uid && view.key.is_some() && !view.terminating)
                .then_some("the restored pod was deleted, and another one came in its place")
        }
        Claim::None | Claim::Waiting { .. } | Claim::Failed { .. } | Claim::Aborted => None,
    }
}

fn given_up(scene: &Scene<'_>, why: &str) -> Decision {
    let lost = Doubt::MemoryGivenUp {
        pod: scene.leg.to.pod.clone(),
        why: why.to_owned(),
    };
    Decision::Advance(Next::to(Step::Clean).note(lost.to_string()).doubt(lost))
}
