//! Somebody consumes the control queue of a pod that is gone, or stays on the hold queue: it is named, and has an end or a way out.

use shadow_core::api::Step;
use shadow_core::machine::{
    Action, Decision, PodSeen, PodView, QueueSeen, ReaderSeen, ReadersSeen, Route, limits,
};
use shadow_core::reason::Reason;

use super::{Case, at, kinds};

const READ: QueueSeen = QueueSeen::Present {
    ready: 0,
    consumers: 1,
    unacked: Some(0),
};

fn retired() -> impl Iterator<Item = Case> {
    let cases = kinds().into_iter().map(|kind| {
        let mut case = at(kind, Step::Retire);
        case.commit();
        case.seen.from = PodSeen::Gone;
        if let PodSeen::Present(copy) = &mut case.seen.to {
            copy.owner = Some("owner".into());
        }
        case.seen.from_control = READ;
        case
    });
    cases.filter(|case| case.route != Route::InPlace)
}

fn reader(of_copy: bool) -> ReadersSeen {
    ReadersSeen::Listed(vec![ReaderSeen {
        tag: "ctag1.7".into(),
        connection: "10.1.0.9:40122 -> 10.0.0.2:5672".into(),
        address: "10.1.0.9".into(),
        of_copy,
    }])
}

fn is_refused(decision: &Decision) -> bool {
    matches!(decision, Decision::Run(Action::RefuseControl(_)))
}

#[test]
fn a_copy_is_refused_the_queue_of_the_pod_that_it_was_dumped_in() {
    for mut case in retired() {
        case.seen.readers = reader(true);
        assert!(is_refused(&case.after(1)), "{:?}", case.after(1));
    }
}

#[test]
fn another_consumer_is_named_and_refused_the_queue_later() {
    for mut case in retired() {
        for (readers, words) in [
            (
                reader(false),
                "consumer ctag1.7 over connection 10.1.0.9:40122 -> 10.0.0.2:5672 from 10.1.0.9",
            ),
            (
                ReadersSeen::Listed(Vec::new()),
                "1 consumers that the broker does not list yet",
            ),
            (
                ReadersSeen::Unseen,
                "1 consumers that the broker does not list yet",
            ),
        ] {
            case.seen.readers = readers;
            let Decision::Wait { reason, .. } = case.after(1) else {
                panic!("{:?}", case.after(1));
            };
            assert!(
                reason.contains(words) && reason.contains("ms2m.control.orders-0"),
                "{reason}"
            );
            let late = case.after(limits::READERS.as_secs() + 1);
            assert!(is_refused(&late), "{late:?}");
        }
    }
}

/// It belongs to the pod that bears the name now, unless that is one whose process waits to be restored.
#[test]
fn the_control_queue_of_another_pod_of_the_same_name_is_left_to_that() {
    for mut case in retired() {
        case.seen.from = PodSeen::Present(PodView {
            uid: "another".into(),
            ..PodView::default()
        });
        case.seen.readers = reader(false);
        let decision = case.after(limits::READERS.as_secs() + 1);
        assert_eq!(is_refused(&decision), case.route == Route::Twice, "{decision:?}");
    }
}

#[test]
fn who_stays_on_the_hold_queue_needs_a_person() {
    for mut case in retired() {
        (case.seen.from_control, case.seen.hold) = (QueueSeen::Absent, READ);
        let Decision::Stuck(cause) = case.after(limits::LASTING.as_secs() + 1) else {
            panic!("{:?}", case.after(limits::LASTING.as_secs() + 1));
        };
        assert_eq!(cause.reason, Reason::WaitsForLong);
        assert!(
            cause.message.contains("ms2m.hold.") && cause.message.contains("END_REPLAY"),
            "{cause:?}"
        );
        case.seen.hold = QueueSeen::Present {
            ready: 0,
            consumers: 0,
            unacked: Some(0),
        };
        let gone = case.after(limits::LASTING.as_secs() + 1);
        assert!(matches!(gone, Decision::Run(Action::DropHold(_))), "{gone:?}");
    }
}
