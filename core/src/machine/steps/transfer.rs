//! Transfer: the archive gets to the target node.
//!
//! Success: it is unpacked there and every byte is verified against the recorded digest; the waiting container
//! creation, if there is one already, goes on by itself.
//! Failure: nothing half-written is ever restored; the instance is released.

use crate::api::Step;
use crate::machine::steps::{after, overdue};
use crate::machine::{Action, Cause, Decision, Scene, limits};
use crate::reason::Reason;

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    if let Some(done) = &scene.leg.transfer {
        let note = format!(
            "{:.1} MB on the wire, {} ms",
            done.wire_bytes as f64 / 1e6,
            done.total_micros / 1000
        );
        return Decision::Advance(after(Step::Transfer, scene).note(note).unrecorded());
    }
    if overdue(scene, limits::TRANSFER) {
        return Decision::RollBack(Cause::new(
            Reason::TransferTimeout,
            "the transfer did not end within 120 s. Look at the network between the nodes, then start the migration again",
        ));
    }
    match &scene.leg.checkpoint {
        Some(checkpoint) => Decision::Run(Action::Fetch {
            checkpoint: checkpoint.clone(),
        }),
        None => Decision::RollBack(Cause::new(
            Reason::CheckpointMissing,
            "the record of the dump is gone from the status. Start the migration again",
        )),
    }
}
