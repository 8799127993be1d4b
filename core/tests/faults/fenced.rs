//! An application that works off a backlog before it reads what it is told, and is slow to connect again.

use shadow_core::api::{Fence, HoldKind, MigrationStrategy, OwnerKind, Step};
use shadow_core::machine::{Branched, Decision, Flow, PortSeen, QueueSeen, limits};

use super::{Case, Kind, at, undone};

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
    case.status.fence = Some(Fence {
        key: leg.key.clone(),
        twins: false,
    });
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
        "NotParked",
        "0 consumers on the hold queue",
        "nobody came",
    );
}
