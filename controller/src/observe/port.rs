//! One look at the port before a primary queue, and at the queues beside it.

use shadow_core::api::{Fence, HoldKind, Plan};
use shadow_core::machine::{Branched, Flow, PortSeen, QueueSeen};
use shadow_core::names;

use crate::broker::port::{Port, PortState, Topology};
use crate::broker::{Broker, BrokerError};

/// The port itself; before the queues.
pub(super) async fn look(broker: &Broker, plan: &Plan, fence: &Fence) -> Result<PortSeen, BrokerError> {
    let seen = broker.topology(&Port::of(&plan.queue.queue)).await?;
    Ok(PortSeen::Seen {
        flow: flow(&seen.state()),
        branched: branched(&seen, plan, fence),
    })
}

/// Backlog and mirror, for proofs.
pub(super) async fn beside(
    broker: &Broker,
    plan: &Plan,
    fence: &Fence,
) -> Result<[QueueSeen; 2], BrokerError> {
    let [backlog, mirror] = names(fence);
    Ok([
        broker.queue_with_unacked(&backlog).await?.into(),
        if wants_mirror(plan) {
            broker.queue_with_unacked(&mirror).await?.into()
        } else {
            QueueSeen::Absent
        },
    ])
}

/// Without, it is never made; and a broker writes a line into its log for each question about what is not there.
pub(super) fn wants_mirror(plan: &Plan) -> bool {
    plan.queue.hold == HoldKind::Exchange
}

/// Names of backlog and mirror.
pub(crate) fn names(fence: &Fence) -> [String; 2] {
    [names::backlog_queue(&fence.key), names::mirror_queue(&fence.key)]
}

fn flow(state: &PortState) -> Flow {
    match state {
        PortState::NotAdopted => Flow::Direct,
        PortState::HalfAdopted { .. } => Flow::Partial,
        PortState::Adopted => Flow::Ported,
        PortState::Fenced => Flow::Fenced,
        PortState::Breached { .. } => Flow::Breached,
    }
}

fn branched(seen: &Topology, plan: &Plan, fence: &Fence) -> Branched {
    let [backlog, mirror] = names(fence).map(|name| seen.branches.contains(&name));
    match (backlog, mirror) {
        (false, false) => Branched::No,
        (true, true) => Branched::Fully,
        (true, false) if !wants_mirror(plan) => Branched::Fully,
        (true, false) | (false, true) => Branched::Partly,
    }
}
