//! A backlog is not worked off in time, or its consumer is slow to connect again.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::SignedDuration;
use shadow_core::api::{Fence, HoldKind, MigrationStrategy, OwnerKind, Step};
use shadow_core::machine::{Branched, Decision, Flow, PortSeen, QueueSeen, limits};
use shadow_core::reason::Reason;

use super::{Case, Kind, at, began, undone};

/// The second handoff of a stream that was fenced in the first: new messages go to the primary queue again.
fn second() -> Case {
    let kind = Kind {
        owner: Some(OwnerKind::StatefulSet),
        strategy: MigrationStrategy::ShadowPod,
        hold: HoldKind::Park,
    };
    let mut case = at(kind, Step::Hold);
    let leg = case.status.legs.last_mut().unwrap();
    leg.number = 2;
    case.status.fence = Some(Fence::new(leg.key.clone()));
    case.status.plan.as_mut().unwrap().queue.unfenced = None;
    case.seen.port = PortSeen::Seen {
        flow: Flow::Ported,
        branched: Branched::No,
    };
    case.seen.mirror = QueueSeen::Absent;
    for queue in [
        &mut case.seen.hold,
        &mut case.seen.primary,
        &mut case.seen.backlog,
    ] {
        *queue = consumed_by(0);
    }
    case.seen.from_control = consumed_by(1);
    case
}

fn consumed_by(consumers: u64) -> QueueSeen {
    QueueSeen::Present {
        ready: 0,
        consumers,
        unacked: Some(0),
    }
}

#[test]
fn one_that_has_worked_off_its_backlog_may_take_its_time_to_connect() {
    let park = limits::PARK.as_secs() + 1;
    let (mut reading, between) = (second(), second());
    reading.seen.backlog = consumed_by(1);
    for case in [&reading, &between] {
        let decision = case.after(park);
        assert!(matches!(decision, Decision::Wait { .. }), "{decision:?}");
    }
    let never = between.after(limits::FENCE_LATER.as_secs() + 1);
    undone(
        &never,
        Reason::NotParked,
        "0 consumers on the hold queue",
        "nobody came",
    );
}

/// It works meanwhile, and nothing stands still; so the user says how long that may take.
#[test]
fn a_backlog_is_worked_off_as_long_as_the_move_may_take() {
    let mut case = second();
    let leg = case.status.legs.last_mut().unwrap();
    leg.number = 1;
    let intent = case.status.intent.as_mut().unwrap();
    (intent.step, intent.leg) = (Step::Fence, 1);
    case.seen.primary = QueueSeen::Present {
        ready: 4_000,
        consumers: 1,
        unacked: Some(50),
    };
    case.seen.port = PortSeen::Seen {
        flow: Flow::Fenced,
        branched: Branched::No,
    };
    for (begun_after, deadline, limit) in [
        (0, None, 90),
        (40, None, 90),
        (0, Some(600), 570),
        (0, Some(40), 20),
    ] {
        let intent = case.status.intent.as_mut().unwrap();
        intent.since = MicroTime(began() + SignedDuration::from_secs(begun_after));
        let before = case.after_with(limit - 1, deadline);
        assert!(
            matches!(before, Decision::Wait { .. }),
            "{deadline:?}: {before:?}"
        );
        let late = case.after_with(limit + 1, deadline);
        undone(
            &late,
            Reason::NotWorkedOff,
            "spec.deadlineSeconds",
            "too many wait",
        );
    }
}
