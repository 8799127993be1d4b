//! `MigrationPolicy`, as the owner of a namespace writes it, and `ClusterMigrationPolicy`, as the owner of the cluster does: what moves
//! of pods may be, how much they may take and when they may begin.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::blank::left_out;
use super::rules::PolicyRules;

/// What moves of these pods may be. Without a policy that selects a pod, a move of it that is not known to be exact is refused, and
/// nothing else is.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "migration.ms2m.io",
    version = "v1alpha1",
    kind = "MigrationPolicy",
    plural = "migrationpolicies",
    shortname = "smpol",
    namespaced,
    printcolumn = r#"{"name":"Inexact","type":"string","jsonPath":".spec.inexactHandoff"}"#,
    printcolumn = r#"{"name":"Evictions","type":"string","jsonPath":".spec.evictions"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct MigrationPolicySpec {
    /// Pods of this namespace that it speaks of; all of them when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_selector: Option<LabelSelector>,
    /// What moves of these pods may be.
    #[serde(flatten)]
    pub rules: PolicyRules,
    /// What becomes of an eviction of these pods, in a namespace with the label `migration.ms2m.io/evictions: move`. A pod's own
    /// label of this name counts more.
    #[serde(
        default,
        deserialize_with = "left_out",
        skip_serializing_if = "Option::is_none"
    )]
    pub evictions: Option<OnEviction>,
    /// What becomes of an eviction of these pods whose move does not get its turn within 2 minutes. A pod's own label
    /// `migration.ms2m.io/evictions-not-now` counts more.
    #[serde(
        default,
        deserialize_with = "left_out",
        skip_serializing_if = "Option::is_none"
    )]
    pub evictions_not_now: Option<OnNotNow>,
}

/// What moves of pods may be in all namespaces, or in those that it selects, and their priority. An administrator of the cluster grants
/// the right to write it.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "migration.ms2m.io",
    version = "v1alpha1",
    kind = "ClusterMigrationPolicy",
    plural = "clustermigrationpolicies",
    shortname = "csmpol",
    printcolumn = r#"{"name":"Inexact","type":"string","jsonPath":".spec.inexactHandoff"}"#,
    printcolumn = r#"{"name":"Priority","type":"integer","jsonPath":".spec.priority"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterMigrationPolicySpec {
    /// Labels of the namespaces that it speaks of; all of them when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// Pods of these namespaces that it speaks of; all of them when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_selector: Option<LabelSelector>,
    /// What moves of these pods may be.
    #[serde(flatten)]
    pub rules: PolicyRules,
    /// Moves of a higher priority begin before others that wait, of whatever namespace; left out: 0. Of several policies the most
    /// specific one counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1_000, max = 1_000))]
    pub priority: Option<i32>,
}

/// What becomes of an eviction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnEviction {
    /// The pod is moved with its memory, where it can be.
    Move,
    /// The pod is evicted as ever.
    Evict,
}

/// What becomes of an eviction whose move may not begin now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnNotNow {
    /// The pod is evicted as ever, without its memory.
    #[default]
    Evict,
    /// The eviction waits (429) until the move may begin.
    Wait,
}
