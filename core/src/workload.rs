//! What owns a pod, as far as a migration of the pod is concerned.

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::core::ObjectMeta;

use crate::api::OwnerKind;
use crate::names;

/// The owner of a pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// What it is.
    pub kind: OwnerKind,
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// Pods that it wants.
    pub replicas: i32,
    /// Pods of it that are ready.
    pub ready: i32,
    /// Labels by which it knows its pods.
    pub selector: Vec<String>,
}

impl From<StatefulSet> for Workload {
    fn from(set: StatefulSet) -> Self {
        let spec = set.spec.unwrap_or_default();
        Self {
            kind: OwnerKind::StatefulSet,
            metadata: set.metadata,
            replicas: spec.replicas.unwrap_or(1),
            ready: set.status.and_then(|status| status.ready_replicas).unwrap_or(0),
            selector: labels(spec.selector.match_labels),
        }
    }
}

impl From<ReplicaSet> for Workload {
    fn from(set: ReplicaSet) -> Self {
        let spec = set.spec.unwrap_or_default();
        Self {
            kind: OwnerKind::ReplicaSet,
            metadata: set.metadata,
            replicas: spec.replicas.unwrap_or(1),
            ready: set.status.and_then(|status| status.ready_replicas).unwrap_or(0),
            selector: labels(spec.selector.match_labels),
        }
    }
}

fn labels(wanted: Option<std::collections::BTreeMap<String, String>>) -> Vec<String> {
    wanted.into_iter().flatten().map(|(label, _)| label).collect()
}

impl Workload {
    /// Whether a copy can stay unknown to it until it is to be adopted (a ReplicaSet of a Deployment or a Rollout).
    pub fn tells_by_template_hash(&self) -> bool {
        self.selector.iter().any(|label| names::is_template_hash(label))
    }
}

/// The reference to the owner that controls `pod`.
pub fn controller_of(pod: &Pod) -> Option<&OwnerReference> {
    pod.metadata
        .owner_references
        .iter()
        .flatten()
        .find(|owner| owner.controller == Some(true))
}

/// The same, if its kind is one whose pods can be moved.
pub fn owner_of(pod: &Pod) -> Option<(OwnerKind, &OwnerReference)> {
    let owner = controller_of(pod)?;
    match owner.kind.as_str() {
        "StatefulSet" => Some((OwnerKind::StatefulSet, owner)),
        "ReplicaSet" => Some((OwnerKind::ReplicaSet, owner)),
        _ => None,
    }
}
