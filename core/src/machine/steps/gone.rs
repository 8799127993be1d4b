//! What a step does when something that the move needs is gone for good ([`crate::gone`]): the move ends, and says what it left.
//!
//! Guarantees: before the first commit the move is undone as far as it can be without that: the copy goes, a frozen source goes on.
//! After it no pod is deleted. No rule, key or hold of ours is left; queues at the broker go only where the broker still answers and
//! they are empty. As long as a stand-in serves, or an archive alone has the memory, a person decides: an end would start a second
//! consumer beside the stand-in, or delete that archive. A namespace that goes takes all of this along, so nothing is waited for.

use crate::api::{HoldKind, Step};
use crate::doubt::{Doubt, DoubtReason};
use crate::gone::{self, Left, Need};
use crate::machine::observed::{PodSeen, QueueSeen};
use crate::machine::proof::Emptied;
use crate::machine::steps::{abandon, clean, control, frozen, guard, is_told, single_active};
use crate::machine::{Action, Cause, Decision, End, KeySeen, Next, Route, RuleSeen, Scene};
use crate::names;
use crate::reason::Reason;

/// What has to be done instead of the present step's own decision. `None`: nothing is gone for good.
pub fn overrides(step: Step, scene: &Scene<'_>) -> Option<Decision> {
    let need = gone::for_good(&scene.seen.world, scene.now)?;
    if step == Step::Prepare {
        return None;
    }
    if let Some(why) = kept_for_a_person(step, scene).filter(|_| !matches!(need, Need::Namespace(_))) {
        let lost = scene.leg.number > 1 && scene.leg.committed.is_none() && scene.leg.checkpoint.is_none();
        let lost = lost.then(|| guard::stand_in_is_lost(scene)).flatten();
        return Some(lost.unwrap_or_else(|| Decision::Stuck(asked(&need, &why))));
    }
    Some(match step {
        Step::Abandon => undo(scene, &need),
        Step::Clean => end(scene, &need, End::Completed),
        Step::Prepare
        | Step::Stage
        | Step::Fence
        | Step::Hold
        | Step::Checkpoint
        | Step::Follow
        | Step::Transfer
        | Step::Restore
        | Step::Commit
        | Step::Exclude
        | Step::Release
        | Step::Switch
        | Step::Retire => leave(scene, &need),
    })
}

/// To the step that ends it.
fn leave(scene: &Scene<'_>, need: &Need) -> Decision {
    if scene.leg.committed.is_none() && scene.leg.number == 1 {
        return Decision::RollBack(Cause::new(Reason::GoneForGood, need.to_string()));
    }
    Decision::Advance(Next::to(Step::Clean).note(need.to_string()))
}

fn asked(need: &Need, why: &str) -> Cause {
    Cause::new(
        Reason::GoneForGood,
        format!("{need}. To let the move go on, {}. {why}", need.way_back()),
    )
}

/// What an end would spoil, and how a person gives it up.
fn kept_for_a_person(step: Step, scene: &Scene<'_>) -> Option<String> {
    let leg = scene.leg;
    if step == Step::Clean {
        // It came here since nothing is to be kept.
        return None;
    }
    if scene.route == Route::InPlace {
        let archived = leg.committed.is_some() && leg.restore_micros.is_none();
        return (archived && !scene.seen.give_memory_up).then(|| {
            format!(
                "The archive on node {} alone has the memory of pod {pod}. To give it up, type: kubectl shadow cancel {pod} \
                 --give-memory-up",
                leg.to.node,
                pod = leg.to.pod
            )
        });
    }
    let (stand_in, seen) = match (scene.route, leg.number, &leg.committed) {
        (Route::Twice, 1, Some(_)) if leg.released.is_some() => (&leg.to.pod, &scene.seen.to),
        (Route::Twice, 2.., None) if !is_held(scene) => (&leg.from.pod, &scene.seen.from),
        (Route::Twice | Route::Once | Route::Adopted | Route::InPlace, ..) => return None,
    };
    let serves = match seen {
        PodSeen::Gone => false,
        PodSeen::Present(view) => !view.ended,
        PodSeen::Unseen => true,
    };
    serves.then(|| {
        format!(
            "Until then pod {stand_in} has the memory and serves. To give the memory up and end the move, type: kubectl delete pod \
             {stand_in}"
        )
    })
}

/// Whether the stand-in waits for its copy, and consumes nothing.
fn is_held(scene: &Scene<'_>) -> bool {
    match scene.plan.queue.hold {
        HoldKind::SingleActive => scene.seen.link.holds(),
        HoldKind::Park | HoldKind::Exchange => {
            scene.leg.park_sent.is_some() && scene.leg.unpark_sent.is_none()
        }
    }
}

/// The copy goes before the source is let go: both would be the same consumer.
fn undo(scene: &Scene<'_>, need: &Need) -> Decision {
    if let Some(thaw) = frozen::thaw(scene) {
        return thaw;
    }
    let leaves = matches!(need, Need::Namespace(_));
    if scene.leg.number == 1
        && !leaves
        && let Some(decision) = abandon::copy_goes(scene)
    {
        return decision;
    }
    let how = if scene.leg.number == 1 {
        End::Undone
    } else {
        End::Completed
    };
    end(scene, need, how)
}

