//! What the API server knows of the node and its pods.

use std::collections::HashMap;

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use shadow_core::api::OwnerKind;
use shadow_core::workload::{self, Workload};

use crate::connection::Connection;
use crate::problem::Problem;
use crate::say;

/// The node, if there is one of this name.
pub(super) async fn node(connection: &Connection, name: &str) -> Result<Node, Problem> {
    let nodes: Api<Node> = Api::all(connection.client.clone());
    nodes.get_opt(name).await?.ok_or_else(|| {
        Problem::Refused(format!(
            "there is no node {name}. To see the nodes, type: kubectl get nodes"
        ))
    })
}

/// No new pod comes to the node.
pub(super) async fn cordon(connection: &Connection, name: &str) -> Result<(), Problem> {
    let nodes: Api<Node> = Api::all(connection.client.clone());
    let patch = Patch::Merge(json!({"spec": {"unschedulable": true}}));
    nodes.patch(name, &PatchParams::default(), &patch).await?;
    say::remark(&format!("node/{name} cordoned"));
    Ok(())
}

/// The pods that are on the node, as far as the selector lets them through.
pub(super) async fn pods(
    connection: &Connection,
    node: &str,
    selector: Option<&str>,
) -> Result<Vec<Pod>, Problem> {
    let pods: Api<Pod> = Api::all(connection.client.clone());
    let mut on_it = ListParams::default().fields(&format!("spec.nodeName={node}"));
    if let Some(selector) = selector {
        on_it = on_it.labels(selector);
    }
    Ok(pods.list(&on_it).await?.items)
}

/// Owners that were read, by UID.
#[derive(Default)]
pub(super) struct Owners(HashMap<String, Option<Workload>>);

impl Owners {
    /// What owns the pod, as far as that names a queue for it.
    pub(super) async fn of(
        &mut self,
        connection: &Connection,
        pod: &Pod,
    ) -> Result<Option<Workload>, Problem> {
        let Some((kind, owner)) = workload::owner_of(pod) else {
            return Ok(None);
        };
        if let Some(known) = self.0.get(&owner.uid) {
            return Ok(known.clone());
        }
        let namespace = pod.namespace().unwrap_or_default();
        let client = connection.client.clone();
        let found = match kind {
            OwnerKind::StatefulSet => {
                let api: Api<StatefulSet> = Api::namespaced(client, &namespace);
                api.get_opt(&owner.name).await?.map(Workload::from)
            }
            OwnerKind::ReplicaSet => {
                let api: Api<ReplicaSet> = Api::namespaced(client, &namespace);
                api.get_opt(&owner.name).await?.map(Workload::from)
            }
        };
        self.0.insert(owner.uid.clone(), found.clone());
        Ok(found)
    }
}
