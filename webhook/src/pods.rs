//! Admission of the pod that a StatefulSet re-creates during a migration.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use json_patch::diff;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::core::admission::{AdmissionResponse, Operation};
use serde::Deserialize;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::cluster::Cluster;
use crate::review::{Answer, Request, answer, read, read_whole};
use crate::rewrite::{self, Announcement};
use crate::router::LOOKUPS;

/// What is read of a pod to know whether it was announced.
#[derive(Deserialize)]
struct Glance {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    owner_references: Vec<Owner>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Owner {
    api_version: String,
    kind: String,
    name: String,
    uid: String,
    controller: Option<bool>,
}

impl From<Glance> for Pod {
    fn from(Glance { metadata }: Glance) -> Self {
        let owner = |owner: Owner| OwnerReference {
            api_version: owner.api_version,
            kind: owner.kind,
            name: owner.name,
            uid: owner.uid,
            controller: owner.controller,
            ..OwnerReference::default()
        };
        Self {
            metadata: ObjectMeta {
                name: metadata.name,
                labels: metadata.labels,
                annotations: metadata.annotations,
                owner_references: Some(metadata.owner_references.into_iter().map(owner).collect()),
                ..ObjectMeta::default()
            },
            ..Self::default()
        }
    }
}

/// Rewrites an announced pod, lets any other pass; refuses when it cannot tell.
pub(crate) async fn mutate<C: Cluster>(State(cluster): State<Arc<C>>, review: Bytes) -> Answer {
    let mut request: Request<Glance> = match read(&review) {
        Ok(request) => request,
        Err(unreadable) => return unknown(unreadable.response, "", "", &unreadable.reason),
    };
    let response = request.allowed();
    let (Operation::Create, Some(glance)) = (&request.operation, request.object.take()) else {
        return answer(response);
    };
    let pod = &Pod::from(glance);
    let namespace = request.namespace.as_deref().unwrap_or_default();
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let probe = rewrite::is_probe(pod, request.user_info.username.as_deref(), request.dry_run);
    let migrations = match timeout(LOOKUPS, cluster.migrations(namespace)).await {
        Ok(Ok(migrations)) => migrations,
        Ok(Err(error)) => return unknown(response, namespace, name, &error.to_string()),
        Err(_) => {
            return unknown(
                response,
                namespace,
                name,
                "the API server took too long to answer",
            );
        }
    };
    match rewrite::decide(pod, &migrations, probe) {
        Ok(None) => {
            info!(namespace, name, "pod passes unchanged");
            answer(response)
        }
        Ok(Some(found)) => {
            info!(namespace, name, key = %found.key, migration = found.migration, probe, "pod becomes a restore");
            match read_whole(&review).await {
                Ok(whole) => answer(rewritten(response, &whole, &found)),
                Err(why) => unknown(response, namespace, name, &why),
            }
        }
        Err(error) => unknown(response, namespace, name, &error.to_string()),
    }
}

fn rewritten(response: AdmissionResponse, pod: &Pod, found: &Announcement) -> AdmissionResponse {
    let mut restored = pod.clone();
    found.apply(&mut restored);
    let as_json = |pod: &Pod| serde_json::to_value(pod);
    let (before, after) = match (as_json(pod), as_json(&restored)) {
        (Ok(before), Ok(after)) => (before, after),
        (Err(error), _) | (_, Err(error)) => return response.deny(error),
    };
    let patch = diff(&before, &after);
    if patch.is_empty() {
        return response;
    }
    let refused = response.clone();
    response
        .with_patch(patch)
        .unwrap_or_else(|error| refused.deny(error))
}

/// A pod that may have been announced must not start as if it had not.
fn unknown(mut response: AdmissionResponse, namespace: &str, name: &str, why: &str) -> Answer {
    warn!(namespace, name, why, "pod refused");
    response.result.code = 503;
    let text = format!(
        "a migration may have announced this pod, so it is not created now: {why}. Its owner tries again"
    );
    answer(response.deny(text))
}
