//! Checkpoint: the parked instance is dumped and runs on.
//!
//! Success: the archive with memory and rw layer lies on the present node; its digest is recorded.
//! Failure: the instance is not left frozen (the node's watchdog sees to it) and is released.

use crate::api::Step;
use crate::machine::steps::{after, overdue, wait};
use crate::machine::{Action, Cause, Decision, Scene, limits};
use crate::reason::Reason;
use crate::wire::PodRef;

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    if let Some(done) = &scene.leg.checkpoint {
        return Decision::Advance(after(Step::Checkpoint, scene).note(format!(
            "{:.1} MB, frozen {} ms",
            done.bytes as f64 / 1e6,
            done.frozen_micros / 1000
        )));
    }
    if overdue(scene, limits::CHECKPOINT) {
        return Decision::RollBack(Cause::new(
            Reason::CheckpointTimeout,
            "the dump did not end within 120 s. Look at the load and the disk of its node, then start the migration again",
        ));
    }
    let Some(uid) = scene.leg.from.uid.clone() else {
        return wait(scene, "the UID of the instance to dump is not known");
    };
    let pod = PodRef {
        namespace: scene.plan.source.namespace.clone(),
        name: scene.leg.from.pod.clone(),
        uid,
    };
    Decision::Run(Action::Checkpoint { pod })
}
