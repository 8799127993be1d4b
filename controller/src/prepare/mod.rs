//! Makes the plan, once, before anything is touched. Whatever would make the move fail is looked for here, so that a
//! refusal costs nothing: the cluster and the broker are left exactly as they were.

mod answer;
mod freeze;
mod judged;
pub(crate) mod nodes;
mod outlook;
mod pause;
mod room;
mod stream;
mod surroundings;

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use shadow_core::api::{
    FreezePlan, Handoff, HoldKind, MigrationStrategy, Outlook, Owner, OwnerKind, Plan, QueuePlan,
    RestoreBackend, StatefulMigration, TransferMode,
};
use shadow_core::image_origin;
use shadow_core::machine::Cause;
use shadow_core::policy::{self, Unreadable};
use shadow_core::premise::Told;
use shadow_core::premise::world::CopyStart;
use shadow_core::readiness;
use shadow_core::reason::Reason;
use shadow_core::restore_choice::{self, Chosen};
use shadow_core::settings::{self, Settings};
use shadow_core::strategy::{self, Choice};
use shadow_core::turns::{self, Standing};
use shadow_core::validate::{self, Facts};
use shadow_core::wire::{PodRef, Preflight};
use shadow_core::workload::{self, Workload};

use self::answer::answer;
pub(crate) use self::answer::passes;
use self::stream::Stream;
use crate::context::Context;
use crate::error::ControllerError;
use crate::{fitness, observe, policies, registry};

/// A plan, or why there is none.
pub enum Prepared {
    /// Go.
    Planned(Box<Draft>),
    /// Nothing was touched.
    Refused(Refusal),
}

/// A plan that nothing speaks against.
pub struct Draft {
    /// The plan.
    pub plan: Plan,
    /// Restarts of the source's container when it was made.
    pub restarts: i32,
    /// What a plan without a move says beside it.
    pub outlook: Option<Outlook>,
    /// Bytes of the container's writable layer, of a plan without a move.
    pub layer: Option<u64>,
    /// What policies say of its turn.
    pub standing: Standing,
}

/// Why a move is refused, and what was weighed before.
pub struct Refusal {
    /// Why.
    pub cause: Cause,
    /// Empty when it did not come to that.
    pub premises: Vec<Told>,
    /// All that speaks against it is that no node can take the pod now.
    pub lacks_node: bool,
}

impl From<Cause> for Refusal {
    fn from(cause: Cause) -> Self {
        Self {
            cause,
            premises: Vec::new(),
            lacks_node: false,
        }
    }
}

/// Makes the plan.
pub async fn prepare(ctx: &Context, migration: &StatefulMigration) -> Result<Prepared, ControllerError> {
    let facts = match gather(ctx, migration).await? {
        Ok(facts) => facts,
        Err(unreadable) => return Ok(refused(Reason::PolicyUnreadable, unreadable.to_string())),
    };
    if let Some(refusal) = judged::spec(migration, &facts) {
        return Ok(refusal);
    }
    let Some(pod) = &facts.pod else {
        return Ok(refused(Reason::Refused, "spec.sourcePod: the pod is gone"));
    };
    let choice = match chosen(migration, pod, &facts) {
        Ok(choice) => choice,
        Err(why) => return Ok(refused(Reason::Refused, why)),
    };
    let (aimed, choice) = match aimed(ctx, migration, pod, &facts, choice).await? {
        Ok(aimed) => aimed,
        Err(why) => return Ok(refused_for(why, true)),
    };
    let settings = settings::resolve(&aimed.spec, pod, facts.owner.as_ref());
    let preflight = match fitness::look(ctx, pod, settings.container.as_deref()).await {
        Ok(preflight) => preflight,
        Err(error) => return answer(migration, error),
    };
    let memory = preflight.as_ref().map(|found| found.memory_bytes);
    let layer = preflight.as_ref().and_then(|found| found.layer_bytes);
    let prepared = detailed(ctx, &aimed, pod, &facts, choice, settings, preflight).await?;
    let mut prepared = judged::plan(prepared, &facts.policies);
    let Prepared::Planned(draft) = &mut prepared else {
        return Ok(prepared);
    };
    if let Some(why) = nodes::too_late_for(ctx, &draft.plan, &facts.nodes, memory) {
        return Ok(refused(Reason::Refused, format!("spec.sourcePod: {why}")));
    }
    if let Err(refusal) = pause::bound(&migration.spec, &mut draft.plan, memory, || ctx.line.finished()) {
        return Ok(Prepared::Refused(refusal));
    }
    if migration.spec.plan_only {
        let candidates = validate::candidates(&migration.spec, &facts);
        draft.layer = layer;
        draft.outlook = Some(outlook::of(&draft.plan, candidates, memory, &ctx.line.finished()));
    }
    Ok(prepared)
}

