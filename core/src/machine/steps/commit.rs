//! Commit: one conditional write makes the copy the truth of this handoff.
//!
//! Success: from now on the old instance may only be deleted.
//! Failure: before the write everything can be undone. What a parked instance cannot exclude by itself is checked
//! here once more: it did not restart, and nobody consumes the primary queue.

use crate::api::Step;
use crate::machine::observed::QueueSeen;
use crate::machine::steps::{blind, overdue, restore, wait};
use crate::machine::{Cause, Change, Decision, Next, Scene, limits};

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    match scene.seen.primary {
        QueueSeen::Present { consumers: 0, .. } if restore::copy_is_connected(scene) => {
            // The shadow never restarts and waits on its hold queue: only the source can come back by itself.
            let next = if scene.leg.number > 1 {
                Step::Release
            } else {
                Step::Exclude
            };
            Decision::Advance(Next::to(next).change(Change::Committed))
        }
        QueueSeen::Present { consumers, .. } if consumers > 0 => Decision::RollBack(Cause::new(
            "UnexpectedConsumer",
            format!(
                "{consumers} consumers appeared on {} while it was held; find them in the broker's management page and \
                 stop them, then try again",
                scene.plan.queue.queue
            ),
        )),
        QueueSeen::Absent => Decision::RollBack(Cause::new(
            "QueueGone",
            format!("queue {} was deleted while it was held", scene.plan.queue.queue),
        )),
        QueueSeen::Present { .. } | QueueSeen::Unseen if overdue(scene, limits::RESTORE) => {
            Decision::RollBack(Cause::new(
                "CommitTimeout",
                format!("the broker could not be read before the commit{}", blind(scene)),
            ))
        }
        QueueSeen::Present { .. } | QueueSeen::Unseen => {
            wait(scene, format!("last look before the commit{}", blind(scene)))
        }
    }
}
