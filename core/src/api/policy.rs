//! `MigrationPolicy`, as the owner of a namespace writes it: what may be done to its pods beyond what is safe without
//! asking.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::blank::{left_out, left_out_is_default};

/// What the moves of these pods may cost. Without a policy, whatever is not exact is refused.
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
    /// Pods of this namespace that it speaks of; all of them when left out. Where several policies speak of a pod, the
    /// strictest counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_selector: Option<LabelSelector>,
    /// What becomes of a move whose handoff is not known to be exact.
    #[serde(default, deserialize_with = "left_out_is_default")]
    pub inexact_handoff: InexactHandoff,
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

/// What becomes of a move whose handoff is not known to be exact: messages may be applied out of order, or again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum InexactHandoff {
    /// It is refused before anything is touched.
    #[default]
    Refuse,
    /// It takes place, and its verdict says that it was not exact and why.
    Allow,
}
