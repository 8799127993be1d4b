//! Effects on the port before a primary queue, and on what an instance reads of a fenced stream.

use k8s_openapi::jiff::Timestamp;
use shadow_core::api::{Fence, HoldKind, Reading, Step};
use shadow_core::machine::port::PortChange;
use shadow_core::machine::{self, Action, Decision, Outcome};
use shadow_core::names;

use super::Subject;
use crate::broker::port::{Port, Turned, Twins};
use crate::broker::{Broker, ControlMessage, Drainedness};
use crate::context::Context;
use crate::error::ControllerError;
use crate::observe;

/// Makes one change.
pub(super) async fn make(
    ctx: &Context,
    subject: Subject<'_>,
    change: PortChange,
    served: Reading,
) -> Result<Outcome, ControllerError> {
    let fence = fence(subject)?;
    let queue = &subject.plan.queue;
    let broker = ctx.broker(subject.migration, queue.secret.as_deref()).await?;
    let port = Port::of(&queue.queue);
    match change {
        PortChange::Adopt => broker.adopt(&port).await?,
        PortChange::Branch => return branch(&broker, subject, &port, fence).await,
        PortChange::Fence => return Ok(turned(broker.fence(&port).await?)),
        PortChange::TakeInStrays => return Ok(turned(broker.take_in_strays(&port).await?)),
        PortChange::FlipBack => return Ok(turned(broker.flip_back(&port).await?)),
        PortChange::Unbranch => unbranch(&broker, &port, fence).await?,
        PortChange::DeleteTwin => delete_twin(&broker, &port, fence, served).await?,
        PortChange::DeleteBacklog => delete_served(&broker, fence, served).await?,
        PortChange::PourBack => {
            let poured = broker.pour_back(&port, &name(fence, served)).await?;
            return Ok(turned(poured.turned));
        }
        PortChange::PourRest => drop(broker.pour_rest(&port, &name(fence, served)).await?),
        PortChange::GiveBack => broker.give_back(&port).await?,
    }
    Ok(Outcome::Done)
}

/// Sends the control message, if it is still the next thing to do when the flow has settled: a queue that is empty right
/// after the flow was turned may yet get what was on its way.
pub(super) async fn tell(
    ctx: &Context,
    subject: Subject<'_>,
    pod: &str,
    reading: Reading,
    served: Reading,
) -> Result<Outcome, ControllerError> {
    let fence = fence(subject)?;
    let queue = &subject.plan.queue;
    let broker = ctx.broker(subject.migration, queue.secret.as_deref()).await?;
    let intent = subject
        .migration
        .status
        .as_ref()
        .and_then(|status| status.intent.as_ref());
    // A dumped source goes on with its copy of the stream wherever new messages go.
    let depends_on_flow = intent.is_none_or(|intent| intent.step != Step::Follow);
    if depends_on_flow {
        broker.settled(&Port::of(&queue.queue)).await?;
        let wanted = Action::Tell {
            pod: pod.to_owned(),
            reading,
            served,
        };
        if decided_again(ctx, subject).await != Some(Decision::Run(wanted)) {
            return Ok(Outcome::Done);
        }
    }
    let message = match reading {
        Reading::Primary => ControlMessage::EndReplay,
        Reading::Backlog | Reading::Mirror => ControlMessage::StartReplay {
            queue: name(fence, reading),
        },
    };
    broker.send_control(pod, message).await?;
    Ok(Outcome::Told(reading))
}

/// What the machine says to what is seen now.
async fn decided_again(ctx: &Context, subject: Subject<'_>) -> Option<Decision> {
    let migration = subject.migration;
    let status = migration.status.as_ref()?;
    let step = status.intent.as_ref()?.step;
    let seen = observe::observe(ctx, migration, subject.plan, subject.leg, step).await;
    Some(machine::next_step(
        &migration.spec,
        status,
        &seen,
        Timestamp::now(),
    ))
}

async fn branch(
    broker: &Broker,
    subject: Subject<'_>,
    port: &Port,
    fence: &Fence,
) -> Result<Outcome, ControllerError> {
    let queue = &subject.plan.queue;
    let like = broker.describe(&queue.queue).await?.ok_or_else(|| {
        ControllerError::Malformed(format!("queue {} does not exist any more", queue.queue))
    })?;
    let [backlog, mirror] = observe::branch_names(fence);
    broker.declare_branch(&backlog, &like).await?;
    if queue.hold != HoldKind::Exchange {
        broker.branch(port, &backlog).await?;
        return Ok(Outcome::Done);
    }
    broker.declare_branch(&mirror, &like).await?;
    broker.branch_twins(port, &fence.key).await?;
    Ok(Outcome::Twinned)
}

async fn unbranch(broker: &Broker, port: &Port, fence: &Fence) -> Result<(), ControllerError> {
    let bound = broker.topology(port).await?.branches;
    for queue in observe::branch_names(fence)
        .iter()
        .filter(|name| bound.contains(name))
    {
        broker.unbranch(port, queue).await?;
    }
    Ok(())
}

/// The queue that got the same messages as the one that was worked off, with what is in it.
async fn delete_twin(
    broker: &Broker,
    port: &Port,
    fence: &Fence,
    served: Reading,
) -> Result<(), ControllerError> {
    let twin = match served {
        Reading::Mirror => names::backlog_queue(&fence.key),
        Reading::Primary | Reading::Backlog => names::mirror_queue(&fence.key),
    };
    if let Drainedness::Proven(empty) = broker.drained(&twin).await? {
        broker.delete_queue(empty).await?;
        return Ok(());
    }
    let Some(twins) = Twins::recorded(fence) else {
        return Err(ControllerError::Malformed(format!(
            "queue {twin} has messages, and it is not proven that they were worked off from another queue"
        )));
    };
    match broker.drained(&name(fence, served)).await? {
        Drainedness::Proven(served) => broker.delete_twin(port, &twins, served).await?,
        Drainedness::Absent | Drainedness::NotYet(_) => return Ok(()),
    };
    Ok(())
}

async fn delete_served(broker: &Broker, fence: &Fence, served: Reading) -> Result<(), ControllerError> {
    let queue = name(fence, served);
    match broker.drained(&queue).await? {
        Drainedness::Proven(drained) => broker.delete_queue(drained).await.map(drop)?,
        Drainedness::Absent => {}
        Drainedness::NotYet(seen) => {
            tracing::warn!(queue, ?seen, "the backlog queue came into use again and is kept");
        }
    }
    Ok(())
}

fn turned(turned: Turned) -> Outcome {
    let strays = turned.strays.into_iter().map(|route| route.exchange).collect();
    Outcome::Turned { strays }
}

fn name(fence: &Fence, reading: Reading) -> String {
    match reading {
        Reading::Mirror => names::mirror_queue(&fence.key),
        Reading::Primary | Reading::Backlog => names::backlog_queue(&fence.key),
    }
}

fn fence(subject: Subject<'_>) -> Result<&Fence, ControllerError> {
    let status = subject.migration.status.as_ref();
    status
        .and_then(|status| status.fence.as_ref())
        .ok_or_else(|| ControllerError::Malformed("the status does not name the backlog queue".to_owned()))
}