/// The plan of a migration whose target is known: what broker and nodes say.
async fn detailed(
    ctx: &Context,
    migration: &StatefulMigration,
    pod: &Pod,
    facts: &Facts,
    choice: Choice,
    settings: Settings,
    preflight: Option<Preflight>,
) -> Result<Prepared, ControllerError> {
    let named = |node: &&Node| node.metadata.name == migration.spec.target_node;
    let Some(target) = facts.nodes.iter().find(named) else {
        return Ok(refused(Reason::Refused, "spec.targetNode: the node is gone"));
    };
    let restore = match restore_choice::choose(&migration.spec, target) {
        Ok(chosen) => chosen,
        Err(why) => return Ok(refused(Reason::Refused, format!("spec.restoreBackend: {why}"))),
    };
    let copy = copy_start(choice.strategy, restore.backend);
    let seen = preflight.as_ref();
    let source = (pod, &facts.policies.on_inexact());
    let stream = match stream::plan(ctx, migration, source, &settings, copy, restore.backend, seen).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(refusal)) => return Ok(Prepared::Refused(refusal)),
        Err(error) => return answer(migration, error),
    };
    let container = settings.container.as_deref().unwrap_or_default();
    let queue = &stream.queue;
    let freeze = match freeze::plan(ctx, migration, pod, container, choice.strategy, queue, seen).await {
        Ok(Ok(freeze)) => freeze,
        Ok(Err(cause)) => return Ok(Prepared::Refused(cause.into())),
        Err(error) => return answer(migration, error),
    };
    let around = Around {
        pod,
        nodes: &facts.nodes,
        port: stream.port,
        preflight,
    };
    let owner = facts.owner.as_ref();
    let planned = plan(
        migration,
        Owned { pod, owner },
        choice,
        restore,
        settings,
        stream,
        freeze,
    );
    fit(ctx, migration, planned, around).await
}

/// What was seen around the plan.
struct Around<'a> {
    pod: &'a Pod,
    nodes: &'a [Node],
    /// Of the broker.
    port: u16,
    preflight: Option<Preflight>,
}

/// The migration with the target that it left out, and how its pod is dealt with; or why no node can take it.
async fn aimed(
    ctx: &Context,
    migration: &StatefulMigration,
    pod: &Pod,
    facts: &Facts,
    mut choice: Choice,
) -> Result<Result<(StatefulMigration, Choice), String>, ControllerError> {
    let mut aimed = match validate::aim(&migration.spec, facts) {
        Ok(aimed) => aimed,
        Err(refusal) => return Ok(Err(refusal.to_string())),
    };
    if !aimed.open.is_empty() {
        match room::roomiest(ctx, pod, &facts.nodes, &aimed.open).await? {
            Ok((node, because)) => {
                aimed.spec.target_node = Some(node);
                aimed.because = Some(because);
            }
            Err(why) => return Ok(Err(format!("spec.targetNode: {why}"))),
        }
    }
    if let Some(because) = &aimed.because {
        choice.because = format!("{}; {because}", choice.because);
    }
    let mut migration = migration.clone();
    migration.spec = aimed.spec;
    Ok(Ok((migration, choice)))
}

fn chosen(migration: &StatefulMigration, pod: &Pod, facts: &Facts) -> Result<Choice, String> {
    strategy::of(&migration.spec, pod, &facts.claims)
        .map_err(|impossible| format!("spec.migrationStrategy: {impossible}"))
}

