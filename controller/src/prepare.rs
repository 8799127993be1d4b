//! Makes the plan, once, before anything is touched. Whatever would make the move fail is looked for here, so that a
//! refusal costs nothing: the cluster and the broker are left exactly as they were.

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use shadow_core::api::{
    Handoff, HoldKind, MigrationStrategy, Owner, OwnerKind, Plan, QueuePlan, RestoreBackend,
    StatefulMigration, TransferMode,
};
use shadow_core::machine::Cause;
use shadow_core::names::{self, Key};
use shadow_core::settings::{self, Settings};
use shadow_core::strategy::{self, Choice};
use shadow_core::validate::{self, Facts};
use shadow_core::wire::PodRef;
use shadow_core::workload::{self, Workload};

use crate::broker::{Broker, ConsumerFacts, Needs, QueueFacts, QueueKind, QueueSeen, Sufficiency};
use crate::context::Context;
use crate::error::ControllerError;
use crate::{fitness, observe};

/// A plan and the restarts of the source's container at that time, or why there is none.
pub enum Prepared {
    /// Go.
    Planned(Box<Plan>, i32),
    /// Nothing was touched.
    Refused(Cause),
}

/// Makes the plan.
pub async fn prepare(ctx: &Context, migration: &StatefulMigration) -> Result<Prepared, ControllerError> {
    let facts = gather(ctx, migration).await?;
    let namespace = migration.namespace().unwrap_or_default();
    let report = validate::check(&migration.name_any(), &namespace, &migration.spec, &facts);
    if !report.is_ok() {
        return Ok(refused("Refused", report.reasons()));
    }
    let Some(pod) = &facts.pod else {
        return Ok(refused("Refused", "spec.sourcePod: the pod is gone"));
    };
    let choice = match strategy::choose(migration.spec.migration_strategy, pod, &facts.claims) {
        Ok(choice) => choice,
        Err(impossible) => return Ok(refused("Refused", impossible.to_string())),
    };
    if is_live(migration) && choice.strategy == MigrationStrategy::Sequential {
        return Ok(refused(
            "Refused",
            format!(
                "spec.handoff: a source cannot go on when it ends before its copy starts, and the strategy is Sequential ({}); \
                 leave Live out",
                choice.because
            ),
        ));
    }
    let settings = settings::resolve(&migration.spec, pod, facts.owner.as_ref());
    let queue = match stream(ctx, migration, &settings).await {
        Ok(Ok(queue)) => queue,
        Ok(Err(cause)) => return Ok(Prepared::Refused(cause)),
        // A broker that cannot be reached is an answer, too: nothing was touched, and the user waits.
        Err(ControllerError::Api(error)) => return Err(error.into()),
        Err(error) => return Ok(refused(&error.reason(), error.to_string())),
    };
    fit(ctx, plan(migration, pod, choice, settings, queue)).await
}

/// The plan, unless a node says that it would fail. A node that does not answer is an answer, too.
async fn fit(ctx: &Context, prepared: Prepared) -> Result<Prepared, ControllerError> {
    let Prepared::Planned(plan, restarts) = prepared else {
        return Ok(prepared);
    };
    match fitness::unfit(ctx, &plan).await {
        Ok(None) => Ok(Prepared::Planned(plan, restarts)),
        Ok(Some(cause)) => Ok(Prepared::Refused(cause)),
        Err(ControllerError::Api(error)) => Err(error.into()),
        Err(error) => Ok(refused(&error.reason(), error.to_string())),
    }
}

fn refused(reason: &str, message: impl Into<String>) -> Prepared {
    Prepared::Refused(Cause::new(reason, message))
}

