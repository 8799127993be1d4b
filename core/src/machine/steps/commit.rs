//! Commit: one conditional write makes the copy the truth of this handoff.
//!
//! Success: from now on the old instance may only be deleted. On the route on which the source goes first, its verified
//! archive on the target node is the truth from here on.
//! Failure: before the write everything can be undone. What a parked instance cannot exclude by itself is checked
//! here once more: it did not restart, nobody consumes the primary queue, nobody ends the copy, and nothing contradicts what the
//! verdict rests on.

use crate::api::Step;
use crate::machine::observed::QueueSeen;
use crate::machine::steps::{after, blind, frozen, last_look, overdue, restore, single_active, wait};
use crate::machine::{Action, Cause, Change, Decision, Next, Route, Scene, limits};
use crate::reason::Reason;

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    if let Some(cause) = restore::copy_is_lost(scene).or_else(|| last_look::contradicted(scene)) {
        return Decision::RollBack(cause);
    }
    let decision = if single_active::applies(scene) {
        single_active::commit(scene)
    } else {
        parked(scene)
    };
    match decision {
        Decision::Advance(next) => last_look::missing(scene).unwrap_or_else(|| {
            let doubts = last_look::doubt(scene);
            Decision::Advance(doubts.into_iter().fold(next, Next::doubt))
        }),
        // Nothing is promised for a commit that waits.
        Decision::Run(Action::Promise) => last_look::missing(scene).unwrap_or(decision),
        Decision::Run(_)
        | Decision::Wait { .. }
        | Decision::RollBack(_)
        | Decision::Finish(_)
        | Decision::Stuck(_) => decision,
    }
}

fn parked(scene: &Scene<'_>) -> Decision {
    if let Some(readers @ 1..) = scene.seen.backlog.consumers() {
        return Decision::RollBack(unexpected(scene, readers));
    }
    match scene.seen.primary {
        QueueSeen::Present { consumers: 0, .. } if is_ready(scene) => frozen::promise(scene)
            .unwrap_or_else(|| Decision::Advance(after(Step::Commit, scene).change(Change::Committed))),
        QueueSeen::Present { consumers, .. } if consumers > 0 => {
            Decision::RollBack(unexpected(scene, consumers))
        }
        QueueSeen::Absent => Decision::RollBack(Cause::new(
            Reason::QueueGone,
            format!(
                "queue {} was deleted while it was held. Declare it, then start the migration again",
                scene.plan.queue.queue
            ),
        )),
        QueueSeen::Present { .. } if overdue(scene, limits::RESTORE) => {
            let pod = &scene.leg.to.pod;
            Decision::RollBack(Cause::new(
                Reason::CopyLost,
                format!(
                    "the copy is not on the hold queue any more: it crashed or lost the broker after its restore. To see \
                     which, type: kubectl describe pod {pod}{}",
                    blind(scene)
                ),
            ))
        }
        QueueSeen::Unseen if overdue(scene, limits::RESTORE) => Decision::RollBack(Cause::new(
            Reason::CommitTimeout,
            format!(
                "the broker could not be read before the commit{}. Look whether it runs, then start the migration again",
                blind(scene)
            ),
        )),
        QueueSeen::Present { .. } | QueueSeen::Unseen => wait(
            scene,
            format!(
                "everything is looked at once more before the commit{}",
                blind(scene)
            ),
        ),
    }
}

fn unexpected(scene: &Scene<'_>, consumers: u64) -> Cause {
    Cause::new(
        Reason::UnexpectedConsumer,
        format!(
            "{consumers} consumers appeared on queue {} during the hold. Find them on RabbitMQ's management page and stop \
             them. Then start the migration again",
            scene.plan.queue.queue
        ),
    )
}

/// Whoever is going to take over is there: the copy itself, or its archive, while the source still waits.
fn is_ready(scene: &Scene<'_>) -> bool {
    match scene.route {
        Route::Twice | Route::Once | Route::Adopted => restore::copy_is_connected(scene),
        Route::InPlace => scene.leg.transfer.is_some() && scene.seen.hold.consumers() == Some(1),
    }
}
