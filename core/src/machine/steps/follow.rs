//! Follow: the dumped instance goes on with a copy of the stream while its own copy is made.
//!
//! Success: it consumes the mirror queue and not the hold queue, where its copy is going to be alone.
//! Failure: it is led back, and what is in the mirror is not lost: it is what it reads on its way.

use crate::api::{Reading, Step};
use crate::machine::steps::{after, blind, fenced, overdue, wait};
use crate::machine::{Cause, Change, Decision, QueueSeen, Scene, limits};
use crate::reason::Reason;

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    let seen = scene.seen;
    let on = |queue: QueueSeen| queue.consumers().is_some_and(|consumers| consumers > 0);
    if on(seen.mirror) && seen.hold.consumers() == Some(0) {
        return Decision::Advance(
            after(Step::Follow, scene)
                .note(format!(
                    "pod {} goes on with a copy of the stream",
                    scene.leg.from.pod
                ))
                .change(Change::Followed),
        );
    }
    if overdue(scene, limits::RESTORE) {
        return Decision::RollBack(Cause::new(
            Reason::NotFollowed,
            format!(
                "pod {} did not go on with a copy of the stream within {} s{}. Read in its log what it does with its control messages, \
                 then start the migration again",
                scene.leg.from.pod,
                limits::RESTORE.as_secs(),
                blind(scene)
            ),
        ));
    }
    match (seen.mirror, seen.from_control) {
        (QueueSeen::Unseen, _) | (_, QueueSeen::Unseen) => {
            wait(scene, format!("the broker does not answer{}", blind(scene)))
        }
        _ => fenced::tell(
            scene,
            &scene.leg.from.pod,
            seen.from_control,
            Reading::Mirror,
            Reading::Mirror,
        ),
    }
}
