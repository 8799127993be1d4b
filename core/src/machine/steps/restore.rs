//! Restore: the copy runs and waits where the dumped instance waited.
//!
//! Success: the copy was restored and both instances are on the hold queue, so the copy is alive and connected;
//! nobody consumes the primary queue.
//! Failure: the copy is removed and the instance is released.

use crate::api::Step;
use crate::machine::observed::{KeySeen, QueueSeen};
use crate::machine::steps::{blind, overdue, wait};
use crate::machine::{Cause, Change, Decision, Next, Scene, limits};
use crate::wire::Claim;

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    if let KeySeen::Known {
        claim: Claim::Failed { reason, .. },
        ..
    } = &scene.seen.key
    {
        return Decision::RollBack(Cause::new("RestoreFailed", reason.clone()));
    }
    let micros = match &scene.seen.key {
        KeySeen::Known {
            claim: Claim::Restored { pod_uid, micros },
            ..
        } if Some(pod_uid) == scene.leg.to.uid.as_ref() => Some(*micros),
        KeySeen::Unseen | KeySeen::Unknown | KeySeen::Known { .. } => None,
    };
    match micros {
        Some(micros) if copy_is_connected(scene) => Decision::Advance(
            Next::to(Step::Commit)
                .note(format!("restored in {} ms", micros / 1000))
                .change(Change::Restored { micros })
                .unrecorded(),
        ),
        Some(_) | None if overdue(scene, limits::RESTORE) => Decision::RollBack(Cause::new(
            "RestoreTimeout",
            format!("after {} s: {}", limits::RESTORE.as_secs(), progress(scene)),
        )),
        Some(_) | None => wait(scene, progress(scene)),
    }
}

/// Two consumers on the hold queue: the dumped instance and its copy. If the shadow died after its dump, the copy
/// alone is left.
pub fn copy_is_connected(scene: &Scene<'_>) -> bool {
    let from_lives = super::guard::changed(scene.leg, &scene.seen.from).is_none();
    let wanted = if from_lives { 2 } else { 1 };
    scene.seen.hold.consumers().is_some_and(|n| n >= wanted)
}

fn progress(scene: &Scene<'_>) -> String {
    let consumers = match scene.seen.hold {
        QueueSeen::Present { consumers, .. } => consumers.to_string(),
        QueueSeen::Unseen | QueueSeen::Absent => "unknown".to_owned(),
    };
    format!(
        "the copy is being restored; consumers on the hold queue: {consumers} (2 wanted){}",
        blind(scene)
    )
}
