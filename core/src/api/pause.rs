//! `Pause`: while the one object of this kind is there, no new move of the cluster begins. Of the whole cluster, so that a user who may
//! create it is an administrator of the cluster; RBAC and the audit log know it by its kind.
#![allow(
    unreachable_pub,
    reason = "the derive of the rule repeats the struct where nothing reaches it"
)]

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// Characters of the reason.
pub const REASON: usize = 256;
/// Characters of the name of who paused.
pub const NAME: usize = 256;
/// The object's name: there is one pause, so that one `resume` ends it.
pub const ONLY: &str = "moves";

/// Stops all new moves of the cluster while it is there. Moves under way go on.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "migration.ms2m.io",
    version = "v1alpha1",
    kind = "Pause",
    plural = "pauses",
    singular = "pause",
    shortname = "smpause",
    validation = Rule::new("self.metadata.name == 'moves'")
        .message("metadata.name must be moves: there is one pause for the cluster. Type: kubectl shadow pause --reason TEXT"),
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".spec.reason"}"#,
    printcolumn = r#"{"name":"By","type":"string","jsonPath":".spec.by"}"#,
    printcolumn = r#"{"name":"Evictions","type":"boolean","description":"Evictions go through","jsonPath":".spec.letEvictionsThrough"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct PauseSpec {
    /// Why, for everybody whose move is refused or waits.
    #[schemars(length(min = 1, max = 256))]
    pub reason: String,
    /// Who paused: the user that creates this object may write any name. The audit log has the true one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub by: Option<String>,
    /// Evictions of pods that opted in go through as ever, without the memory; otherwise they wait.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub let_evictions_through: bool,
}
