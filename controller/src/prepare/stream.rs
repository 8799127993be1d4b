//! What the broker says of the stream: whether it can be handed over exactly, and how its deliveries are held.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use shadow_core::api::{HoldKind, QueuePlan, RestoreBackend, StatefulMigration};
use shadow_core::machine::Cause;
use shadow_core::names::{self, Key};
use shadow_core::policy::OnInexact;
use shadow_core::premise::world::CopyStart;
use shadow_core::premise::{Finding, Told};
use shadow_core::reason::Reason;
use shadow_core::settings::Settings;
use shadow_core::unfenced;
use shadow_core::wire::Preflight;

use super::Refusal;
use crate::broker::{Broker, Needs, QueueFacts, QueueKind, QueueSeen, Sufficiency};
use crate::context::Context;
use crate::error::ControllerError;
use crate::evidence::{self, Around};
use crate::{inexact, registry};

/// The stream, how it is held and on what that rests.
pub(super) struct Stream {
    pub(super) queue: QueuePlan,
    pub(super) premises: Vec<Told>,
    /// Of the broker.
    pub(super) port: u16,
}

/// The stream, or why it cannot be handed over.
pub(super) async fn plan(
    ctx: &Context,
    migration: &StatefulMigration,
    (pod, on_inexact): (&Pod, &OnInexact),
    settings: &Settings,
    copy: CopyStart,
    restore: RestoreBackend,
    preflight: Option<&Preflight>,
) -> Result<Result<Stream, Refusal>, ControllerError> {
    let queue = settings.queue.clone().unwrap_or_default();
    let secret = settings.secret.clone();
    let broker = ctx.broker(migration, secret.as_deref()).await?;
    let Some(facts) = broker.describe(&queue).await? else {
        return Ok(Err(unknown(&queue, settings).into()));
    };
    let hold = hold_kind(&facts, super::is_live(migration));
    let able = match hold {
        HoldKind::SingleActive => rehearsed(&broker, &queue).await?,
        HoldKind::Park | HoldKind::Exchange => parkable(&broker, migration, &facts).await?,
    };
    if let Err(cause) = able {
        return Ok(Err(cause.into()));
    }
    let registry = registry::way(ctx, migration, restore).await?;
    let around = Around {
        pod,
        container: settings.container.as_deref().unwrap_or_default(),
        hold,
        copy,
        preflight,
        registry: registry.as_ref(),
    };
    let Some(judgement) = evidence::judged(&broker, &queue, around).await? else {
        return Ok(Err(deleted(&queue).into()));
    };
    let premises = judgement.told;
    let inexact = match allowed(on_inexact, judgement.finding) {
        Ok(inexact) => inexact,
        Err(cause) => {
            return Ok(Err(Refusal {
                premises,
                ..cause.into()
            }));
        }
    };
    let unfenced = match hold {
        HoldKind::SingleActive => None,
        HoldKind::Park | HoldKind::Exchange => broker.no_port_before(&facts).await?,
    };
    if let (HoldKind::Exchange, Some(why)) = (hold, &unfenced) {
        return Ok(Err(not_live(&facts.name, &why.to_string()).into()));
    }
    let queue = QueuePlan {
        stream: broker.stream(&queue),
        queue,
        quorum: facts.kind == QueueKind::Quorum,
        hold,
        unfenced,
        inexact,
        ttl_millis: facts.ttl_millis(),
        secret,
    };
    Ok(Ok(Stream {
        queue,
        premises,
        port: broker.port(),
    }))
}

/// `Some`: it is not exact, and policies allow it.
fn allowed(on_inexact: &OnInexact, finding: Finding) -> Result<Option<String>, Cause> {
    match finding {
        Finding::Exact => Ok(None),
        Finding::Refused(cause) => Err(cause),
        Finding::Inexact { why, way_out } => inexact::tolerated(on_inexact, &why, &way_out).map(Some),
    }
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

/// Whether a consumer of ours can hold the queue; it is rehearsed as the last in line, which disturbs nobody.
async fn rehearsed(broker: &Broker, queue: &str) -> Result<Result<(), Cause>, ControllerError> {
    if broker.describe_for_single_active(queue).await?.is_none() {
        return Ok(Err(deleted(queue)));
    }
    broker.rehearse_hold(queue).await?;
    Ok(Ok(()))
}

fn not_live(queue: &str, why: &str) -> Cause {
    Cause::new(
        Reason::CannotGoLive,
        format!("spec.handoff: Live is not possible with queue {queue:?}: {why}. Leave spec.handoff out"),
    )
}

fn unknown(queue: &str, settings: &Settings) -> Cause {
    Cause::new(
        Reason::QueueUnknown,
        format!(
            "{}: queue {queue:?} does not exist on the broker. Name the queue that the pod consumes, or wait until the pod has \
             declared it",
            settings.queue_named_by
        ),
    )
}

fn deleted(queue: &str) -> Cause {
    Cause::new(
        Reason::QueueUnknown,
        format!("queue {queue:?} was deleted meanwhile. Declare it, or name the queue that the pod consumes"),
    )
}

/// Whether the application can be asked to wait on another queue.
async fn parkable(
    broker: &Broker,
    migration: &StatefulMigration,
    facts: &QueueFacts,
) -> Result<Result<(), Cause>, ControllerError> {
    facts.can_be_held()?;
    broker.consumer_arrives(&facts.name).await?;
    let control = names::control_queue(&migration.spec.source_pod);
    let control_seen = broker.queue(&control).await?;
    if control_seen == QueueSeen::Absent {
        return Ok(Err(Cause::new(
            Reason::NoControlQueue,
            format!(
                "the application does not listen for control messages: queue {control:?} does not exist. The application \
                 has to declare it, consume it, and answer START_REPLAY and END_REPLAY (docs/applications.md)"
            ),
        )));
    }
    if let Some(cause) = missing_permissions(broker, migration).await? {
        return Ok(Err(cause));
    }
    Ok(Ok(()))
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
        Sufficiency::Missing(rights) => Some(Cause::new(Reason::BrokerPermissions, unfenced::said(&rights))),
    })
}
