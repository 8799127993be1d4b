//! A source that stands still from its dump to the commit, and what ends that too early or too late.

use shadow_core::machine::{Action, limits};

use super::*;

const LIMIT: i64 = 20;

fn frozen(kind: Kind, step: Step) -> Case {
    let mut case = at(kind, step);
    let leg = case.status.legs.last_mut().unwrap();
    leg.frozen = Some(MicroTime(began()));
    leg.transfer = Some(shadow_core::wire::Transferred {
        wire_bytes: 1,
        total_micros: 1,
    });
    case.seen.hold = QueueSeen::Present {
        ready: 0,
        consumers: 1,
        unacked: None,
    };
    case
}

fn sequential() -> impl Iterator<Item = Kind> {
    let all = kinds().into_iter();
    all.filter(|kind| kind.strategy == MigrationStrategy::Sequential)
}

#[test]
fn a_commit_needs_the_promise_that_the_source_stays_frozen() {
    for kind in sequential() {
        let mut case = frozen(kind, Step::Commit);
        assert_eq!(case.after(1), Decision::Run(Action::Promise), "{kind:?}");
        case.status.legs.last_mut().unwrap().promised = Some(MicroTime(began()));
        let Decision::Advance(next) = case.after(1) else {
            panic!("{kind:?}: {:?}", case.after(1));
        };
        assert_eq!(next.change, shadow_core::machine::Change::Committed, "{kind:?}");
    }
}

#[test]
fn a_source_that_goes_on_after_its_dump_needs_no_promise() {
    for kind in kinds() {
        if kind.strategy == MigrationStrategy::Sequential {
            continue;
        }
        let case = at(kind, Step::Commit);
        assert_ne!(case.after(1), Decision::Run(Action::Promise), "{kind:?}");
        let undone = at(kind, Step::Abandon);
        assert_ne!(undone.after(1), Decision::Run(Action::Thaw), "{kind:?}");
    }
}

#[test]
fn a_source_that_went_on_too_early_undoes_the_move() {
    for kind in sequential() {
        for step in [Step::Checkpoint, Step::Transfer, Step::Commit] {
            let mut case = frozen(kind, step);
            case.status.legs.last_mut().unwrap().thawed = Some(MicroTime(began()));
            undone(
                &case.after(1),
                Reason::Thawed,
                "20.0 s",
                &format!("{kind:?} {step:?}"),
            );
        }
    }
}

#[test]
fn a_freeze_that_reaches_its_limit_undoes_the_move_and_names_the_way_out() {
    for kind in sequential() {
        for step in [Step::Transfer, Step::Commit] {
            let mut case = frozen(kind, step);
            for promised in [None, Some(MicroTime(began()))] {
                case.status.legs.last_mut().unwrap().promised = promised;
                let what = format!("{kind:?} {step:?}");
                assert!(!matches!(case.after(LIMIT), Decision::RollBack(_)), "{what}");
                undone(
                    &case.after(LIMIT + 1),
                    Reason::FreezeTooLong,
                    "failureThreshold",
                    &what,
                );
            }
        }
    }
}

#[test]
fn an_undone_move_lets_the_source_go_on_first_and_waits_for_no_node_that_is_gone() {
    for kind in sequential() {
        let mut case = frozen(kind, Step::Abandon);
        assert_eq!(case.after(0), Decision::Run(Action::Thaw), "{kind:?}");
        let late = limits::SILENCE.as_secs() + 1;
        assert_ne!(case.after(late), Decision::Run(Action::Thaw), "{kind:?}");
        case.status.legs.last_mut().unwrap().thawed = Some(MicroTime(began()));
        assert_ne!(case.after(0), Decision::Run(Action::Thaw), "{kind:?}");
    }
}

#[test]
fn a_committed_source_is_never_let_go_on() {
    for kind in sequential() {
        for step in FORWARD {
            let mut case = frozen(kind, step);
            case.commit();
            for seconds in [1, LIMIT + 1, 600] {
                assert_ne!(
                    case.after(seconds),
                    Decision::Run(Action::Thaw),
                    "{kind:?} {step:?}"
                );
            }
        }
    }
}
