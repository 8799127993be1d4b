//! API server, broker or agents answer nobody for a while, from most rounds of every move on: for a second, for longer than most
//! limits, for longer than the deadline.

use shadow_core::api::Phase;

use crate::drive::{Ended, Script, drive, holder, in_turn, serving};
use crate::mover::{ALL, Mover};
use crate::world::{Memory, Part, REPLACEMENT};

/// How many rounds of 200 ms, and from which rounds on: every one, every third one, every ninth one.
const SILENCES: [(usize, usize); 3] = [(5, 1), (80, 3), (700, 9)];

#[test]
fn whoever_is_silent_the_memory_and_the_stream_stay_together() {
    for mover in ALL {
        for (part, (rounds, stride)) in Part::ALL.into_iter().flat_map(|part| SILENCES.map(|n| (part, n))) {
            let mut from = 0;
            while silent(part, from, rounds, mover) >= from {
                from += stride;
            }
            assert!(from > 20, "{mover:?} without {part:?}: ended in round {from}");
        }
    }
}

/// Returns the round in which the move ended.
fn silent(part: Part, from: usize, rounds: usize, mover: Mover) -> usize {
    let case = format!("{mover:?}, {part:?} silent for {rounds} rounds from round {from}");
    let script = Script {
        silent: Some((part, from, rounds)),
        mover,
        ..in_turn()
    };
    let Ok(mut ended) = std::panic::catch_unwind(|| drive(&script)) else {
        panic!("{case}: see above");
    };
    // What kubelet still has to end.
    (0..40).for_each(|n| ended.world.tick(n, &ended.status));
    let Ended { world, status, .. } = &ended;
    assert!(
        matches!(status.phase, Phase::Completed | Phase::Failed),
        "{case}: {:?}",
        status.phase
    );
    assert_eq!(
        serving(world, &holder(&ended)),
        Some(Memory::Moved),
        "{case}: {:?} {:?}",
        status.rollback,
        world.pods
    );
    assert_eq!(world.pods.len(), 1, "{case}: {:?}", world.pods);
    assert!(!world.pods.contains_key(REPLACEMENT), "{case}");
    ended.rounds
}
