//! The pod that a StatefulSet makes anew, when it does not come or no node takes it. The source has gone by then: in the second
//! handoff its stand-in serves, and in a move in place the archive has its memory.
//!
//! Success: the pod comes; a second handoff goes to another node where the first one takes no pods any more.
//! Failure: a person is asked, by what to type; when that is done the move goes on by itself.

use crate::api::Step;
use crate::machine::observed::{Closed, Place, PodView};
use crate::machine::steps::{blind, overdue, wait};
use crate::machine::{Cause, Decision, Next, Route, Scene, limits};
use crate::reason::Reason;
use crate::recreation::Recreation;

/// It is not there.
pub(super) fn missing(scene: &Scene<'_>) -> Decision {
    let pod = &scene.leg.to.pod;
    if !overdue(scene, limits::SILENCE) {
        return wait(
            scene,
            format!("the StatefulSet has not yet re-created pod {pod}{}", blind(scene)),
        );
    }
    let set = scene.plan.owner.as_ref().map_or("", |owner| owner.name.as_str());
    let why = match &scene.seen.recreation {
        None | Some(Recreation::Comes) => {
            return wait(
                scene,
                format!(
                    "StatefulSet {set} has not yet re-created pod {pod}{}. To see why, type: kubectl describe statefulset {set}",
                    blind(scene)
                ),
            );
        }
        Some(Recreation::After { pod: before }) => format!(
            "StatefulSet {set} makes one pod after another (podManagementPolicy OrderedReady), and pod {before} is not ready, so it \
             does not re-create pod {pod}. Make pod {before} ready; to see what it lacks, type: kubectl describe pod {before}. The \
             move goes on by itself then"
        ),
        Some(Recreation::Unwanted { replicas }) => format!(
            "StatefulSet {set} has {replicas} replicas now, so it does not re-create pod {pod}. Scale it up again; type: kubectl scale \
             statefulset {set} --replicas={}. The move goes on by itself then",
            wanted(pod, *replicas)
        ),
        Some(Recreation::Removed) => {
            format!("StatefulSet {set} is gone, so nothing re-creates pod {pod}")
        }
    };
    Decision::Stuck(Cause::new(
        Reason::NotMadeAnew,
        format!("{why}. {}", meanwhile(scene)),
    ))
}

/// As many as make a pod with this ordinal.
fn wanted(pod: &str, replicas: i32) -> i32 {
    crate::workload::ordinal_of(pod).map_or(replicas + 1, |ordinal| ordinal + 1)
}

/// The scheduler finds no place for it. `None`: it does, or it may yet.
pub(super) fn homeless(scene: &Scene<'_>, view: &PodView) -> Option<Decision> {
    if !view.unschedulable || view.terminating || !overdue(scene, limits::UNSCHEDULABLE) {
        return None;
    }
    let (pod, node) = (&scene.leg.to.pod, &scene.leg.to.node);
    let attempt = scene.leg.attempt + 1;
    if let (
        Some(Place::Closed {
            why,
            another: Some(another),
        }),
        Route::Twice,
    ) = (&scene.seen.place, scene.route)
        && attempt < limits::SECOND_LEG_ATTEMPTS
    {
        return Some(Decision::Advance(
            Next::to(Step::Stage)
                .note(format!(
                    "{}, so pod {pod} goes to node {another}",
                    closed(node, *why)
                ))
                .begin_on(scene.leg.number, attempt, another.clone()),
        ));
    }
    if !overdue(scene, limits::STAGE) {
        return None;
    }
    let scheduler = view
        .trouble
        .as_deref()
        .unwrap_or("the scheduler does not say why");
    let way_out = match &scene.seen.place {
        Some(Place::Closed {
            why: Closed::Cordoned,
            ..
        }) => format!("Node {node} is cordoned. Type: kubectl uncordon {node}"),
        Some(Place::Closed { why, .. }) => format!("Since {}, bring it back", closed(node, *why)),
        Some(Place::Open) | None => {
            format!("Make room on node {node}, or take away what keeps the pod off it")
        }
    };
    Some(Decision::Stuck(Cause::new(
        Reason::NoPlace,
        format!(
            "no node takes pod {pod} ({scheduler}). {way_out}. The move goes on by itself then. {}",
            meanwhile(scene)
        ),
    )))
}

fn closed(node: &str, why: Closed) -> String {
    match why {
        Closed::Cordoned => format!("node {node} is cordoned"),
        Closed::NotReady => format!("node {node} is not ready"),
        Closed::Gone => format!("node {node} is gone"),
    }
}

/// Who has the memory until then, and how to give it up.
fn meanwhile(scene: &Scene<'_>) -> String {
    let (pod, holder) = (&scene.leg.to.pod, &scene.leg.from.pod);
    if scene.route == Route::InPlace {
        return format!(
            "The archive with its memory is kept on node {}; messages wait in the queue. To give the memory up and let the pod start \
             from its image, type: kubectl shadow cancel {pod} --give-memory-up (or set spec.cancel to true)",
            scene.leg.to.node
        );
    }
    format!(
        "Pod {holder} has the memory and serves meanwhile. To give the memory up, type: kubectl delete pod {holder}"
    )
}