/// The plan, unless a node says that it would fail, or its registry's Secret. A node that does not answer is an answer, too.
async fn fit(
    ctx: &Context,
    migration: &StatefulMigration,
    prepared: Prepared,
    around: Around<'_>,
) -> Result<Prepared, ControllerError> {
    let Prepared::Planned(draft) = prepared else {
        return Ok(prepared);
    };
    match obstacle(ctx, migration, &draft.plan, around).await {
        Ok(None) => Ok(Prepared::Planned(draft)),
        Ok(Some(cause)) => Ok(Prepared::Refused(cause.into())),
        Err(error) => answer(migration, error),
    }
}

async fn obstacle(
    ctx: &Context,
    migration: &StatefulMigration,
    plan: &Plan,
    around: Around<'_>,
) -> Result<Option<Cause>, ControllerError> {
    if plan.transfer == TransferMode::Registry {
        let (repository, access) = registry::of(&ctx.client, migration, &plan.source.namespace).await?;
        ctx.dialling.judge(&repository, access.ca.is_some()).await?;
    }
    let uid = migration.uid().unwrap_or_default();
    if let Some(cause) = surroundings::obstacle(ctx, &uid, plan, around.pod, around.port).await? {
        return Ok(Some(cause));
    }
    match around.preflight {
        Some(found) => fitness::unfit(ctx, plan, around.nodes, &found).await,
        None => Ok(None),
    }
}

fn refused(reason: Reason, message: impl Into<String>) -> Prepared {
    Prepared::Refused(Cause::new(reason, message).into())
}

/// By what the cluster holds alone.
fn refused_for(message: String, lacks_node: bool) -> Prepared {
    Prepared::Refused(Refusal {
        lacks_node,
        ..Cause::new(Reason::Refused, message).into()
    })
}

/// A pod, and what owns it.
struct Owned<'a> {
    pod: &'a Pod,
    owner: Option<&'a Workload>,
}

fn plan(
    migration: &StatefulMigration,
    Owned { pod, owner }: Owned<'_>,
    choice: Choice,
    chosen: Chosen,
    settings: Settings,
    stream: Stream,
    freeze: Option<FreezePlan>,
) -> Prepared {
    let Stream { queue, premises, .. } = stream;
    let spec = &migration.spec;
    let (Some(container), Some(target_node)) = (settings.container, spec.target_node.clone()) else {
        return refused(
            Reason::Refused,
            "spec.targetNode and spec.containerName must be known",
        );
    };
    let view = observe::pod_view(pod, &container);
    let restore = chosen.backend;
    let mut because = because(&choice, &queue, &chosen);
    if let Some(delay) = readiness::delay(pod) {
        because = format!("{because}; {}", delay.told());
    }
    let plan = Plan {
        strategy: choice.strategy,
        because,
        source: PodRef {
            namespace: pod.namespace().unwrap_or_default(),
            name: pod.name_any(),
            uid: pod.uid().unwrap_or_default(),
        },
        source_node: view.node.clone().unwrap_or_default(),
        target_node,
        owner: workload::owner_of(pod).map(|(kind, reference)| Owner {
            kind,
            name: reference.name.clone(),
            uid: reference.uid.clone(),
            deployment: owner.and_then(Workload::deployment).map(str::to_owned),
            replicas: owner.map(|owner| owner.replicas),
        }),
        queue,
        premises,
        policies: Vec::new(),
        checkpoint_backend: spec.checkpoint_backend.unwrap_or_default(),
        transfer: match restore {
            RestoreBackend::Image => TransferMode::Registry,
            RestoreBackend::RuntimeClass => spec.transfer_mode.unwrap_or_default(),
        },
        revision: workload::revision_of(pod),
        origin: match restore {
            RestoreBackend::Image => image_origin::origin(pod, &container),
            RestoreBackend::RuntimeClass => None,
        },
        restore,
        freeze,
        max_pause: None,
        image: image_origin::running(pod, &container),
        container,
    };
    Prepared::Planned(Box::new(Draft {
        plan,
        restarts: view.restarts,
        outlook: None,
        layer: None,
        standing: Standing::default(),
    }))
}

fn copy_start(strategy: MigrationStrategy, restore: RestoreBackend) -> CopyStart {
    match (restore, strategy) {
        (RestoreBackend::Image, _) => CopyStart::FromCheckpoint,
        (RestoreBackend::RuntimeClass, MigrationStrategy::Sequential) => CopyStart::AfterSource,
        (RestoreBackend::RuntimeClass, MigrationStrategy::ShadowPod) => CopyStart::BesideSource,
    }
}

