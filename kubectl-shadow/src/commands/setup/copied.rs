//! The annotations of a Deployment on their way to its ReplicaSet, where a move reads them.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::apps::v1::ReplicaSet;
use kube::api::ListParams;
use kube::runtime::wait::await_condition;
use kube::{Api, ResourceExt};

use crate::connection::Connection;
use crate::problem::Problem;
use crate::say;
use crate::setup::{Change, Workload};

/// Kubernetes copies the annotations of a Deployment to its ReplicaSet within so long.
const COPIED: Duration = Duration::from_secs(10);
/// Waits until the newest ReplicaSet has the annotations: that is where a move reads them.
pub(super) async fn copied(
    connection: &Connection,
    workload: &Workload,
    changes: &[Change],
) -> Result<(), Problem> {
    let sets: Api<ReplicaSet> = Api::namespaced(connection.client.clone(), &connection.namespace);
    let is_of = |set: &ReplicaSet| {
        let owners = set.metadata.owner_references.iter().flatten();
        owners
            .into_iter()
            .any(|owner| owner.kind == "Deployment" && owner.name == workload.name)
    };
    let all = sets.list(&ListParams::default()).await?.items;
    let newest = all.into_iter().filter(is_of).max_by_key(revision);
    let Some(newest) = newest else { return Ok(()) };
    let wanted: BTreeMap<String, String> = changes
        .iter()
        .map(|change| (change.annotation.to_owned(), change.after.clone()))
        .collect();
    let has_all = move |set: Option<&ReplicaSet>| {
        set.is_some_and(|set| {
            wanted
                .iter()
                .all(|(name, value)| set.annotations().get(name) == Some(value))
        })
    };
    let name = newest.name_any();
    match tokio::time::timeout(COPIED, await_condition(sets, &name, has_all)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Problem::Unknown(format!(
            "watch ReplicaSet {name}: {}",
            shadow_deploy::answer::said_of_wait(&error)
        ))),
        Err(_) => {
            say::remark(&format!(
                "Kubernetes has not copied the annotations to ReplicaSet {name} for {} s, where a move reads them. Is a rollout \
                 under way? To see it, type: kubectl -n {} describe deployment {}",
                COPIED.as_secs(),
                connection.namespace,
                workload.name
            ));
            Ok(())
        }
    }
}

/// Kubernetes counts the ReplicaSets of a Deployment.
fn revision(set: &ReplicaSet) -> u64 {
    let told = set.annotations().get("deployment.kubernetes.io/revision");
    told.and_then(|told| told.parse().ok()).unwrap_or(0)
}
