//! Effects on the broker.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use shadow_core::machine::Outcome;
use shadow_core::machine::proof::{Emptied, Orphaned};
use shadow_core::names;

use super::Subject;
use crate::broker::{Broker, ControlMessage, Drainedness, QueueFacts};
use crate::context::Context;
use crate::error::ControllerError;
use crate::observe;

pub(super) async fn park(ctx: &Context, subject: Subject<'_>, pod: &str) -> Result<Outcome, ControllerError> {
    let queue = &subject.plan.queue;
    let broker = ctx.broker(subject.migration, queue.secret.as_deref()).await?;
    let hold = names::hold_queue(&subject.leg.key);
    let like = broker.describe(&queue.queue).await?.ok_or_else(|| {
        ControllerError::Malformed(format!("queue {} does not exist any more", queue.queue))
    })?;
    broker.declare_hold_queue(&hold, &like).await?;
    let address = address_of(ctx, subject, pod).await?;
    let witness = broker
        .witness(&consumed(&broker, subject, like).await?, address.as_deref())
        .await?;
    let sent = broker
        .send_control(pod, ControlMessage::StartReplay { queue: hold })
        .await;
    match sent {
        Ok(()) => Ok(Outcome::ParkSent(witness)),
        // The application may have read it: a connection that it lost with the broker must not be forgotten.
        Err(source) => Err(ControllerError::ParkUnsure {
            witness: Box::new(witness),
            source,
        }),
    }
}

/// The queue that is read at present: of a fenced stream it may be the backlog.
async fn consumed(
    broker: &Broker,
    subject: Subject<'_>,
    primary: QueueFacts,
) -> Result<QueueFacts, ControllerError> {
    let status = subject.migration.status.as_ref();
    let Some(fence) = status.and_then(|status| status.fence.as_ref()) else {
        return Ok(primary);
    };
    let [backlog, _] = observe::branch_names(fence);
    let read = broker
        .describe(&backlog)
        .await?
        .filter(|facts| facts.consumer_count > 0);
    Ok(read.unwrap_or(primary))
}

pub(super) async fn address_of(
    ctx: &Context,
    subject: Subject<'_>,
    pod: &str,
) -> Result<Option<String>, ControllerError> {
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), &subject.plan.source.namespace);
    let found = api.get_opt(pod).await?;
    Ok(found.and_then(|pod| pod.status?.pod_ip))
}

pub(super) async fn unpark(
    ctx: &Context,
    subject: Subject<'_>,
    pod: &str,
) -> Result<Outcome, ControllerError> {
    let broker = ctx
        .broker(subject.migration, subject.plan.queue.secret.as_deref())
        .await?;
    broker.send_control(pod, ControlMessage::EndReplay).await?;
    Ok(Outcome::UnparkSent)
}

/// Takes back what nobody reads. The queue itself is the application's.
pub(super) async fn withdraw(ctx: &Context, subject: Subject<'_>, pod: &str) -> Result<(), ControllerError> {
    let broker = ctx
        .broker(subject.migration, subject.plan.queue.secret.as_deref())
        .await?;
    broker
        .purge_control_queue(pod)
        .await
        .map(drop)
        .map_err(Into::into)
}

pub(super) async fn drop_hold(
    ctx: &Context,
    subject: Subject<'_>,
    proof: &Emptied,
) -> Result<(), ControllerError> {
    let broker = ctx
        .broker(subject.migration, subject.plan.queue.secret.as_deref())
        .await?;
    match broker.drained(proof.queue()).await? {
        Drainedness::Absent => Ok(()),
        Drainedness::Proven(drained) => broker.delete_queue(drained).await.map(drop).map_err(Into::into),
        Drainedness::NotYet(seen) => {
            tracing::warn!(
                queue = proof.queue(),
                ?seen,
                "hold queue came into use again and is kept"
            );
            Ok(())
        }
    }
}

/// Nobody reads there what is meant for another pod of that name.
pub(super) async fn refuse_control(
    ctx: &Context,
    subject: Subject<'_>,
    orphaned: &Orphaned,
) -> Result<(), ControllerError> {
    let broker = ctx
        .broker(subject.migration, subject.plan.queue.secret.as_deref())
        .await?;
    broker
        .refuse_control_queue(orphaned.pod())
        .await
        .map(drop)
        .map_err(Into::into)
}

pub(super) async fn drop_control(
    ctx: &Context,
    subject: Subject<'_>,
    pod: &str,
) -> Result<(), ControllerError> {
    let broker = ctx
        .broker(subject.migration, subject.plan.queue.secret.as_deref())
        .await?;
    broker
        .delete_control_queue(pod)
        .await
        .map(drop)
        .map_err(Into::into)
}