fn plan(
    migration: &StatefulMigration,
    pod: &Pod,
    choice: Choice,
    settings: Settings,
    queue: QueuePlan,
) -> Prepared {
    let spec = &migration.spec;
    let (Some(container), Some(target_node)) = (settings.container, spec.target_node.clone()) else {
        return refused("Refused", "spec.targetNode and spec.containerName must be known");
    };
    let view = observe::pod_view(pod, &container);
    let restore = spec.restore_backend.unwrap_or_default();
    let because = format!(
        "{}; queue {} is {}{}",
        choice.because,
        queue.queue,
        match (queue.hold, queue.quorum) {
            (HoldKind::SingleActive, _) =>
                "a quorum queue with single active consumer, which stops while a consumer of ours is the active one",
            (HoldKind::Exchange, _) =>
                "a classic queue, and the source goes on with a copy of the stream, as asked (spec.handoff: Live)",
            (HoldKind::Park, true) => "a quorum queue, and the application is parked by control messages",
            (HoldKind::Park, false) => "a classic queue, and the application is parked by control messages",
        },
        match restore {
            RestoreBackend::Image =>
                "; the container runtime restores the copy from a checkpoint image, which its spec goes on naming, and the copy \
                 never restarts",
            RestoreBackend::RuntimeClass => "",
        }
    );
    let plan = Plan {
        strategy: choice.strategy,
        because,
        source: PodRef {
            namespace: pod.namespace().unwrap_or_default(),
            name: pod.name_any(),
            uid: pod.uid().unwrap_or_default(),
        },
        container,
        source_node: view.node.clone().unwrap_or_default(),
        target_node,
        owner: workload::owner_of(pod).map(|(kind, owner)| Owner {
            kind,
            name: owner.name.clone(),
            uid: owner.uid.clone(),
        }),
        queue,
        checkpoint_backend: spec.checkpoint_backend.unwrap_or_default(),
        transfer: match restore {
            RestoreBackend::Image => TransferMode::Registry,
            RestoreBackend::RuntimeClass => spec.transfer_mode.unwrap_or_default(),
        },
        restore,
    };
    Prepared::Planned(Box::new(plan), view.restarts)
}

async fn gather(ctx: &Context, migration: &StatefulMigration) -> Result<Facts, ControllerError> {
    let namespace = migration.namespace().unwrap_or_default();
    let pods: Api<Pod> = Api::namespaced(ctx.client.clone(), &namespace);
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(ctx.client.clone(), &namespace);
    let volumes: Api<PersistentVolume> = Api::all(ctx.client.clone());
    let nodes: Api<Node> = Api::all(ctx.client.clone());
    let others: Api<StatefulMigration> = Api::namespaced(ctx.client.clone(), &namespace);
    let pod = pods.get_opt(&migration.spec.source_pod).await?;
    let mut facts = Facts {
        nodes: nodes.list(&ListParams::default()).await?.items,
        migrations: others.list(&ListParams::default()).await?.items,
        ..Facts::default()
    };
    if let Some(pod) = &pod {
        facts.owner = owner(ctx, &namespace, pod).await?;
        let spec_volumes = pod.spec.iter().flat_map(|s| s.volumes.iter().flatten());
        for source in spec_volumes.filter_map(|v| v.persistent_volume_claim.as_ref()) {
            let Some(claim) = claims.get_opt(&source.claim_name).await? else {
                continue;
            };
            if let Some(volume) = claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref()) {
                facts.volumes.extend(volumes.get_opt(volume).await?);
            }
            facts.claims.push(claim);
        }
    }
    facts.pod = pod;
    Ok(facts)
}

async fn owner(ctx: &Context, namespace: &str, pod: &Pod) -> Result<Option<Workload>, kube::Error> {
    let Some((kind, reference)) = workload::owner_of(pod) else {
        return Ok(None);
    };
    let name = reference.name.as_str();
    Ok(match kind {
        OwnerKind::StatefulSet => {
            let api: Api<StatefulSet> = Api::namespaced(ctx.client.clone(), namespace);
            api.get_opt(name).await?.map(Workload::from)
        }
        OwnerKind::ReplicaSet => {
            let api: Api<ReplicaSet> = Api::namespaced(ctx.client.clone(), namespace);
            api.get_opt(name).await?.map(Workload::from)
        }
    })
}

