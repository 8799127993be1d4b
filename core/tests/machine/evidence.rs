//! What a verdict rests on comes to be contradicted in every round of every move, and the copy runs from another image than the
//! source.

use shadow_core::api::{MigrationStrategy, Phase};
use shadow_core::doubt::{DoubtReason, Told};
use shadow_core::machine::Route;
use shadow_core::reason::Reason;

use crate::drive::{Script, drive, holder, in_turn, serving};
use crate::mover::{ALL, Mover};
use crate::world::{Faults, Memory, SOURCE};

/// How many rounds of 200 ms a contradiction lasts.
const LASTS: usize = 30;

/// That nothing is committed meanwhile is asserted in `drive`.
#[test]
fn a_contradiction_undoes_the_move_whenever_it_comes_before_the_commit() {
    for mover in ALL {
        let (mut undone, mut doubted) = (0, 0);
        let mut from = 0;
        while contradicted(mover, from, &mut undone, &mut doubted) >= from {
            from += 1;
        }
        assert!(undone > 3, "{mover:?} was undone {undone} times in {from} rounds");
        let twice = Route::of(&mover.plan()) == Route::Twice;
        assert_eq!(doubted > 0, twice, "{mover:?} ended with a doubt {doubted} times");
    }
}

/// Returns the round in which the move ended.
fn contradicted(mover: Mover, from: usize, undone: &mut usize, doubted: &mut usize) -> usize {
    let case = format!("{mover:?} contradicted from round {from} on");
    let ended = drive(&Script {
        mover,
        contradicted: Some((from, LASTS)),
        ..in_turn()
    });
    let rollback = ended.status.rollback.as_ref().map(|rollback| rollback.reason);
    if ended.status.phase == Phase::Failed {
        *undone += 1;
        assert_eq!(rollback, Some(Reason::PremiseBroken), "{case}");
        let kept = ended
            .world
            .pods
            .get(SOURCE)
            .is_some_and(|pod| pod.uid == "source");
        assert!(kept, "{case}");
    } else {
        assert_eq!(ended.status.phase, Phase::Completed, "{case}");
        // The second handoff goes on, and the verdict says so.
        let verdict = ended.status.verdict.as_ref().unwrap();
        let told = |doubt: &Told| doubt.reason == DoubtReason::PremiseBroken;
        assert!(verdict.exact || verdict.doubts.iter().all(told), "{case}");
        *doubted += usize::from(!verdict.exact);
    }
    assert_eq!(
        serving(&ended.world, &holder(&ended)),
        Some(Memory::Moved),
        "{case}"
    );
    ended.rounds
}

#[test]
fn a_copy_of_another_image_never_takes_over_and_both_are_named() {
    let shown = |mover: &&Mover| mover.shows_its_image();
    for mover in ALL.iter().filter(shown) {
        let ended = drive(&Script {
            mover: *mover,
            faults: Faults {
                other_image: true,
                ..Faults::default()
            },
            ..in_turn()
        });
        assert_eq!(ended.status.phase, Phase::Failed, "{mover:?}");
        let rollback = ended.status.rollback.as_ref().unwrap();
        assert_eq!(rollback.reason, Reason::ImageDiffers, "{mover:?}");
        for named in ["sha256:source", "sha256:another", "orders:1"] {
            assert!(rollback.message.contains(named), "{named}: {}", rollback.message);
        }
        assert_eq!(serving(&ended.world, SOURCE), Some(Memory::Moved), "{mover:?}");
    }
}

/// Its copy cannot be looked at before the commit: such a move is planned with a pinned image alone.
#[test]
fn a_sequential_move_rests_on_a_pinned_image() {
    let sequential = ALL.into_iter().map(Mover::plan);
    let sequential = sequential.filter(|plan| plan.strategy == MigrationStrategy::Sequential);
    for plan in sequential {
        assert!(plan.image.unwrap().pinned.is_some());
    }
}
