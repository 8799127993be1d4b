//! The broker, or the connection to it, is lost while the application is asked to wait.

use shadow_core::api::{HoldKind, Step, Witness};
use shadow_core::machine::{
    Action, Decision, EvidenceSeen, LinkSeen, Outcome, QueueSeen, Route, limits, record,
};
use shadow_core::reason::Reason;
use shadow_core::wire::Transferred;

use super::{Case, at, began, kinds, undone};

fn over(connection: &str) -> Witness {
    Witness {
        application: Some(connection.to_owned()),
        ..Witness::default()
    }
}

/// The application may have read START_REPLAY, and lost its connection together with the broker.
#[test]
fn a_park_that_may_have_been_sent_is_sent_again_and_measured_by_the_connections_of_before() {
    for kind in kinds().into_iter().filter(|kind| kind.hold == HoldKind::Park) {
        let mut case = at(kind, Step::Hold);
        case.status.legs.last_mut().unwrap().park_sent = None;
        let unsure = Outcome::ParkUnsure(over("of before"));
        assert!(record::absorb(&mut case.status, unsure, began()), "{kind:?}");
        let again = case.after(1);
        assert!(
            matches!(&again, Decision::Run(Action::Park { .. })),
            "{kind:?}: {again:?}"
        );
        let sent = Outcome::ParkSent(over("of afterwards"));
        assert!(record::absorb(&mut case.status, sent, began()), "{kind:?}");
        let leg = case.status.legs.last().unwrap();
        assert_eq!(leg.witness, Some(over("of before")), "{kind:?}");
        assert!(leg.park_sent.is_some(), "{kind:?}");
    }
}

/// What cannot be seen proves nothing: the source is sent back to its queue as soon as the broker answers again.
#[test]
fn a_broker_that_stays_silent_while_the_application_is_asked_to_wait_undoes_the_move_and_is_named() {
    for kind in kinds().into_iter().filter(|kind| kind.hold == HoldKind::Park) {
        let mut case = at(kind, Step::Hold);
        let seen = &mut case.seen;
        (seen.primary, seen.hold, seen.from_control) =
            (QueueSeen::Unseen, QueueSeen::Unseen, QueueSeen::Unseen);
        seen.link = LinkSeen::Unseen;
        seen.blind = vec!["broker mq:5672 cannot be reached".into()];
        let soon = case.after(1);
        assert!(matches!(soon, Decision::Wait { .. }), "{kind:?}: {soon:?}");
        let late = case.after(limits::PARK.as_secs() + 1);
        undone(&late, Reason::NotParked, "mq:5672", &format!("{kind:?}"));
    }
}

/// Nothing is committed on what was seen before the hold alone.
#[test]
fn a_commit_waits_for_the_premises_and_is_given_up_when_nobody_tells_them() {
    for kind in kinds() {
        let mut case = at(kind, Step::Commit);
        case.status.legs.last_mut().unwrap().transfer = Some(Transferred {
            wire_bytes: 1,
            total_micros: 1,
        });
        // There is no copy yet that reads it beside the source.
        if case.route == Route::InPlace {
            case.seen.hold = QueueSeen::Present {
                ready: 0,
                consumers: 1,
                unacked: None,
            };
        }
        let waits = |case: &Case| matches!(case.after(1), Decision::Wait { .. });
        assert!(!waits(&case), "{kind:?}");
        case.seen.evidence = EvidenceSeen::Unseen;
        assert!(waits(&case), "{kind:?}");
        let late = case.after(limits::RESTORE.as_secs() + 1);
        undone(&late, Reason::CommitTimeout, "rests on", &format!("{kind:?}"));
    }
}