async fn stream(
    ctx: &Context,
    migration: &StatefulMigration,
    settings: &Settings,
) -> Result<Result<QueuePlan, Cause>, ControllerError> {
    let queue = settings.queue.clone().unwrap_or_default();
    let secret = settings.secret.clone();
    let broker = ctx.broker(migration, secret.as_deref()).await?;
    let Some(facts) = broker.describe(&queue).await? else {
        return Ok(Err(Cause::new(
            "QueueUnknown",
            format!(
                "spec.messageQueueConfig.queueName: queue {queue:?} does not exist on the broker; name the queue that the pod consumes"
            ),
        )));
    };
    let hold = hold_kind(&facts, is_live(migration));
    let wrong = match hold {
        HoldKind::SingleActive => not_single_active(&broker, &queue).await?,
        HoldKind::Park | HoldKind::Exchange => not_parked(&broker, migration, &facts).await?,
    };
    if let Some(cause) = wrong {
        return Ok(Err(cause));
    }
    let unfenced = match hold {
        HoldKind::SingleActive => None,
        HoldKind::Park | HoldKind::Exchange => broker.no_port_before(&facts).await?,
    };
    if let (HoldKind::Exchange, Some(why)) = (hold, &unfenced) {
        return Ok(Err(Cause::new(
            "CannotGoLive",
            format!("spec.handoff: the source cannot go on with a copy of the stream: {why}. Leave Live out"),
        )));
    }
    Ok(Ok(QueuePlan {
        stream: broker.stream(&queue),
        queue,
        quorum: facts.kind == QueueKind::Quorum,
        hold,
        unfenced,
        secret,
    }))
}

fn is_live(migration: &StatefulMigration) -> bool {
    match migration.spec.handoff {
        Some(Handoff::Live) => true,
        Some(Handoff::Hold) | None => false,
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

/// What speaks against a hold by a consumer of ours; it is rehearsed as the last in line, which disturbs nobody.
async fn not_single_active(broker: &Broker, queue: &str) -> Result<Option<Cause>, ControllerError> {
    if broker.describe_for_single_active(queue).await?.is_none() {
        return Ok(Some(deleted(queue)));
    }
    broker.rehearse_hold(queue).await?;
    Ok(None)
}

fn deleted(queue: &str) -> Cause {
    Cause::new("QueueUnknown", format!("queue {queue:?} was deleted meanwhile"))
}

/// What speaks against asking the application to wait on another queue.
async fn not_parked(
    broker: &Broker,
    migration: &StatefulMigration,
    first_seen: &QueueFacts,
) -> Result<Option<Cause>, ControllerError> {
    let queue = &first_seen.name;
    first_seen.can_be_held()?;
    let Some(facts) = broker.describe_for_park(queue).await? else {
        return Ok(Some(deleted(queue)));
    };
    if let Some(cause) = wrong_consumers(&facts) {
        return Ok(Some(cause));
    }
    let control = names::control_queue(&migration.spec.source_pod);
    let control_seen = broker.queue(&control).await?;
    if control_seen == QueueSeen::Absent {
        return Ok(Some(Cause::new(
            "NoControlQueue",
            format!(
                "the application does not listen for control messages: queue {control:?} does not exist. It has to consume it \
                 and answer START_REPLAY and END_REPLAY (docs/applications.md)"
            ),
        )));
    }
    missing_permissions(broker, migration).await
}

/// Exactly one consumer, which acknowledges by hand; a quorum queue returns messages behind newer ones, so there only
/// one message may be under way. The count is current; what is known of each consumer was waited for.
fn wrong_consumers(facts: &QueueFacts) -> Option<Cause> {
    let queue = &facts.name;
    if facts.consumer_count != 1 {
        let who: Vec<String> = facts
            .consumers
            .iter()
            .map(|c| format!("{} from {}", c.tag, c.peer_host))
            .collect();
        return Some(Cause::new(
            "UnexpectedConsumers",
            format!(
                "queue {queue} must have exactly one consumer, the pod that is moved; it has {}: [{}]. Stop the others (a pod \
                 deleted with --force may still run), or look why the pod does not consume it",
                facts.consumer_count,
                who.join(", ")
            ),
        ));
    }
    facts
        .consumers
        .iter()
        .find_map(|consumer| wrong_consumer(facts, consumer))
}

fn wrong_consumer(facts: &QueueFacts, consumer: &ConsumerFacts) -> Option<Cause> {
    let queue = &facts.name;
    if !consumer.manual_ack {
        return Some(Cause::new(
            "AutomaticAcknowledgement",
            format!(
                "the consumer of {queue} acknowledges automatically, so nobody can know what it has applied; use manual acknowledgements"
            ),
        ));
    }
    if facts.kind == QueueKind::Quorum && consumer.prefetch != 1 {
        return Some(Cause::new(
            "InexactHandoff",
            format!(
                "quorum queue {queue} with prefetch {}: messages that the application returned would come back out of order; use \
                 prefetch 1 or a classic queue",
                consumer.prefetch
            ),
        ));
    }
    None
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
        Sufficiency::Missing(what) => Some(Cause::new("BrokerPermissions", what.join("; "))),
    })
}
