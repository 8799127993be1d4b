//! A wait without an end: after the commit, and in an undo, nothing is given up, so what does not come is waited for.
//!
//! Guarantee: after [`limits::LASTING`] a person is asked, by the same words; until then the move takes a turn, from then on it
//! takes none from others. It goes on by itself when what it waits for is there. What an application works on has an end.

use k8s_openapi::jiff::Timestamp;

use crate::api::MigrationStatus;
use crate::machine::steps::guard;
use crate::machine::{Cause, Decision, Scene, limits};
use crate::reason::Reason;

/// What becomes of a decision when its step has lasted for long.
pub fn asked(scene: &Scene<'_>, decision: Decision) -> Decision {
    match decision {
        Decision::Wait {
            reason, works: false, ..
        } if is_long(scene.status, scene.now) => Decision::Stuck(cause(&reason)),
        decision @ (Decision::Wait { .. }
        | Decision::Run(_)
        | Decision::Advance(_)
        | Decision::RollBack(_)
        | Decision::Finish(_)
        | Decision::Stuck(_)) => decision,
    }
}

/// Whether the present step has lasted so long that a person is asked. Before the first commit there is a deadline.
pub fn is_long(status: &MigrationStatus, now: Timestamp) -> bool {
    let (Some(intent), Some(leg)) = (&status.intent, status.legs.last()) else {
        return false;
    };
    let undoable = guard::precedes_commit(intent.step) && leg.number == 1 && leg.committed.is_none();
    !undoable && now.duration_since(intent.since.0) > limits::LASTING
}

/// The same words, as a reason to ask a person.
pub fn cause(reason: &str) -> Cause {
    Cause::new(
        Reason::WaitsForLong,
        format!(
            "{reason}. This has lasted for more than two minutes. The move goes on by itself when it is over"
        ),
    )
}
