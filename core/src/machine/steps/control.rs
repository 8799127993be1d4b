//! The control queue of a pod that is gone: a later pod of that name must not read stale messages.
//!
//! Success: it is gone. Some client libraries restore all consumers that their memory knows when they connect again, so a copy may
//! consume the queue of the pod that it was dumped in beside its own. It is refused that one, by its deletion.
//! Failure: whoever else consumes it is waited for, by name, for as long as a broker takes to notice that a process is gone; then
//! it is refused the queue, too.

use crate::machine::observed::{PodSeen, QueueSeen, ReaderSeen, ReadersSeen};
use crate::machine::proof::Orphaned;
use crate::machine::steps::{blind, overdue, wait};
use crate::machine::{Action, Decision, Route, Scene, limits};
use crate::names;

/// What is to be done with the control queue of the pod that held the stream and is gone. `None`: nothing (more).
pub(super) fn removed(scene: &Scene<'_>) -> Option<Decision> {
    let pod = &scene.leg.from.pod;
    match scene.seen.from_control {
        QueueSeen::Absent => None,
        QueueSeen::Present { consumers: 0, .. } => {
            Some(Decision::Run(Action::DropControl { pod: pod.clone() }))
        }
        QueueSeen::Present { consumers, .. } => read(scene, consumers),
        QueueSeen::Unseen => Some(wait(
            scene,
            format!("the control queue of pod {pod} cannot be read{}", blind(scene)),
        )),
    }
}

fn read(scene: &Scene<'_>, consumers: u64) -> Option<Decision> {
    let late = overdue(scene, limits::READERS);
    let proof = Orphaned::prove(scene.leg, &scene.seen.from, scene.route == Route::Twice);
    match proof {
        Some(orphaned) if late || is_the_copys(scene, consumers) => {
            Some(Decision::Run(Action::RefuseControl(orphaned)))
        }
        // Somebody made a pod of that name, and it is the queue of that one now.
        None if late && matches!(scene.seen.from, PodSeen::Present(_)) => None,
        Some(_) | None => Some(wait(scene, waited_for(scene, consumers))),
    }
}

/// All that consume it are listed, and all of them are in the pod that took over.
fn is_the_copys(scene: &Scene<'_>, consumers: u64) -> bool {
    match &scene.seen.readers {
        ReadersSeen::Unseen => false,
        ReadersSeen::Listed(readers) => {
            readers.len() as u64 == consumers && readers.iter().all(|reader| reader.of_copy)
        }
    }
}

fn waited_for(scene: &Scene<'_>, consumers: u64) -> String {
    let queue = names::control_queue(&scene.leg.from.pod);
    let who = match &scene.seen.readers {
        ReadersSeen::Listed(readers) if !readers.is_empty() => {
            let named: Vec<String> = readers.iter().map(ReaderSeen::to_string).collect();
            named.join(", ")
        }
        ReadersSeen::Listed(_) | ReadersSeen::Unseen => {
            format!("{consumers} consumers that the broker does not list yet")
        }
    };
    format!(
        "pod {} is gone, but {who} still reads its queue {queue}. After {} s the queue is deleted all the same{}",
        scene.leg.from.pod,
        limits::READERS.as_secs(),
        blind(scene)
    )
}
