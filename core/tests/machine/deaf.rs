//! Applications that never read what they are told.

use shadow_core::doubt::DoubtReason;
use shadow_core::reason::Reason;

use crate::drive::{Ended, Script, drive, in_turn, serving};
use crate::mover::Mover;
use crate::world::{Faults, Memory, SOURCE};

#[test]
fn a_deaf_application_is_named_and_left_alone() {
    let faults = Faults {
        deaf: true,
        ..Faults::default()
    };
    let Ended { world, status, .. } = drive(&Script { faults, ..in_turn() });
    assert_eq!(status.rollback.unwrap().reason, Reason::ControlUnread);
    assert_eq!(serving(&world, SOURCE), Some(Memory::Moved));
}

/// Nothing shows afterwards that a message went behind newer ones, so it has to be told before; also by a controller that
/// is killed at any moment.
#[test]
fn what_comes_while_a_backlog_is_put_back_is_in_the_verdict() {
    for mover in [
        Mover::Polling,
        Mover::PollingDeployment,
        Mover::Live,
        Mover::LiveDeployment,
        Mover::LivePolling,
    ] {
        for kill in 0..150 {
            let faults = Faults {
                deaf: true,
                ..Faults::default()
            };
            let Ended { world, status, .. } = drive(&Script {
                faults,
                mover,
                kills: vec![kill],
                ..in_turn()
            });
            assert_eq!(serving(&world, SOURCE), Some(Memory::Moved), "{mover:?}");
            let verdict = status.verdict.unwrap();
            assert!(
                !verdict.exact
                    && verdict
                        .doubts
                        .iter()
                        .any(|told| told.reason == DoubtReason::Overtaken),
                "{mover:?}, killed in round {kill}: {verdict:?}"
            );
        }
    }
}
