//! What a migration occupies while it is under way: its pod and its queue, by one Lease each in our own namespace.
//!
//! The decision who may begin is `shadow_core::turns`'s; within one controller it is taken by one migration at a time.
//! The Leases hold across controllers: one that was paused and wakes up late finds what another has begun meanwhile.

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ListParams, ObjectMeta, PostParams};
use kube::{Api, ResourceExt};
use sha2::{Digest, Sha256};
use shadow_core::api::{Plan, StatefulMigration};
use shadow_core::names;
use shadow_core::turns::{self, Standing, Turn, Wish};

use crate::context::Context;
use crate::error::ControllerError;
use crate::store;

/// Label that tells our Leases from others.
const PART: (&str, &str) = ("app.kubernetes.io/part-of", "kubectl-shadow");

/// Whether this migration may begin; if so, pod and queue are its own from here on.
pub async fn occupy(
    ctx: &Context,
    migration: &StatefulMigration,
    plan: &Plan,
    standing: &Standing,
) -> Result<Turn, ControllerError> {
    let all = everyone(ctx).await?;
    let uid = migration.uid().unwrap_or_default();
    let wish = Wish {
        uid: &uid,
        namespace: &plan.source.namespace,
        pod: &plan.source.uid,
        stream: &plan.queue.stream,
        from: &plan.source_node,
        to: &plan.target_node,
    };
    match turns::turn(ctx.limits, standing, &wish, &all) {
        Turn::Begin => {}
        other @ (Turn::Wait(_) | Turn::Refuse(_)) => return Ok(other),
    }
    for name in leases(plan) {
        if let Some(holder) = take(ctx, &name, &uid).await? {
            vacate(ctx, migration).await?;
            return Ok(Turn::Refuse(format!(
                "StatefulMigration {holder} is already moving the same pod, or the consumer of the same queue (Lease \
                 {}/{name})",
                names::SYSTEM_NAMESPACE
            )));
        }
    }
    Ok(Turn::Begin)
}

async fn everyone(ctx: &Context) -> Result<Vec<StatefulMigration>, kube::Error> {
    let all: Api<StatefulMigration> = Api::all(ctx.client.clone());
    Ok(all.list(&ListParams::default()).await?.items)
}

/// Gives up all that it occupied, whether its plan was written or not: a cancel may come between the two.
pub async fn vacate(ctx: &Context, migration: &StatefulMigration) -> Result<(), ControllerError> {
    let uid = migration.uid();
    let api = api(ctx);
    let all = api.list(&ours()).await?.items;
    for lease in all.iter().filter(|lease| holder(lease) == uid.as_deref()) {
        store::delete(&api, lease).await?;
    }
    Ok(())
}

/// `Some`: namespace and name of who has it. A Lease of a migration that has ended or is gone is taken over.
async fn take(ctx: &Context, name: &str, uid: &str) -> Result<Option<String>, ControllerError> {
    let api = api(ctx);
    match api.create(&PostParams::default(), &lease(name, uid)).await {
        Ok(_) => return Ok(None),
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {}
        Err(error) => return Err(error.into()),
    }
    let Some(mut present) = api.get_opt(name).await? else {
        return Err(ControllerError::Blind(format!(
            "Lease {name} was deleted while it was read"
        )));
    };
    let other = holder(&present).unwrap_or_default().to_owned();
    if other == uid {
        return Ok(None);
    }
    // Asked after the Lease was read: a list from before may not know its holder yet.
    let lives = |migration: &StatefulMigration| {
        let ended = migration
            .status
            .as_ref()
            .is_some_and(|status| status.phase.is_terminal());
        migration.uid().as_deref() == Some(other.as_str()) && !ended
    };
    if let Some(holder) = everyone(ctx).await?.iter().find(|one| lives(one)) {
        let namespace = holder.namespace().unwrap_or_default();
        return Ok(Some(format!("{namespace}/{}", holder.name_any())));
    }
    // Its object is gone, and its pod is being led back.
    if let Some(holder) = ctx.under_way.name(&other) {
        return Ok(Some(holder));
    }
    // The resource version that was read makes sure that nobody else takes it over at the same time.
    let ours = lease(name, uid);
    present.spec = ours.spec;
    // By the label it is found again when this move ends; a Lease that another program made does not bear it.
    present
        .metadata
        .labels
        .get_or_insert_default()
        .extend(ours.metadata.labels.unwrap_or_default());
    api.replace(name, &PostParams::default(), &present).await?;
    Ok(None)
}

fn lease(name: &str, uid: &str) -> Lease {
    Lease {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(names::SYSTEM_NAMESPACE.to_owned()),
            labels: Some([(PART.0.to_owned(), PART.1.to_owned())].into()),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(uid.to_owned()),
            acquire_time: Some(MicroTime(Timestamp::now())),
            ..LeaseSpec::default()
        }),
    }
}

/// All Leases that occupy something.
pub(crate) fn ours() -> ListParams {
    ListParams::default().labels(&format!("{}={}", PART.0, PART.1))
}

/// UID of the migration that has it.
pub(crate) fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref()
}

/// A queue may be called anything; its Lease may not.
fn leases(plan: &Plan) -> [String; 2] {
    let digest = Sha256::digest(plan.queue.stream.as_bytes());
    let short: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    [format!("pod-{}", plan.source.uid), format!("queue-{short}")]
}

pub(crate) fn api(ctx: &Context) -> Api<Lease> {
    Api::namespaced(ctx.client.clone(), names::SYSTEM_NAMESPACE)
}
