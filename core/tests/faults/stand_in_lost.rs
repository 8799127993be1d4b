//! The second handoff failed as often as it is tried without asking, and the stand-in may end meanwhile.

use shadow_core::api::{OwnerKind, Step};
use shadow_core::doubt::{Doubt, DoubtReason};
use shadow_core::machine::{Action, Decision, KeySeen, LinkSeen, PodSeen, PodView, QueueSeen, Route, limits};
use shadow_core::reason::Reason;
use shadow_core::wire::{Archive, Claim};

use super::{Case, at, kinds, source};

/// The stand-in serves, and the pod of the last attempt is there.
fn exhausted() -> Vec<Case> {
    let sets = kinds()
        .into_iter()
        .filter(|kind| kind.owner == Some(OwnerKind::StatefulSet));
    let cases = sets.map(|kind| {
        let mut case = at(kind, Step::Abandon);
        let mut leg = case.status.legs.last().unwrap().clone();
        (leg.number, leg.attempt) = (2, limits::SECOND_LEG_ATTEMPTS - 1);
        leg.unpark_sent.clone_from(&leg.park_sent);
        case.status.legs.push(leg);
        case.seen.key = KeySeen::Known {
            claim: Claim::Aborted,
            archive: Archive::Absent,
        };
        case.seen.link = LinkSeen::Absent;
        case.seen.copy_connected = Some(false);
        case.seen.copy_consumes = Some(false);
        case.seen.primary = QueueSeen::Present {
            ready: 0,
            consumers: 1,
            unacked: Some(0),
        };
        case.seen.from_control = case.seen.primary;
        case.seen.hold = QueueSeen::Absent;
        case
    });
    cases.filter(|case| case.route == Route::Twice).collect()
}

fn soon(case: &Case) -> Decision {
    case.after(1)
}

fn later(case: &Case) -> Decision {
    case.after(limits::ONE_MORE.as_secs() + 1)
}

#[test]
fn a_person_is_asked_and_gets_one_more_attempt_by_deleting_the_pod() {
    for case in &mut exhausted() {
        for decision in [soon(case), later(case)] {
            let Decision::Stuck(cause) = &decision else {
                panic!("{decision:?}");
            };
            assert!(
                cause.reason == Reason::SecondHandoffFails && cause.message.contains("delete pod orders-0"),
                "{cause:?}"
            );
        }
        let another = PodView {
            uid: "another".into(),
            ..PodView::default()
        };
        for deleted in [PodSeen::Gone, PodSeen::Present(another)] {
            case.seen.to = deleted;
            assert!(matches!(soon(case), Decision::Stuck(_)), "{:?}", soon(case));
            let Decision::Advance(next) = later(case) else {
                panic!("{:?}", later(case));
            };
            assert!(next.step == Step::Stage && next.begin.is_some(), "{next:?}");
        }
    }
}

/// Its memory is lost, and the pod under the old name must not wait for it.
#[test]
fn a_stand_in_that_ends_meanwhile_is_noticed() {
    for case in &mut exhausted() {
        let ended = PodView {
            ended: true,
            ..source()
        };
        let restarted = PodView {
            restarts: 1,
            ..source()
        };
        for gone in [
            PodSeen::Gone,
            PodSeen::Present(ended),
            PodSeen::Present(restarted),
        ] {
            case.seen.from = gone;
            let Decision::Advance(next) = soon(case) else {
                panic!("{:?}", soon(case));
            };
            let reasons: Vec<DoubtReason> = next.doubts.iter().map(Doubt::reason).collect();
            assert!(
                next.step == Step::Clean && reasons == [DoubtReason::StandInLost],
                "{reasons:?}"
            );
        }
    }
}

/// Two that consume at once would be worse than a lost memory.
#[test]
fn a_stand_in_that_was_started_anew_goes_before_the_move_ends() {
    for case in &mut exhausted() {
        case.status.intent.as_mut().unwrap().step = Step::Clean;
        let restarted = PodView {
            restarts: 1,
            ..source()
        };
        case.seen.from = PodSeen::Present(restarted);
        let Decision::Run(Action::DeletePod(stand_in)) = soon(case) else {
            panic!("{:?}", soon(case));
        };
        assert_eq!(stand_in.pod().name, case.status.legs.last().unwrap().from.pod);
    }
}