fn end(scene: &Scene<'_>, need: &Need, how: End) -> Decision {
    if single_active::applies(scene) && scene.seen.link.holds() {
        return Decision::Run(Action::DetachLink);
    }
    emptied(scene)
        .or_else(|| spoken_for(scene))
        .or_else(|| disarm(scene, need))
        .or_else(|| told(scene, need))
        .unwrap_or(Decision::Finish(how))
}

/// A hold queue that the broker still shows, and that nothing uses.
fn emptied(scene: &Scene<'_>) -> Option<Decision> {
    let mut leftovers = scene.seen.leftovers.iter();
    leftovers.find_map(|(name, seen)| Some(Decision::Run(Action::DropHold(Emptied::prove(name, *seen)?))))
}

/// The control queue of a stand-in that is gone, where the broker shows that nobody reads it.
fn spoken_for(scene: &Scene<'_>) -> Option<Decision> {
    let gone = scene.leg.number > 1 && scene.seen.from == PodSeen::Gone;
    let removed = gone.then(|| control::removed(scene)).flatten()?;
    matches!(removed, Decision::Run(_)).then_some(removed)
}

/// No pod is rewritten or restored any more. In a namespace that goes no agent is waited for: it forgets keys of ended moves by
/// itself.
fn disarm(scene: &Scene<'_>, need: &Need) -> Option<Decision> {
    let leaves = matches!(need, Need::Namespace(_));
    let only_keys = scene.seen.rule == RuleSeen::Absent;
    if leaves && only_keys && scene.seen.key == KeySeen::Unseen {
        return None;
    }
    clean::disarm(scene)
}

fn told(scene: &Scene<'_>, need: &Need) -> Option<Decision> {
    let untold = !is_told(scene, DoubtReason::GoneForGood);
    untold.then(|| {
        Decision::Run(Action::Doubt(Doubt::GoneForGood {
            need: need.clone(),
            left: left(scene, need),
        }))
    })
}

/// Everything that the move may have made and that is not known to be gone.
fn left(scene: &Scene<'_>, need: &Need) -> Left {
    let mut left = Left {
        gone: need.kind().to_owned(),
        ..Left::default()
    };
    let unknown = |seen: &QueueSeen| *seen != QueueSeen::Absent;
    let holds = scene.seen.leftovers.iter().filter(|(_, seen)| unknown(seen));
    left.queues.extend(holds.map(|(name, _)| name.clone()));
    let controls = spoken_to(scene).into_iter().filter(|(_, seen)| unknown(seen));
    left.queues
        .extend(controls.map(|(pod, _)| names::control_queue(pod)));
    if let Some(fence) = &scene.status.fence {
        let beside = [names::backlog_queue(&fence.key), names::mirror_queue(&fence.key)];
        let seen = [scene.seen.backlog, scene.seen.mirror];
        let there = beside.into_iter().zip(seen).filter(|(_, seen)| unknown(seen));
        left.queues.extend(there.map(|(name, _)| name));
        let queue = &scene.plan.queue.queue;
        left.exchanges = vec![names::port_exchange(queue), names::side_exchange(queue)];
    }
    if !matches!(need, Need::Namespace(_)) {
        left.pods = pods(scene);
    }
    left
}

/// Pods whose control queues the move made or wrote to, and what is seen of these; those of the workload's own pods are the
/// application's.
fn spoken_to<'a>(scene: &'a Scene<'_>) -> Vec<(&'a String, QueueSeen)> {
    let leg = scene.leg;
    let (from, to) = (
        (&leg.from.pod, scene.seen.from_control),
        (&leg.to.pod, scene.seen.to_control),
    );
    if single_active::applies(scene) {
        return Vec::new();
    }
    match (scene.route, leg.number, &leg.committed) {
        (Route::InPlace, _, None) => Vec::new(),
        (Route::Twice | Route::Once | Route::Adopted, 1, None) => vec![to],
        (Route::Twice, 1, Some(_)) => vec![from, to],
        (Route::Twice | Route::Once | Route::Adopted | Route::InPlace, ..) => vec![from],
    }
}

/// Those of the move that may wait on a queue of ours, or that no owner asked for.
fn pods(scene: &Scene<'_>) -> Vec<String> {
    let leg = scene.leg;
    let asked = leg.park_sent.is_some() && !single_active::applies(scene);
    let (from, to) = match leg.committed {
        None => (asked || leg.number > 1, leg.number > 1),
        Some(_) => (true, leg.released.is_none()),
    };
    let there = |seen: &PodSeen| *seen != PodSeen::Gone;
    let from = (from && there(&scene.seen.from)).then(|| leg.from.pod.clone());
    let to = (to && there(&scene.seen.to)).then(|| leg.to.pod.clone());
    let mut pods: Vec<String> = from.into_iter().chain(to).collect();
    pods.dedup();
    pods
}
