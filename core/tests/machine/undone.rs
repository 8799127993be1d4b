//! How long an undo takes, whatever the application has still to do.

use shadow_core::api::{Phase, Step};
use shadow_core::machine::record;
use shadow_core::reason::Reason;

use crate::drive::{Ended, Script, drive, in_turn, serving};
use crate::mover::Mover;
use crate::world::{Faults, Memory, SOURCE};

/// More than it works off within the deadline.
const MUCH: u64 = 3_000;

/// An application that is slower than its messages come: the move is undone, and the source need not work off anything first.
#[test]
fn an_undo_does_not_wait_for_a_slow_application() {
    for mover in [
        Mover::Polling,
        Mover::PollingSequential,
        Mover::PollingDeployment,
        Mover::Live,
        Mover::LiveDeployment,
        Mover::LiveBare,
        Mover::LivePolling,
    ] {
        for cancel in [None, Some(20), Some(60), Some(300)] {
            let Ended { world, status, .. } = drive(&Script {
                mover,
                cancel,
                faults: Faults {
                    waiting: MUCH,
                    slow: true,
                    ..Faults::default()
                },
                ..in_turn()
            });
            let case = format!("{mover:?}, cancelled {cancel:?}");
            let why = status.rollback.as_ref().unwrap().reason;
            let wanted = if cancel.is_some() {
                Reason::Cancelled
            } else {
                Reason::NotWorkedOff
            };
            assert_eq!(why, wanted, "{case}");
            assert_eq!(serving(&world, SOURCE), Some(Memory::Moved), "{case}");
            let undo = status.steps.last().unwrap();
            assert_eq!(undo.step, Step::Abandon, "{case}");
            let took = undo.finished.as_ref().unwrap().0.duration_since(undo.started.0);
            assert!(took.as_secs() < 20, "{case}: the undo took {took:?}");
        }
    }
}

#[test]
fn an_undo_is_called_so() {
    let mut ended = drive(&in_turn()).status;
    ended.legs.truncate(1);
    ended.phase = Phase::Checkpointing;
    let cause = shadow_core::machine::Cause::new(Reason::Cancelled, "as asked");
    let now = ended.start_time.as_ref().unwrap().0;
    record::roll_back(&mut ended, &cause, now);
    assert_eq!(ended.phase, Phase::Undoing);
}
