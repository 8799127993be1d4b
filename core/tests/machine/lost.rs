//! A node dies for good, in most rounds of every move, and somebody does what the move says then.

use crate::drive::{Ended, Script, drive, in_turn};
use crate::mover::ALL;
use crate::world::{ORIGIN, TARGET};

/// It ends; nothing of ours is left, and a memory that went with its node is in the verdict.
#[test]
fn whichever_node_dies_for_good_the_move_ends() {
    for mover in ALL {
        for node in [ORIGIN, TARGET] {
            for round in (0..120).step_by(3) {
                let script = Script {
                    mover,
                    dies: Some((node, round)),
                    person: true,
                    ..in_turn()
                };
                let case = format!("{mover:?}, {node} dies in round {round}");
                let ended = std::panic::catch_unwind(|| drive(&script));
                let Ok(Ended {
                    world,
                    status,
                    rounds,
                    ..
                }) = ended
                else {
                    panic!("{case}: see above");
                };
                let alive = world.pods.values().filter(|pod| pod.process.is_some()).count();
                let exact = status.verdict.as_ref().unwrap().exact;
                assert!(alive <= 1, "{case}, after {rounds}: {:?}", world.pods);
                // Nobody tells that a node is dead before Kubernetes does; a move whose copy has taken over ends before.
                let taken_over = status.legs.last().is_some_and(|leg| leg.released.is_some());
                assert!(
                    alive == 1 || !exact || taken_over || world.kept_its_source(),
                    "{case}, after {rounds}: {:?}",
                    status.verdict
                );
            }
        }
    }
}
