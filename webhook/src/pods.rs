//! Admission of the pod that a StatefulSet re-creates during a migration.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use json_patch::diff;
use k8s_openapi::api::core::v1::Pod;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, Operation};
use serde_json::Value;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::cluster::Cluster;
use crate::review::{Answer, answer, read};
use crate::rewrite::{self, Announcement};
use crate::router::LOOKUPS;

/// Rewrites an announced pod, lets any other pass; refuses when it cannot tell.
pub async fn mutate<C: Cluster>(State(cluster): State<Arc<C>>, Json(review): Json<Value>) -> Answer {
    let request: AdmissionRequest<Pod> = match read(review) {
        Ok(request) => request,
        Err(unreadable) => return unknown(unreadable.response, "", "", &unreadable.reason),
    };
    let response = AdmissionResponse::from(&request);
    let (Operation::Create, Some(pod)) = (&request.operation, &request.object) else {
        return answer(response);
    };
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
            answer(rewritten(response, pod, &found))
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
    let refused = response.clone();
    response
        .with_patch(diff(&before, &after))
        .unwrap_or_else(|error| refused.deny(error))
}

/// A pod that may have been announced must not start as if it had not.
fn unknown(mut response: AdmissionResponse, namespace: &str, name: &str, why: &str) -> Answer {
    warn!(namespace, name, why, "pod refused");
    response.result.code = 503;
    let text = format!(
        "a migration may have announced this pod, so it is not created now: {why}; its owner tries again"
    );
    answer(response.deny(text))
}
