//! What the broker says of the stream: whether it can be handed over exactly, and how its deliveries are held.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use shadow_core::api::{HoldKind, QueuePlan, StatefulMigration};
use shadow_core::machine::Cause;
use shadow_core::names::{self, Key};
use shadow_core::reason::Reason;
use shadow_core::settings::Settings;

use crate::broker::{Broker, Needs, QueueFacts, QueueKind, QueueSeen, Sufficiency};
use crate::context::Context;
use crate::error::ControllerError;
use crate::inexact::{self, Doubt};

/// The stream and how it is held, or why it cannot be handed over.
pub(super) async fn plan(
    ctx: &Context,
    migration: &StatefulMigration,
    pod: &Pod,
    settings: &Settings,
) -> Result<Result<QueuePlan, Cause>, ControllerError> {
    let queue = settings.queue.clone().unwrap_or_default();
    let secret = settings.secret.clone();
    let broker = ctx.broker(migration, secret.as_deref()).await?;
    let Some(facts) = broker.describe(&queue).await? else {
        return Ok(Err(Cause::new(
            Reason::QueueUnknown,
            format!(
                "spec.messageQueueConfig.queueName: queue {queue:?} does not exist on the broker; name the queue that the pod \
                 consumes, or wait until the pod has declared it"
            ),
        )));
    };
    let hold = hold_kind(&facts, super::is_live(migration));
    let fit = match hold {
        HoldKind::SingleActive => rehearsed(&broker, &queue).await?,
        HoldKind::Park | HoldKind::Exchange => parkable(&broker, migration, &facts).await?,
    };
    let inexact = match fit {
        Ok(Fit::Exact) => None,
        Ok(Fit::Inexact(doubt)) => match inexact::tolerated(ctx, pod, &doubt).await? {
            Ok(allowed) => Some(allowed),
            Err(cause) => return Ok(Err(cause)),
        },
        Err(cause) => return Ok(Err(cause)),
    };
    let unfenced = match hold {
        HoldKind::SingleActive => None,
        HoldKind::Park | HoldKind::Exchange => broker.no_port_before(&facts).await?,
    };
    if let (HoldKind::Exchange, Some(why)) = (hold, &unfenced) {
        return Ok(Err(Cause::new(
            Reason::CannotGoLive,
            format!("spec.handoff: the source cannot go on with a copy of the stream: {why}. Leave Live out"),
        )));
    }
    Ok(Ok(QueuePlan {
        stream: broker.stream(&queue),
        queue,
        quorum: facts.kind == QueueKind::Quorum,
        hold,
        unfenced,
        inexact,
        ttl_millis: facts.ttl_millis(),
        secret,
    }))
}

/// A single-active quorum queue can be held without the application, whatever that speaks.
fn hold_kind(facts: &QueueFacts, live: bool) -> HoldKind {
    if live {
        HoldKind::Exchange
    } else if facts.kind == QueueKind::Quorum && facts.single_active() {
        HoldKind::SingleActive
    } else {
        HoldKind::Park
    }
}

/// What a queue and its consumer allow.
enum Fit {
    Exact,
    /// It can be handed over, and this may happen to messages.
    Inexact(Doubt),
}

impl Fit {
    fn unless(doubt: Option<Doubt>) -> Self {
        doubt.map_or(Self::Exact, Self::Inexact)
    }
}

/// Whether a consumer of ours can hold the queue; it is rehearsed as the last in line, which disturbs nobody.
async fn rehearsed(broker: &Broker, queue: &str) -> Result<Result<Fit, Cause>, ControllerError> {
    let Some(facts) = broker.describe_for_single_active(queue).await? else {
        return Ok(Err(deleted(queue)));
    };
    broker.rehearse_hold(queue).await?;
    Ok(Ok(Fit::unless(inexact::while_waiting(&facts))))
}

fn deleted(queue: &str) -> Cause {
    Cause::new(
        Reason::QueueUnknown,
        format!("queue {queue:?} was deleted meanwhile"),
    )
}

/// Whether the application can be asked to wait on another queue.
async fn parkable(
    broker: &Broker,
    migration: &StatefulMigration,
    first_seen: &QueueFacts,
) -> Result<Result<Fit, Cause>, ControllerError> {
    let queue = &first_seen.name;
    first_seen.can_be_held()?;
    let Some(facts) = broker.describe_for_park(queue).await? else {
        return Ok(Err(deleted(queue)));
    };
    if let Some(cause) = wrong_consumers(&facts) {
        return Ok(Err(cause));
    }
    let control = names::control_queue(&migration.spec.source_pod);
    let control_seen = broker.queue(&control).await?;
    if control_seen == QueueSeen::Absent {
        return Ok(Err(Cause::new(
            Reason::NoControlQueue,
            format!(
                "the application does not listen for control messages: queue {control:?} does not exist. It has to consume it \
                 and answer START_REPLAY and END_REPLAY (docs/applications.md)"
            ),
        )));
    }
    if let Some(cause) = missing_permissions(broker, migration).await? {
        return Ok(Err(cause));
    }
    Ok(Ok(Fit::unless(inexact::by_park(&facts))))
}

/// Exactly one consumer, which acknowledges by hand. The count is current; what is known of each consumer was waited for.
fn wrong_consumers(facts: &QueueFacts) -> Option<Cause> {
    let queue = &facts.name;
    if facts.consumer_count != 1 {
        let who: Vec<String> = facts
            .consumers
            .iter()
            .map(|c| format!("{} from {}", c.tag, c.peer_host))
            .collect();
        return Some(Cause::new(
            Reason::UnexpectedConsumers,
            format!(
                "queue {queue} must have exactly one consumer, the pod that is moved; it has {}: [{}]. Stop the others (a pod \
                 deleted with --force may still run), or look why the pod does not consume it",
                facts.consumer_count,
                who.join(", ")
            ),
        ));
    }
    let automatic = facts.consumers.iter().any(|consumer| !consumer.manual_ack);
    automatic.then(|| {
        Cause::new(
            Reason::AutomaticAcknowledgement,
            format!(
                "the consumer of {queue} acknowledges automatically, so nobody can know what it has applied; use manual acknowledgements"
            ),
        )
    })
}

async fn missing_permissions(
    broker: &Broker,
    migration: &StatefulMigration,
) -> Result<Option<Cause>, ControllerError> {
    let uid = migration.uid().unwrap_or_default();
    let key = Key::of(&uid, 1, 0).map_err(|e| ControllerError::Malformed(e.to_string()))?;
    let hold = names::hold_queue(&key);
    let needs = Needs {
        hold: &hold,
        pod: &migration.spec.source_pod,
    };
    Ok(match broker.permissions_suffice(&needs).await? {
        Sufficiency::Sufficient => None,
        Sufficiency::Missing(what) => Some(Cause::new(Reason::BrokerPermissions, what.join("; "))),
    })
}
