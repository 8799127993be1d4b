//! The pod that a StatefulSet makes anew does not come, or no node takes it: in every round of a move.

use shadow_core::api::{MigrationStrategy, OwnerKind, Phase};

use crate::drive::{Ended, Script, drive, in_turn, serving};
use crate::mover::{ALL, Mover};
use crate::world::{Faults, Memory, ORIGIN, SOURCE, TARGET};

/// Each move is over before.
const ROUNDS: usize = 160;

fn of_a_set() -> impl Iterator<Item = Mover> {
    ALL.into_iter().filter(|mover| {
        mover
            .owner()
            .is_some_and(|owner| owner.kind == OwnerKind::StatefulSet)
    })
}

/// It ended as it should, exactly, and who has the stream has the memory; the node where that is.
fn moved(script: &Script, case: &str) -> String {
    let Ended { world, status, .. } = drive(script);
    assert_eq!(status.phase, Phase::Completed, "{case}: {:?}", status.rollback);
    assert!(
        status.verdict.as_ref().unwrap().exact,
        "{case}: {:?}",
        status.verdict
    );
    assert_eq!(serving(&world, SOURCE), Some(Memory::Moved), "{case}");
    world.pods[SOURCE].node.clone()
}

/// Cordoned before anything is committed, the stand-in cannot come and the move is undone; that is another test's.
#[test]
fn a_second_handoff_goes_elsewhere_when_its_node_takes_no_pods_any_more() {
    for mover in of_a_set().filter(|mover| !mover.is_sequential()) {
        let mut elsewhere = 0;
        for round in 20..ROUNDS {
            let script = Script {
                mover,
                cordon: Some(round),
                ..in_turn()
            };
            let case = format!("{mover:?} in round {round}");
            elsewhere += u32::from(moved(&script, &case) == ORIGIN);
        }
        assert!(elsewhere > 0, "{mover:?}");
    }
}

#[test]
fn a_pod_that_no_node_takes_says_what_to_type_and_goes_on_when_that_is_done() {
    for mover in of_a_set() {
        for round in 20..ROUNDS {
            let script = Script {
                mover,
                cordon: Some(round),
                person: true,
                faults: Faults {
                    no_other_node: true,
                    ..Faults::default()
                },
                ..in_turn()
            };
            let case = format!("{mover:?} in round {round}");
            assert_eq!(moved(&script, &case), TARGET, "{case}");
        }
    }
}

#[test]
fn a_pod_that_its_set_does_not_make_says_what_to_type_and_comes_when_that_is_done() {
    for mover in of_a_set() {
        for round in 0..ROUNDS {
            let case = format!("{mover:?} in round {round}");
            let script = Script {
                mover,
                person: true,
                ..in_turn()
            };
            let unready = Script {
                unready: Some(round),
                ..script.clone()
            };
            moved(&unready, &case);
            let shrink = Script {
                shrink: Some(round),
                ..script
            };
            moved(&shrink, &case);
        }
    }
}

#[test]
fn a_handoff_or_a_restore_that_keeps_failing_says_what_to_type() {
    for (mover, failing_restores) in [(Mover::StatefulSet, 0), (Mover::Sequential, 4)] {
        let faults = Faults {
            failing_restores,
            failing_second: u32::from(mover == Mover::StatefulSet) * 5,
            ..Faults::default()
        };
        let Ended {
            mut world, status, ..
        } = drive(&Script {
            mover,
            faults,
            person: true,
            ..in_turn()
        });
        (0..40).for_each(|n| world.tick(n, &status));
        assert_eq!(status.phase, Phase::Completed, "{mover:?}");
        let exact = status.verdict.as_ref().unwrap().exact;
        let kept = mover.strategy() == MigrationStrategy::ShadowPod;
        let memory = if kept { Memory::Moved } else { Memory::Fresh };
        assert_eq!(
            (exact, serving(&world, SOURCE)),
            (kept, Some(memory)),
            "{mover:?}"
        );
    }
}
