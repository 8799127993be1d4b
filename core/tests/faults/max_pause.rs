//! A hold has lasted as long as `spec.maxPause` allows.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use shadow_core::api::{ExpectedHold, ForecastBasis, HoldKind, PauseLimit, Step};
use shadow_core::machine::{Decision, PodSeen, Route, limits, record};
use shadow_core::reason::Reason;

use super::{Case, FORWARD, Kind, REVERSIBLE, at, began, kinds, source, undone};

/// Seconds of a hold, and what of it is kept for the way from the commit to the release.
const LIMIT: u64 = 5;
const REST: u64 = 1;

/// In handoff `leg`, with the limit; the hold began with the step `Hold`.
fn held(kind: Kind, leg: u8, step: Step) -> Case {
    let mut case = at(kind, Step::Stage);
    let hold = |handoff| ExpectedHold {
        handoff,
        millis: 3_000,
        after_commit_millis: REST * 1_000,
    };
    case.status.plan.as_mut().unwrap().max_pause = Some(PauseLimit {
        limit_millis: LIMIT * 1_000,
        holds: vec![hold(1), hold(2)],
        basis: ForecastBasis::Application,
        moves: 4,
    });
    case.status.legs.last_mut().unwrap().number = leg;
    for step in [Step::Stage, Step::Hold, step] {
        record::enter(&mut case.status, step, began());
    }
    case
}

fn is_spent(decision: &Decision) -> bool {
    matches!(decision, Decision::RollBack(cause) if cause.reason == Reason::PauseTooLong)
}

/// Those in which something is held.
fn steps() -> impl Iterator<Item = Step> {
    REVERSIBLE.into_iter().filter(|step| *step != Step::Stage)
}

/// A live source holds nothing after its dump, so there is nothing to keep for later.
fn last_second(kind: Kind) -> i64 {
    let rest = if kind.hold == HoldKind::Exchange { 0 } else { REST };
    i64::try_from(LIMIT - rest).unwrap()
}

#[test]
fn a_hold_that_is_spent_undoes_the_move_in_every_step_before_the_commit() {
    for kind in kinds() {
        for step in steps() {
            let what = format!("{kind:?} {step:?}");
            let case = held(kind, 1, step);
            let last = last_second(kind);
            assert!(!is_spent(&case.after(last)), "{what}");
            for word in [
                "spec.maxPause allows 5 s",
                &step.to_string(),
                "--max-pause",
                "The source goes on",
            ] {
                undone(&case.after(last + 1), Reason::PauseTooLong, word, &what);
            }
        }
    }
}

#[test]
fn nothing_is_committed_that_is_not_expected_to_keep_the_limit() {
    for kind in kinds().into_iter().filter(|kind| kind.hold != HoldKind::Exchange) {
        let case = held(kind, 1, Step::Commit);
        let last = last_second(kind);
        assert!(
            !matches!(case.after(last), Decision::RollBack(_)),
            "{kind:?}: {:?}",
            case.after(last)
        );
        let late = case.after(last + 1);
        undone(
            &late,
            Reason::PauseTooLong,
            "another 1 s are expected",
            &format!("{kind:?}"),
        );
        undone(
            &late,
            Reason::PauseTooLong,
            "4 finished moves of this application",
            &format!("{kind:?}"),
        );
    }
}

/// Between its dump and the commit the source goes on, however long that takes; the time after the commit has to fit.
#[test]
fn a_live_move_is_bounded_until_the_source_follows_and_at_the_commit() {
    for kind in kinds().into_iter().filter(|kind| kind.hold == HoldKind::Exchange) {
        for step in [Step::Transfer, Step::Restore, Step::Commit] {
            let mut case = held(kind, 1, step);
            case.status.legs.last_mut().unwrap().followed = Some(MicroTime(began()));
            assert!(!is_spent(&case.after(19)), "{kind:?} {step:?}");
            let limit = case.status.plan.as_mut().unwrap().max_pause.as_mut().unwrap();
            limit.limit_millis = REST * 1_000 - 1;
            assert_eq!(
                is_spent(&case.after(1)),
                step == Step::Commit,
                "{kind:?} {step:?}"
            );
        }
    }
}

#[test]
fn after_the_commit_and_before_the_hold_no_limit_undoes_anything() {
    for kind in kinds() {
        for step in FORWARD.into_iter().chain([Step::Restore]) {
            let mut case = held(kind, 1, step);
            case.commit();
            assert!(!is_spent(&case.after(30)), "{kind:?} {step:?}");
        }
        let mut case = held(kind, 1, Step::Hold);
        record::enter(&mut case.status, Step::Stage, began());
        assert!(
            !is_spent(&case.after(30)),
            "{kind:?}: staged again, and nothing is held"
        );
    }
}

/// A stand-in never restarts: it must not be left for good, and of one that is gone the archive is all that is left.
#[test]
fn in_the_second_handoff_a_hold_is_given_back_while_another_attempt_follows_and_the_stand_in_is_there() {
    let twice = |kind: &Kind| at(*kind, Step::Stage).route == Route::Twice;
    for kind in kinds().into_iter().filter(twice) {
        for step in [
            Step::Hold,
            Step::Checkpoint,
            Step::Transfer,
            Step::Restore,
            Step::Commit,
        ] {
            let what = format!("{kind:?} {step:?}");
            let mut case = held(kind, 2, step);
            for attempt in 0..limits::SECOND_LEG_ATTEMPTS + 2 {
                case.status.legs.last_mut().unwrap().attempt = attempt;
                let bounded = attempt + 1 < limits::SECOND_LEG_ATTEMPTS;
                assert_eq!(is_spent(&case.after(6)), bounded, "{what}, attempt {attempt}");
            }
            case.status.legs.last_mut().unwrap().attempt = 0;
            undone(
                &case.after(6),
                Reason::PauseTooLong,
                "The stand-in goes on",
                &what,
            );
            let mut ended = source();
            ended.ended = true;
            for gone in [PodSeen::Gone, PodSeen::Unseen, PodSeen::Present(ended)] {
                case.seen.from = gone;
                assert!(!is_spent(&case.after(6)), "{what}: {:?}", case.seen.from);
            }
        }
    }
}
