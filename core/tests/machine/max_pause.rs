//! `spec.maxPause` is spent in each round of a hold.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use shadow_core::api::{
    ExpectedHold, ForecastBasis, Leg, MigrationStatus, PauseLimit, Phase, Step, StepRecord,
};
use shadow_core::machine::{Change, Next, limits};
use shadow_core::reason::Reason;

use crate::drive::{BEAT, Ended, Script, drive, holder, in_turn, serving};
use crate::mover::{ALL, Mover};
use crate::world::{Memory, REPLACEMENT, SOURCE};
use crate::{HoldKind, movers};

/// What is expected to come after each commit.
const REST: u64 = 400;

pub(crate) fn of(limit_millis: u64) -> PauseLimit {
    let hold = |handoff| ExpectedHold {
        handoff,
        millis: 1_000,
        after_commit_millis: REST,
    };
    PauseLimit {
        limit_millis,
        holds: vec![hold(1), hold(2)],
        basis: ForecastBasis::Cluster,
        moves: 3,
    }
}

/// A commit comes only while it and what is expected after it keep the limit. Only the last attempt of a second handoff, which has no
/// way back that ends, may be late.
pub(crate) fn check_commit(status: &MigrationStatus, next: &Next, now: Timestamp) {
    let limit = status.plan.as_ref().and_then(|plan| plan.max_pause.as_ref());
    let (Some(limit), Change::Committed, Some(leg)) = (limit, &next.change, status.legs.last()) else {
        return;
    };
    let held = if leg.followed.is_some() {
        SignedDuration::ZERO
    } else {
        now.duration_since(asked_to_wait(status, leg))
    };
    let needed = held + millis(REST);
    assert!(
        needed <= millis(limit.limit_millis) || is_last(leg),
        "committed after {held:?}, with {limit:?}: {:?}",
        status.steps
    );
}

/// The attempt that no limit ends.
fn is_last(leg: &Leg) -> bool {
    leg.number > 1 && leg.attempt + 1 >= limits::SECOND_LEG_ATTEMPTS
}

fn asked_to_wait(status: &MigrationStatus, leg: &Leg) -> Timestamp {
    let of_this: Vec<&StepRecord> = status
        .steps
        .iter()
        .filter(|record| record.leg == leg.number)
        .collect();
    let staged = of_this
        .iter()
        .rposition(|record| record.step == Step::Stage)
        .unwrap();
    let holds = of_this[staged..].iter().find(|record| record.step == Step::Hold);
    holds.unwrap().started.0
}

fn millis(millis: u64) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(millis).unwrap())
}

fn limited(mover: Mover, beats: u64) -> Ended {
    let beat = u64::try_from(BEAT.as_millis()).unwrap();
    drive(&Script {
        mover,
        max_pause: Some(beats * beat),
        ..in_turn()
    })
}

/// Undone at the first look after the limit, with the source as it was.
fn check_undone(ended: &Ended, beats: u64, case: &str) {
    let status = &ended.status;
    let rollback = status.rollback.as_ref().unwrap();
    assert_eq!(rollback.reason, Reason::PauseTooLong, "{case}: {rollback:?}");
    for word in ["spec.maxPause allows", "--max-pause", "source goes on"] {
        assert!(rollback.message.contains(word), "{case}: {}", rollback.message);
    }
    assert_eq!(serving(&ended.world, SOURCE), Some(Memory::Moved), "{case}");
    assert_eq!(ended.world.pods[SOURCE].uid, "source", "{case}");
    assert_eq!(ended.world.pods.len(), 1, "{case}: {:?}", ended.world.pods);
    assert!(status.verdict.as_ref().unwrap().exact, "{case}");
    let leg = status.legs.last().unwrap();
    assert!(leg.committed.is_none(), "{case}");
    if leg.followed.is_none() {
        let held = rollback.since.0.duration_since(asked_to_wait(status, leg));
        let at_most = BEAT * i32::try_from(beats + 1).unwrap();
        assert!(held <= at_most, "{case}: given back after {held:?}");
    }
}