/// Why it is done so, for people.
fn because(choice: &Choice, queue: &QueuePlan, restore: &Chosen) -> String {
    let hold = match (queue.hold, queue.quorum) {
        (HoldKind::SingleActive, _) => {
            "a quorum queue with single active consumer, which a consumer of ours holds"
        }
        (HoldKind::Exchange, _) => {
            "a classic queue, and the source goes on with a copy of the stream, as asked (spec.handoff: Live)"
        }
        (HoldKind::Park, true) => "a quorum queue, and control messages hold the application",
        (HoldKind::Park, false) => "a classic queue, and control messages hold the application",
    };
    let image = match restore.backend {
        RestoreBackend::Image => {
            "; the container runtime restores the copy from a checkpoint image; the copy's spec names this image, and the \
             copy never restarts"
        }
        RestoreBackend::RuntimeClass => "",
    };
    let why = restore.because.as_ref().map(|why| format!(" ({why})"));
    let (why, queue) = (why.unwrap_or_default(), &queue.queue);
    format!("{}; queue {queue} is {hold}{image}{why}", choice.because)
}

async fn gather(
    ctx: &Context,
    migration: &StatefulMigration,
) -> Result<Result<Facts, Unreadable>, ControllerError> {
    let namespace = migration.namespace().unwrap_or_default();
    let pods: Api<Pod> = Api::namespaced(ctx.client.clone(), &namespace);
    let nodes: Api<Node> = Api::all(ctx.client.clone());
    let others: Api<StatefulMigration> = Api::namespaced(ctx.client.clone(), &namespace);
    let pod = pods.get_opt(&migration.spec.source_pod).await?;
    let mut facts = Facts {
        nodes: nodes.list(&ListParams::default()).await?.items,
        migrations: begun(others.list(&ListParams::default()).await?.items),
        ..Facts::default()
    };
    if let Some(pod) = &pod {
        if validate::depends_on_others(pod) {
            facts.pods = Some(pods.list(&ListParams::default()).await?.items);
        }
        facts.owner = owner(ctx, &namespace, pod).await?;
        facts.siblings = siblings(ctx, &namespace, facts.owner.as_ref()).await?;
        mounted(ctx, &namespace, pod, &mut facts).await?;
        let in_force = policies::look(&ctx.client, &namespace).await?;
        facts.policies = match policy::select(&in_force, pod.labels()) {
            Ok(selected) => selected,
            Err(unreadable) => return Ok(Err(unreadable)),
        };
    }
    facts.pod = pod;
    Ok(Ok(facts))
}

/// The claims of a pod, and their volumes.
pub(crate) async fn mounted(
    ctx: &Context,
    namespace: &str,
    pod: &Pod,
    facts: &mut Facts,
) -> Result<(), kube::Error> {
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(ctx.client.clone(), namespace);
    let volumes: Api<PersistentVolume> = Api::all(ctx.client.clone());
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
    Ok(())
}

/// The pods that a StatefulSet knows.
pub(crate) async fn siblings(
    ctx: &Context,
    namespace: &str,
    owner: Option<&Workload>,
) -> Result<Option<Vec<Pod>>, kube::Error> {
    let Some(set) = owner.filter(|owner| owner.kind == OwnerKind::StatefulSet) else {
        return Ok(None);
    };
    let labels: Vec<String> = set
        .selector
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let pods: Api<Pod> = Api::namespaced(ctx.client.clone(), namespace);
    let listed = pods
        .list(&ListParams::default().labels(&labels.join(",")))
        .await?;
    Ok(Some(listed.items))
}

fn begun(mut migrations: Vec<StatefulMigration>) -> Vec<StatefulMigration> {
    migrations.retain(turns::has_begun);
    migrations
}

pub(crate) async fn owner(
    ctx: &Context,
    namespace: &str,
    pod: &Pod,
) -> Result<Option<Workload>, kube::Error> {
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

fn is_live(migration: &StatefulMigration) -> bool {
    match migration.spec.handoff {
        Some(Handoff::Live) => true,
        Some(Handoff::Hold) | None => false,
    }
}
