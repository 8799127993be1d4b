//! A move is called off in every second round, and the controller dies while it undoes it.

use shadow_core::api::Phase;

use crate::drive::{Script, drive, holder, in_turn, serving};
use crate::mover::{ALL, Mover};
use crate::world::{Memory, REPLACEMENT, SOURCE};

/// Rounds from the cancel to the controller's death.
const DEATHS: [usize; 6] = [0, 1, 2, 3, 5, 9];

#[test]
fn wherever_the_controller_dies_on_the_way_back_the_source_goes_on() {
    for mover in ALL {
        let mut undone = 0;
        for cancel in (0..120).step_by(2) {
            undone += DEATHS
                .into_iter()
                .filter(|death| is_undone(mover, cancel, cancel + death))
                .count();
        }
        assert!(undone >= 30, "{mover:?} was undone {undone} times");
    }
}

fn is_undone(mover: Mover, cancel: usize, death: usize) -> bool {
    let case = format!("{mover:?} cancelled in round {cancel}, controller killed in round {death}");
    let ended = drive(&Script {
        mover,
        cancel: Some(cancel),
        kills: vec![death],
        ..in_turn()
    });
    let pods = &ended.world.pods;
    let undone = ended.status.phase == Phase::Cancelled;
    assert!(
        undone || ended.status.phase == Phase::Completed,
        "{case}: {:?}",
        ended.status.phase
    );
    let kept = pods.get(SOURCE).is_some_and(|pod| pod.uid == "source");
    assert_eq!(kept, undone, "{case}");
    assert_eq!(
        serving(&ended.world, &holder(&ended)),
        Some(Memory::Moved),
        "{case}"
    );
    assert!(!pods.contains_key(REPLACEMENT), "{case}");
    undone
}
