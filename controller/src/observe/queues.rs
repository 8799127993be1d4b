//! One look at the queues of a migration.

use kube::ResourceExt;
use shadow_core::api::{Fence, Leg, Plan, QueuePlan, StatefulMigration, Witness};
use shadow_core::machine::steps::hold;
use shadow_core::machine::{
    ConnectionSeen, Look, Observed, PortSeen, QueueSeen, ReaderSeen, ReadersSeen, Sight,
};
use shadow_core::names;

use super::{link, port};
use crate::broker::{self, Broker, BrokerError};
use crate::context::Context;
use crate::error::ControllerError;

/// What was seen.
#[derive(Default)]
pub(super) struct Queues {
    pub(super) primary: QueueSeen,
    pub(super) hold: QueueSeen,
    pub(super) from_control: QueueSeen,
    pub(super) to_control: QueueSeen,
    pub(super) readers: ReadersSeen,
    pub(super) connection: ConnectionSeen,
    pub(super) leftovers: Vec<(String, QueueSeen)>,
    pub(super) port: PortSeen,
    pub(super) backlog: QueueSeen,
    pub(super) mirror: QueueSeen,
    /// Why something of it could not be read.
    pub(super) blind: Vec<String>,
}

impl Queues {
    pub(super) fn into_observed(self, seen: &mut Observed) {
        seen.primary = self.primary;
        seen.hold = self.hold;
        seen.from_control = self.from_control;
        seen.to_control = self.to_control;
        seen.readers = self.readers;
        seen.connection = self.connection;
        seen.leftovers = self.leftovers;
        seen.port = self.port;
        seen.backlog = self.backlog;
        seen.mirror = self.mirror;
        seen.blind.extend(self.blind);
    }
}

/// Whether a look at the queues has anything to ask.
pub(super) fn asks_the_broker(sight: Sight) -> bool {
    let wanted = [
        Look::Primary,
        Look::Consumers,
        Look::Hold,
        Look::FromControl,
        Look::ToControl,
        Look::Leftovers,
        Look::Port,
        Look::Beside,
    ];
    wanted.into_iter().any(|look| sight.has(look))
}

/// Hold queues of all attempts of this migration.
pub(super) fn hold_queues(migration: &StatefulMigration) -> Vec<String> {
    migration
        .status
        .iter()
        .flat_map(|s| &s.legs)
        .map(|leg| names::hold_queue(&leg.key))
        .collect()
}

pub(super) async fn look(
    ctx: &Context,
    migration: &StatefulMigration,
    sight: Sight,
) -> Result<Queues, ControllerError> {
    let mut found = Queues::default();
    let status = migration.status.as_ref();
    let (Some(plan), Some(leg)) = (
        status.and_then(|s| s.plan.as_ref()),
        status.and_then(|s| s.legs.last()),
    ) else {
        return Err(ControllerError::Malformed(format!(
            "migration {} has no plan",
            migration.name_any()
        )));
    };
    if !asks_the_broker(sight) {
        return Ok(found);
    }
    let broker = ctx.broker(migration, plan.queue.secret.as_deref()).await?;
    let fence = status.and_then(|s| s.fence.as_ref());
    if let (Some(fence), true) = (fence, sight.has(Look::Port)) {
        found.port = port::look(&broker, plan, fence).await?;
    }
    // The hold queue is read before the primary queue: an application that is seen on the hold queue has left the
    // primary one already.
    if sight.has(Look::Hold) {
        found.hold = broker.queue(&names::hold_queue(&leg.key)).await?.into();
    }
    if sight.has(Look::Primary) {
        found.primary = broker.queue_with_unacked(&plan.queue.queue).await?.into();
    }
    // After the queues: an application that is seen parked on the connection it had before has lost none.
    if let (true, Some(witness)) = (sight.has(Look::Connection), &leg.witness) {
        found.connection = connection(&broker, &plan.queue, fence, witness, &found).await?;
    }
    if sight.has(Look::Consumers) && !sight.has(Look::Primary) {
        found.primary = consumers(&broker, &plan.queue).await?.into();
    }
    if let Some(fence) = fence {
        beside(&broker, plan, fence, sight, &mut found).await?;
    }
    told_and_left(&broker, migration, leg, sight, &mut found).await?;
    if sight.has(Look::Readers) && found.from_control.consumers().is_some_and(|n| n > 0) {
        // Names alone: whoever cannot list them takes nothing away from what is known of the queues.
        let readers = readers(ctx, &broker, plan, leg).await;
        found.readers = super::or_blind(readers, &mut found.blind);
    }
    Ok(found)
}