/// Moved, and what took longer is told: nothing can be given back after a commit, and the last attempt has no limit.
fn check_moved(ended: &Ended, case: &str) {
    let status = &ended.status;
    assert_eq!(status.phase, Phase::Completed, "{case}: {:?}", status.rollback);
    assert_eq!(
        serving(&ended.world, &holder(ended)),
        Some(Memory::Moved),
        "{case}"
    );
    let verdict = status.verdict.as_ref().unwrap();
    assert!(verdict.exact, "{case}: {verdict:?}");
    let limit = status
        .plan
        .as_ref()
        .unwrap()
        .max_pause
        .as_ref()
        .unwrap()
        .limit_millis;
    for leg in status.legs.iter().filter(|leg| leg.committed.is_some()) {
        let since = if leg.followed.is_some() {
            leg.committed.as_ref().unwrap().0
        } else {
            asked_to_wait(status, leg)
        };
        let held = leg.released.as_ref().unwrap().0.duration_since(since);
        let told = verdict.long_holds.iter().find(|long| long.handoff == leg.number);
        assert_eq!(told.is_some(), held > millis(limit), "{case}: {held:?} {told:?}");
        assert_eq!(
            told.map(|long| millis(long.held_millis)),
            told.map(|_| held),
            "{case}"
        );
    }
}

#[test]
fn spent_at_any_moment_a_hold_is_given_back_and_nothing_is_committed_after_it() {
    for mover in ALL {
        let (mut undone, mut told) = (0, 0);
        for beats in 0..60 {
            let case = format!("{mover:?}, {beats} beats");
            let ended = limited(mover, beats);
            if ended.status.phase == Phase::Failed {
                check_undone(&ended, beats, &case);
                undone += 1;
            } else {
                check_moved(&ended, &case);
                told += ended.status.verdict.unwrap().long_holds.len();
            }
        }
        assert!(
            undone > 1,
            "{mover:?} was undone {undone} times, {told} holds were told"
        );
    }
}

#[test]
fn a_limit_that_is_long_enough_changes_nothing() {
    for mover in ALL {
        let ended = limited(mover, 5_000);
        let without = drive(&Script { mover, ..in_turn() });
        check_moved(&ended, &format!("{mover:?}"));
        assert_eq!(ended.rounds, without.rounds, "{mover:?}");
        assert_eq!(ended.status.legs, without.status.legs, "{mover:?}");
        assert!(ended.status.verdict.unwrap().long_holds.is_empty(), "{mover:?}");
    }
}

/// In the second handoff the stand-in goes on each time; it never restarts, so the last attempt is carried to its end.
#[test]
fn a_second_handoff_that_never_fits_is_moved_by_its_last_attempt_and_told() {
    let sets = [
        Mover::StatefulSet,
        Mover::SingleActive,
        Mover::Live,
        Mover::Polling,
    ];
    let all = sets
        .into_iter()
        .flat_map(|mover| (0..60).map(move |beats| (mover, beats)));
    let mut told = 0;
    for (mover, beats) in all {
        let status = limited(mover, beats).status;
        let Some(leg) = status.legs.last().filter(|leg| is_last(leg)) else {
            continue;
        };
        let case = format!("{mover:?}, {beats} beats");
        assert!(leg.committed.is_some(), "{case}: {:?}", status.rollback);
        let long = status.verdict.unwrap().long_holds;
        assert!(
            long.iter()
                .all(|one| one.message.contains("spec.maxPause allows")),
            "{case}: {long:?}"
        );
        told += long.iter().filter(|one| one.handoff == 2).count();
    }
    assert!(told > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// `drive` checks each commit.
    #[test]
    fn whatever_is_killed_a_bounded_hold_ends_with_the_memory_where_it_serves(
        choices in prop::collection::vec(0usize..60, 40..80),
        kills in prop::collection::vec(0usize..300, 0..6),
        beats in 0u64..60,
        mover in movers(),
    ) {
        let max_pause = Some(beats * 200);
        let ended = drive(&Script { choices, kills, mover, max_pause, person: true, ..Script::default() });
        let status = &ended.status;
        let spent = status.rollback.as_ref().is_some_and(|rollback| rollback.reason == Reason::PauseTooLong);
        // A hold that lives in a process dies with it; after so many attempts the source goes on.
        let gave_up = mover.hold() == HoldKind::SingleActive
            && status.legs.len() >= limits::FIRST_LEG_ATTEMPTS as usize;
        prop_assert!(status.phase == Phase::Completed || spent || gave_up, "{:?}", status.rollback);
        prop_assert_eq!(serving(&ended.world, &holder(&ended)), Some(Memory::Moved));
        prop_assert!(!ended.world.pods.contains_key(REPLACEMENT));
    }
}
