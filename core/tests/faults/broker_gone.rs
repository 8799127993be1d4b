//! What is kept of a park that nobody confirmed.

use shadow_core::api::{HoldKind, Step, Witness};
use shadow_core::machine::{Action, Decision, Outcome, record};

use super::{at, began, kinds};

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