/// Who consumes the control queue of the pod that held the stream.
async fn readers(
    ctx: &Context,
    broker: &Broker,
    plan: &Plan,
    leg: &Leg,
) -> Result<ReadersSeen, ControllerError> {
    let copy = link::address(ctx, plan, leg).await?;
    let listed = broker.consumers(&names::control_queue(&leg.from.pod)).await?;
    let readers = listed.into_iter().map(|consumer| ReaderSeen {
        of_copy: copy.as_ref() == Some(&consumer.peer_host),
        connection: consumer.connection().unwrap_or("unknown").to_owned(),
        tag: consumer.tag,
        address: consumer.peer_host,
    });
    Ok(ReadersSeen::Listed(readers.collect()))
}

/// Control queues, and the hold queues of all attempts.
async fn told_and_left(
    broker: &Broker,
    migration: &StatefulMigration,
    leg: &Leg,
    sight: Sight,
    found: &mut Queues,
) -> Result<(), BrokerError> {
    if sight.has(Look::FromControl) {
        found.from_control = broker.queue(&names::control_queue(&leg.from.pod)).await?.into();
    }
    if sight.has(Look::ToControl) {
        found.to_control = broker.queue(&names::control_queue(&leg.to.pod)).await?.into();
    }
    if sight.has(Look::Leftovers) {
        for queue in hold_queues(migration) {
            let look = broker.queue_with_unacked(&queue).await?.into();
            found.leftovers.push((queue, look));
        }
    }
    Ok(())
}

/// An application may close its connection in order: then nothing came back.
async fn connection(
    broker: &Broker,
    queue: &QueuePlan,
    fence: Option<&Fence>,
    witness: &Witness,
    found: &Queues,
) -> Result<ConnectionSeen, BrokerError> {
    let seen = broker.still(witness).await?;
    let ConnectionSeen::Lost(how) = seen else {
        return Ok(seen);
    };
    if queue.quorum || !hold::is_parked(found.hold, found.primary) {
        return Ok(ConnectionSeen::Lost(how));
    }
    for read in read_since(&queue.queue, fence, witness) {
        if let Some(what) = broker.came_back(&read, witness).await? {
            return Ok(ConnectionSeen::Lost(format!("{how} ({what})")));
        }
    }
    Ok(ConnectionSeen::Held)
}

/// What the application may have read between START_REPLAY and its park: of a fenced stream perhaps the backlog. A queue
/// that it did not read is not asked: the mark that a look leaves on its first message would be taken for one of now.
fn read_since(primary: &str, fence: Option<&Fence>, witness: &Witness) -> Vec<String> {
    if let Some(queue) = &witness.queue {
        return vec![queue.clone()];
    }
    let backlog = fence.map(port::names).map(|[backlog, _]| backlog);
    std::iter::once(primary.to_owned()).chain(backlog).collect()
}

/// Backlog and mirror: for proofs, or who reads them.
async fn beside(
    broker: &Broker,
    plan: &Plan,
    fence: &Fence,
    sight: Sight,
    found: &mut Queues,
) -> Result<(), BrokerError> {
    if sight.has(Look::Port) {
        [found.backlog, found.mirror] = port::beside(broker, plan, fence).await?;
    } else if sight.has(Look::Beside) {
        let [backlog, mirror] = port::names(fence);
        found.backlog = broker.queue(&backlog).await?.into();
        found.mirror = if port::wants_mirror(plan) {
            broker.queue(&mirror).await?.into()
        } else {
            QueueSeen::Absent
        };
    }
    Ok(())
}

/// The figures of a classic queue are true as they are; a quorum queue has to show that it has a leader.
async fn consumers(broker: &Broker, queue: &QueuePlan) -> Result<broker::QueueSeen, BrokerError> {
    if queue.quorum {
        broker.queue_with_unacked(&queue.queue).await
    } else {
        broker.queue(&queue.queue).await
    }
}

#[cfg(test)]
mod tests {
    use shadow_core::api::{Fence, Witness};
    use shadow_core::names::Key;

    use super::read_since;

    #[test]
    fn only_what_may_have_been_read_is_asked_whether_something_came_back() {
        let fence = Fence::new(Key::parse("uid-1-0").unwrap());
        let read = |queue: Option<&str>| Witness {
            queue: queue.map(str::to_owned),
            ..Witness::default()
        };
        assert_eq!(
            read_since("orders", Some(&fence), &read(Some("ms2m.backlog.x"))),
            ["ms2m.backlog.x"]
        );
        assert_eq!(read_since("orders", None, &read(None)), ["orders"]);
        assert_eq!(read_since("orders", Some(&fence), &read(None)).len(), 2);
    }
}
