//! Admission of plain deletions of pods that a move made, in namespaces that opted in. The rule leaves out those that are of right
//! ([`deletion::is_of_right`]) already, so that they do not depend on the webhook.
//!
//! Guarantee: nothing is written; what cannot be looked up in time is deleted as ever.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use kube::core::admission::Operation;
use serde::Deserialize;
use shadow_core::eviction::deletion;
use shadow_core::names;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::cluster::Cluster;
use crate::review::{Answer, Request, answer, read};

/// The API server waits 1 s for this review.
const WITHIN: Duration = Duration::from_millis(850);

/// What is read of a pod.
#[derive(Deserialize)]
struct Pod {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    uid: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    deletion_timestamp: Option<String>,
}

/// Refuses what would take the memory with it.
pub(crate) async fn validate<C: Cluster>(State(cluster): State<Arc<C>>, review: Bytes) -> Answer {
    let request: Request<Pod> = match read(&review) {
        Ok(request) => request,
        Err(unreadable) => return unreadable.goes_through("deletion"),
    };
    let mut response = request.allowed();
    let namespace = request.namespace.as_deref().unwrap_or_default();
    let (Operation::Delete, Some(pod)) = (&request.operation, &request.old_object) else {
        return answer(response);
    };
    let confirmed = pod.metadata.annotations.get(names::MAY_BE_DELETED);
    let user = request.user_info.username.as_deref().unwrap_or_default();
    // One that was deleted before ends already.
    let ends = pod.metadata.deletion_timestamp.is_some();
    if ends || deletion::is_of_right(user) || confirmed.is_some_and(|value| value == "yes") {
        return answer(response);
    }
    let migrations = match timeout(WITHIN, cluster.migrations(namespace)).await {
        Ok(Ok(migrations)) => migrations,
        Ok(Err(error)) => {
            warn!(%error, "a deletion was not judged, it goes through");
            return answer(response);
        }
        Err(_) => {
            warn!("a deletion was not judged in time, it goes through");
            return answer(response);
        }
    };
    match deletion::protected_by(&request.name, &pod.metadata.uid, &migrations) {
        None => answer(response),
        Some(migration) => {
            info!(
                namespace,
                pod = request.name,
                user,
                "deletion refused during a move"
            );
            response.result.code = 403;
            "Forbidden".clone_into(&mut response.result.reason);
            answer(response.deny(deletion::told(&request.name, namespace, migration)))
        }
    }
}
