//! The pod's owner gets another template, or is deleted, in every round of a move.

use shadow_core::api::{OwnerKind, Phase};

use crate::drive::{Ended, Script, drive, in_turn};
use crate::mover::{ALL, Mover};
use crate::world::{Memory, REPLACEMENT, SOURCE};

/// Each move is over before.
const ROUNDS: usize = 200;

/// So many rounds after the deletion.
const GIVEN_UP: usize = 300;

fn movers_of(kind: OwnerKind) -> impl Iterator<Item = Mover> {
    let owned = move |mover: &Mover| mover.owner().is_some_and(|owner| owner.kind == kind);
    ALL.into_iter().filter(owned)
}

/// What is left when the move is over and the world has gone on for a while.
fn settled(script: &Script) -> Ended {
    let mut ended = drive(script);
    (0..60).for_each(|n| ended.world.tick(n, &ended.status));
    ended
}

/// A pod of another revision never gets the memory of the old one, and nobody consumes beside it.
#[test]
fn a_rollout_of_a_set_after_the_first_commit_counts() {
    let (mut new, mut old) = (0, 0);
    for mover in movers_of(OwnerKind::StatefulSet) {
        for round in 0..ROUNDS {
            let Ended { world, status, .. } = settled(&Script {
                mover,
                rollout: Some(round),
                ..in_turn()
            });
            let case = format!("{mover:?} in round {round}: {:?}", world.pods);
            assert_eq!(world.pods.len(), 1, "{case}");
            let (pod, exact) = (&world.pods[SOURCE], status.verdict.as_ref().unwrap().exact);
            let memory = pod.process.as_ref().expect(&case).memory;
            if pod.revision.as_deref() == Some("new") {
                new += 1;
                assert!(memory == Memory::Fresh && !exact, "{case}");
            } else {
                old += 1;
                assert!(memory == Memory::Moved && exact, "{case}");
            }
        }
    }
    assert!(
        new > 100 && old > 100,
        "{new} moves were overtaken, {old} were not"
    );
}

/// Source and copy go, whichever of them the ReplicaSet knows, and nobody of the old revision is left beside the new one.
#[test]
fn a_rollout_of_a_deployment_takes_all_of_its_old_pods() {
    for mover in movers_of(OwnerKind::ReplicaSet) {
        let mut gone_with_the_copy = 0;
        for round in 0..ROUNDS {
            let Ended {
                world,
                rounds,
                status,
                ..
            } = settled(&Script {
                mover,
                rollout: Some(round),
                ..in_turn()
            });
            let exact = status.verdict.as_ref().unwrap().exact;
            gone_with_the_copy += u32::from(status.phase == Phase::Completed && !exact);
            let case = format!("{mover:?} in round {round} of {rounds}: {:?}", world.pods);
            assert_eq!(world.pods.len(), 1, "{case}");
            assert_eq!(world.pods.contains_key(REPLACEMENT), world.rolled_out, "{case}");
            assert!(world.pods.values().all(|pod| pod.process.is_some()), "{case}");
        }
        assert!(
            gone_with_the_copy > 0,
            "{mover:?}: nothing was said of a copy that went"
        );
    }
}

/// Somebody evicts it: the move is undone or ends, the owner has its pod, and whoever consumed beside the copy is told of.
#[test]
fn an_evicted_source_is_left_to_its_owner() {
    for mover in ALL.into_iter().filter(|mover| mover.owner().is_some()) {
        for (round, stride) in (0..ROUNDS)
            .step_by(5)
            .flat_map(|round| [1, 3, 7, 11, 13].map(|stride| (round, stride)))
        {
            let Ended { world, rounds, .. } = settled(&Script {
                mover,
                eviction: Some(round),
                choices: (0..60).map(|n| n * stride).collect(),
                ..Script::default()
            });
            let case = format!(
                "{mover:?} in round {round} of {rounds}, {stride}: {:?}",
                world.pods
            );
            assert_eq!(world.pods.len(), 1, "{case}");
            assert!(world.pods.values().all(|pod| pod.process.is_some()), "{case}");
        }
    }
}

/// Nothing is left of an application that was deleted, and the move ends. Where only the archive has its memory by then, it
/// is kept until its user gives it up.
#[test]
fn whoever_deletes_the_owner_deletes_its_pods() {
    for mover in ALL.into_iter().filter(|mover| mover.owner().is_some()) {
        for round in (0..ROUNDS).step_by(3) {
            let Ended { world, rounds, .. } = settled(&Script {
                mover,
                removal: Some(round),
                cancel: mover.is_sequential().then_some(round + GIVEN_UP),
                ..in_turn()
            });
            let case = format!("{mover:?} in round {round} of {rounds}: {:?}", world.pods);
            assert_eq!(world.pods.is_empty(), world.removed, "{case}");
        }
    }
}
