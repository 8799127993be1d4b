//! Admission of StatefulMigrations: defaults and who ordered it, then validation.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use json_patch::diff;
use k8s_openapi::api::authentication::v1::UserInfo;
use k8s_openapi::api::core::v1::Pod;
use kube::core::admission::{AdmissionResponse, Operation};
use serde::Deserialize;
use serde_json::json;
use shadow_core::api::StatefulMigrationSpec;
use shadow_core::pause;
use shadow_core::requester;
use shadow_core::validate::{self, Facts, Report, Requester};
use shadow_core::workload;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::cluster::{Cluster, Looked};
use crate::review::{self, Answer, answer, read};
use crate::router::LOOKUPS;

type Request = review::Request<Written>;

/// What is read of a migration: the rest is the API server's, or ours.
#[derive(Deserialize)]
pub(crate) struct Written {
    spec: StatefulMigrationSpec,
}

/// Defaults of a new migration, and who ordered it. Nothing depends on the look-up succeeding: what it would add is optional.
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
    let pod = match timeout(LOOKUPS, cluster.pod(namespace, &migration.spec.source_pod)).await {
        Ok(Ok(pod)) => pod,
        Ok(Err(error)) => {
            warn!(%error, "defaults without the pod");
            None
        }
        Err(_) => {
            warn!("defaults without the pod: it was not found in time");
            None
        }
    };
    let user = request.user_info.username.as_deref();
    answer(filled_in(response, &migration.spec, user, pod.as_ref()))
}

fn filled_in(
    response: AdmissionResponse,
    spec: &StatefulMigrationSpec,
    user: Option<&str>,
    pod: Option<&Pod>,
) -> AdmissionResponse {
    let mut filled = spec.clone();
    validate::default_spec(&mut filled, pod);
    filled.requested_by = Some(requester::recorded(user, spec.requested_by.as_deref()));
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
            cluster.paused()
        )
    };
    match timeout(LOOKUPS, looks).await {
        Ok(Ok((facts, paused))) => {
            let mut report = validate::check(&request.name, namespace, &migration.spec, &facts);
            pause::admit(&migration.spec, paused.as_ref(), &mut report);
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
    let (mut claims, mut volumes) = (Vec::new(), Vec::new());
    for volume in pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()) {
        let Some(source) = &volume.persistent_volume_claim else {
            continue;
        };
        let Some(claim) = cluster.claim(namespace, &source.claim_name).await? else {
            continue;
        };
        if let Some(bound) = claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref()) {
            volumes.extend(cluster.volume(bound).await?);
        }
        claims.push(claim);
    }
    Ok(Facts {
        pod: Some(pod),
        owner,
        claims,
        volumes,
        ..Facts::default()
    })
}
