//! Admission of StatefulMigrations: defaults, who ordered it and the strategy, then validation.
//!
//! Guarantee: what is filled in is not changed when the API server asks again, and a dry run writes nothing: neither does any other run.

use std::future::Future;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use json_patch::diff;
use k8s_openapi::api::authentication::v1::UserInfo;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::core::admission::{AdmissionResponse, Operation};
use serde::Deserialize;
use serde_json::json;
use shadow_core::api::StatefulMigrationSpec;
use shadow_core::pause;
use shadow_core::requester;
use shadow_core::strategy;
use shadow_core::validate::{self, Facts, Report, Requester};
use shadow_core::workload;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{info, warn};

use crate::cluster::{Cluster, Looked};
use crate::policies;
use crate::review::{self, Answer, answer, read};
use crate::router::LOOKUPS;

type Request = review::Request<Written>;

/// What is read of a migration: the rest is the API server's, or ours.
#[derive(Deserialize)]
pub(crate) struct Written {
    spec: StatefulMigrationSpec,
}

/// What is read beside it: whether the strategy was given as `""`.
#[derive(Deserialize)]
struct Blank {
    spec: BlankSpec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlankSpec {
    migration_strategy: Option<String>,
}

/// Defaults of a new migration, those of its policies first, who ordered it, and the strategy that fits its pod. Nothing depends on the
/// look-up succeeding: what it would add is optional, or missed by the validation, which refuses then.
pub(crate) async fn mutate<C: Cluster>(State(cluster): State<Arc<C>>, review: Bytes) -> Answer {
    let request: Request = match read(&review) {
        Ok(request) => request,
        // The schema is checked after this and has better words for it.
        Err(unreadable) => return answer(unreadable.response),
    };
    let response = request.allowed();
    let (Operation::Create, Some(migration)) = (&request.operation, &request.object) else {
        return answer(response);
    };
    let namespace = request.namespace.as_deref().unwrap_or_default();
    let spec = &migration.spec;
    let until = Instant::now() + LOOKUPS;
    let ((pod, claims), in_force) = tokio::join!(
        of_pod(&*cluster, namespace, spec, until),
        in_time(until, policies::in_force(&*cluster, namespace))
    );
    let mut filled = spec.clone();
    let by_policies = policies::fill(&mut filled, pod.as_ref(), &in_force.unwrap_or_default());
    validate::default_spec(&mut filled, pod.as_ref());
    // It stays as it was written, so that the same manifest can be applied again; the plan says what was taken.
    let of_strategy = pod.as_ref().filter(|_| !gives_strategy_as_nothing(&review));
    match claims {
        Some(claims) => strategy::fill_in(&mut filled, of_strategy, &claims),
        None => filled.strategy_reason = None,
    }
    let user = request.user_info.username.as_deref();
    filled.requested_by = Some(requester::recorded(user, spec.requested_by.as_deref()));
    answer(policies::told(patched(response, spec, &filled), by_policies))
}

fn gives_strategy_as_nothing(review: &[u8]) -> bool {
    let written: Option<review::Request<Blank>> = read(review).ok();
    written
        .and_then(|request| request.object?.spec.migration_strategy)
        .is_some_and(|strategy| strategy.is_empty())
}

/// The pod and the claims of its volumes, each if it is found in time. The claims of a pod whose strategy its user chose are not asked
/// for.
async fn of_pod<C: Cluster>(
    cluster: &C,
    namespace: &str,
    spec: &StatefulMigrationSpec,
    until: Instant,
) -> (Option<Pod>, Option<Vec<PersistentVolumeClaim>>) {
    let pod = in_time(until, cluster.pod(namespace, &spec.source_pod)).await;
    let Some(pod) = pod.flatten() else {
        return (None, None);
    };
    let claims = match spec.asked_strategy() {
        Some(_) => None,
        None => in_time(until, claims_of(cluster, namespace, &pod)).await,
    };
    (Some(pod), claims)
}

async fn in_time<T>(until: Instant, look: impl Future<Output = Looked<T>>) -> Option<T> {
    match timeout_at(until, look).await {
        Ok(Ok(found)) => Some(found),
        Ok(Err(error)) => {
            warn!(%error, "defaults without a look-up");
            None
        }
        Err(_) => {
            warn!("defaults without a look-up that took too long");
            None
        }
    }
}

fn patched(
    response: AdmissionResponse,
    spec: &StatefulMigrationSpec,
    filled: &StatefulMigrationSpec,
) -> AdmissionResponse {
    let patch = diff(&json!({ "spec": spec }), &json!({ "spec": filled }));
    if patch.is_empty() {
        return response;
    }
    let refused = response.clone();
    response
        .with_patch(patch)
        .unwrap_or_else(|error| refused.deny(error))
}

/// Refuses what cannot work.
pub(crate) async fn validate<C: Cluster>(State(cluster): State<Arc<C>>, review: Bytes) -> Answer {
    let request: Request = match read(&review) {
        Ok(request) => request,
        Err(unreadable) => return answer(unreadable.response.deny(unreadable.reason)),
    };
    let response = request.allowed();
    let Some(migration) = &request.object else {
        return answer(response);
    };
    match &request.operation {
        Operation::Create => {}
        // An earlier version's configuration sends changes, too; the API server has checked them.
        Operation::Update | Operation::Delete | Operation::Connect => return answer(response),
    }
    let namespace = request.namespace.as_deref().unwrap_or_default();
    let looks = async {
        tokio::try_join!(
            facts(&*cluster, namespace, &migration.spec, &request.user_info),
            policies::in_force(&*cluster, namespace),
            cluster.paused()
        )
    };
    match timeout(LOOKUPS, looks).await {
        Ok(Ok((mut facts, in_force, paused))) => {
            facts.policies = match policies::select(facts.pod.as_ref(), &in_force) {
                Ok(selected) => selected,
                Err(unreadable) => return answer(response.deny(unreadable)),
            };
            let mut report = validate::check(&request.name, namespace, &migration.spec, &facts);
            policies::admit(&facts.policies, &migration.spec, Timestamp::now(), &mut report);
            pause::admit(&migration.spec, paused.as_ref(), &mut report);
            let response = policies::audited(response, &facts.policies, &report);
            answer(reported(response, &request, report))
        }
        Ok(Err(error)) => answer(response.deny(format!("{error}. Nothing was started; try again"))),
        Err(_) => {
            answer(response.deny("the API server took too long to answer. Nothing was started; try again"))
        }
    }
}

fn reported(mut response: AdmissionResponse, request: &Request, report: Report) -> AdmissionResponse {
    if !report.warnings.is_empty() {
        response.warnings = Some(report.warnings.clone());
    }
    let (name, namespace) = (&request.name, request.namespace.as_deref().unwrap_or_default());
    if report.is_ok() {
        let by = request.user_info.username.as_deref();
        info!(namespace, name, by, "migration admitted");
        return response;
    }
    info!(namespace, name, reasons = report.reasons(), "migration refused");
    response.deny(report.reasons())
}

/// Everything at once, but for what needs the pod to be known.
async fn facts<C: Cluster>(
    cluster: &C,
    namespace: &str,
    spec: &StatefulMigrationSpec,
    user: &UserInfo,
) -> Looked<Facts> {
    let (pod, nodes, migrations, may_create_pods, may_delete_pods) = tokio::try_join!(
        around_pod(cluster, namespace, &spec.source_pod),
        cluster.nodes(),
        cluster.migrations(namespace),
        cluster.may(user, namespace, "create"),
        cluster.may(user, namespace, "delete"),
    )?;
    let user = user.username.clone().unwrap_or_default();
    let requester = Some(Requester {
        user,
        may_create_pods,
        may_delete_pods,
    });
    Ok(Facts {
        nodes,
        migrations,
        requester,
        ..pod
    })
}

/// The pod, its owner and its volumes.
pub(crate) async fn around_pod<C: Cluster>(cluster: &C, namespace: &str, name: &str) -> Looked<Facts> {
    let Some(pod) = cluster.pod(namespace, name).await? else {
        return Ok(Facts::default());
    };
    let owner = match workload::owner_of(&pod) {
        Some((kind, owner)) => cluster.owner(namespace, kind, &owner.name).await?,
        None => None,
    };
    let claims = claims_of(cluster, namespace, &pod).await?;
    let mut volumes = Vec::new();
    for claim in &claims {
        if let Some(bound) = claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref()) {
            volumes.extend(cluster.volume(bound).await?);
        }
    }
    Ok(Facts {
        pod: Some(pod),
        owner,
        claims,
        volumes,
        ..Facts::default()
    })
}

/// The claims that a pod's volumes refer to, those that exist.
async fn claims_of<C: Cluster>(
    cluster: &C,
    namespace: &str,
    pod: &Pod,
) -> Looked<Vec<PersistentVolumeClaim>> {
    let mut claims = Vec::new();
    for volume in pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()) {
        if let Some(source) = &volume.persistent_volume_claim {
            claims.extend(cluster.claim(namespace, &source.claim_name).await?);
        }
    }
    Ok(claims)
}
