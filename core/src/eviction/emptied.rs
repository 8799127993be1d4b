//! Nodes that are being emptied: an eviction from one of them means the pod that is there now.

use k8s_openapi::api::core::v1::Node;

use crate::validate::is_cordoned;

/// Taints of those that remove nodes: kubectl and the node controller, the cluster autoscaler, Karpenter since 1.0 and before.
const TAINTS: [&str; 4] = [
    "node.kubernetes.io/unschedulable",
    "ToBeDeletedByClusterAutoscaler",
    "karpenter.sh/disrupted",
    "karpenter.sh/disruption",
];

/// Whether somebody takes the pods off this node.
pub fn is_emptied(node: &Node) -> bool {
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    is_cordoned(node)
        || taints
            .into_iter()
            .any(|taint| TAINTS.contains(&taint.key.as_str()))
}
