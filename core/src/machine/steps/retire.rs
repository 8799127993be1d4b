//! Retire: the old instance goes, as soon as no request reaches it any more, at the latest after [`limits::HEEDED`].
//!
//! Success: the old pod is gone, and so are its control queue (a later pod of that name must not read stale messages)
//! and the hold queue. Where the copy is going to bear the same name, both stay: it has read everything in the former
//! and wakes up on the latter. A ReplicaSet has adopted its new pod.
//! Failure: there is only forward; we wait and say for what.

use k8s_openapi::jiff::SignedDuration;

use crate::api::Step;
use crate::doubt::Doubt;
use crate::machine::observed::{PodSeen, PodView, QueueSeen};
use crate::machine::proof::{Dead, Emptied, Expendable};
use crate::machine::steps::{after, blind, clean, control, guard, overdue, single_active, wait};
use crate::machine::{Action, Decision, Next, Route, Scene, limits};

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    match &scene.seen.from {
        PodSeen::Unseen => wait(scene, format!("the old pod cannot be seen{}", blind(scene))),
        PodSeen::Present(view) if Some(&view.uid) == scene.leg.from.uid.as_ref() => send_away(scene, view),
        PodSeen::Present(_) | PodSeen::Gone => match scene.route {
            Route::Twice | Route::Once => remove_queues(scene),
            Route::Adopted => adopted(scene).unwrap_or_else(|| remove_queues(scene)),
            Route::InPlace => Decision::Advance(onwards(scene)),
        },
    }
}

/// `None`: the copy is adopted, or goes. A ReplicaSet that has gone meanwhile adopts nothing.
fn adopted(scene: &Scene<'_>) -> Option<Decision> {
    let owner = scene.plan.owner.as_ref()?;
    let PodSeen::Present(copy) = &scene.seen.to else {
        return None;
    };
    let is_adopted = copy.terminating || copy.owner.as_ref() == Some(&owner.uid);
    let waits = !is_adopted && !overdue(scene, limits::TRAFFIC);
    waits.then(|| {
        wait(
            scene,
            format!(
                "ReplicaSet {} has not yet adopted pod {}",
                owner.name, scene.leg.to.pod
            ),
        )
    })
}

fn send_away(scene: &Scene<'_>, view: &PodView) -> Decision {
    let Some(proof) = Expendable::superseded(scene.leg, &scene.plan.source.namespace) else {
        return wait(scene, "the commit is not recorded");
    };
    // Kubelet takes a second to tidy up after the last process; a StatefulSet's next pod need not wait for that.
    if let Some(dead) = Dead::prove(scene.leg, &scene.plan.source.namespace, view) {
        return Decision::Run(Action::DropPod(dead));
    }
    match (view.terminating, view.ended, view.settled) {
        (true, false, true) if scene.leg.ended.is_some() => wait(
            scene,
            format!("kubelet removes what is left of pod {}", scene.leg.from.pod),
        ),
        (false, ..) => Decision::Run(Action::DeletePod(proof)),
        // Its node's agent would have done it by then, or kubelet by itself.
        (true, false, true) if overdue(scene, limits::ENDED) => wait(scene, guard::goes(scene)),
        (true, false, true) => Decision::Run(Action::Kill {
            pod: proof,
            quiet: quiet(scene),
        }),
        (true, ..) => wait(scene, guard::goes(scene)),
    }
}

/// Requests that were on their way when the Services switched are answered. Whoever holds the address of the old pod and goes on
/// asking it, as clients of a headless Service do, is not waited for. Where the source goes first, there is nobody else to ask.
fn quiet(scene: &Scene<'_>) -> SignedDuration {
    if scene.route == Route::InPlace || overdue(scene, limits::HEEDED) {
        SignedDuration::ZERO
    } else {
        limits::QUIET
    }
}

fn remove_queues(scene: &Scene<'_>) -> Decision {
    if let Some(first) = control::removed(scene) {
        return first;
    }
    match scene.seen.hold {
        QueueSeen::Absent => Decision::Advance(onwards(scene)),
        QueueSeen::Unseen => wait(scene, format!("the hold queue cannot be read{}", blind(scene))),
        QueueSeen::Present { .. } => {
            match Emptied::prove(&crate::names::hold_queue(&scene.leg.key), scene.seen.hold) {
                Some(proof) => Decision::Run(Action::DropHold(proof)),
                None => wait(
                    scene,
                    clean::in_use(&crate::names::hold_queue(&scene.leg.key), scene),
                ),
            }
        }
    }
}

fn onwards(scene: &Scene<'_>) -> Next {
    let mut next = after(Step::Retire, scene).note(format!("old pod {} is gone", scene.leg.from.pod));
    if let Some(doubt) = copy_went(scene) {
        next = next.doubt(doubt);
    }
    if single_active::is_not_held_to_the_end(scene) {
        next = next.doubt(Doubt::HoldLost);
    }
    next
}

/// Whoever took over may have gone meanwhile, and with it the memory. A stand-in is watched by the handoff that follows, and a
/// pod that is restored only now has taken nothing over yet.
fn copy_went(scene: &Scene<'_>) -> Option<Doubt> {
    if scene.route == Route::InPlace || !scene.route.ends_with(scene.leg.number) {
        return None;
    }
    let pod = scene.leg.to.pod.clone();
    match &scene.seen.to {
        PodSeen::Unseen => None,
        PodSeen::Present(view) if Some(&view.uid) == scene.leg.to.uid.as_ref() && !view.terminating => {
            (view.ended || view.reran).then_some(Doubt::CopyEnded { pod })
        }
        PodSeen::Present(_) | PodSeen::Gone => Some(Doubt::CopyDeleted { pod }),
    }
}
