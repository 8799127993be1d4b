//! `Evacuation`: an eviction that is answered by a move. The webhook creates it, since it may write nothing else; the controller
//! creates the migration and says here what became of it.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::blank::left_out_is_default;
use super::policy::OnNotNow;

/// Groups of the evicting user that are recorded.
pub const GROUPS: usize = 10;
/// Characters of a recorded name of a user or a group.
pub const NAME: usize = 256;
/// Characters of a reason.
pub const REASON: usize = 1_024;

/// An eviction of a pod that is to be moved. Its name is the pod's UID, so that there is one for each pod.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "migration.ms2m.io",
    version = "v1alpha1",
    kind = "Evacuation",
    plural = "evacuations",
    shortname = "smevac",
    namespaced,
    status = "EvacuationStatus",
    printcolumn = r#"{"name":"Pod","type":"string","jsonPath":".spec.pod"}"#,
    printcolumn = r#"{"name":"Node","type":"string","jsonPath":".spec.node"}"#,
    printcolumn = r#"{"name":"State","type":"string","jsonPath":".status.state"}"#,
    printcolumn = r#"{"name":"Waits for","type":"string","jsonPath":".status.waiting.for"}"#,
    printcolumn = r#"{"name":"Migration","type":"string","jsonPath":".status.migration"}"#,
    printcolumn = r#"{"name":"By","type":"string","jsonPath":".spec.evictedBy.user"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct EvacuationSpec {
    /// Pod whose eviction was asked for.
    #[schemars(length(min = 1, max = 253))]
    pub pod: String,
    /// Its UID.
    #[schemars(length(min = 1, max = 128))]
    pub uid: String,
    /// Node that it ran on.
    #[schemars(length(max = 253))]
    pub node: String,
    /// That node took no new pods at that time: a drain that is given up shows by the node taking pods again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub node_emptied: bool,
    /// What becomes of the eviction if the move does not get its turn within 2 minutes, as label and policies said.
    #[serde(
        default,
        deserialize_with = "left_out_is_default",
        skip_serializing_if = "is_default"
    )]
    pub not_now: OnNotNow,
    /// Who asked for the eviction, as the API server says.
    pub evicted_by: EvictedBy,
    /// When.
    pub at: MicroTime,
    /// Why the pod is not moved, where this was known at once: the eviction went through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub let_go: Option<String>,
}

fn is_default(not_now: &OnNotNow) -> bool {
    *not_now == OnNotNow::default()
}

/// Who asked for an eviction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EvictedBy {
    /// User name, cut to 256 characters.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub user: String,
    /// The first ten groups, each cut to 256 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(length(max = 256)))]
    pub groups: Vec<String>,
}

/// What has become of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EvacuationStatus {
    /// In one word.
    pub state: EvacuationState,
    /// The migration that moves the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration: Option<String>,
    /// For what it waits, or why the pod is not moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The wait before its move begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<EvacuationWait>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<MicroTime>,
}

/// A wait before a move that an eviction caused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EvacuationWait {
    /// For what.
    pub r#for: EvacuationWaitsFor,
    /// Since when it waits for this.
    pub since: MicroTime,
}

/// For what it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EvacuationWaitsFor {
    /// A disruption budget of the pod is spent.
    Budget,
    /// Moves are paused (`kubectl shadow pause`).
    Pause,
    /// No node can take the pod: for 2 minutes, since one may be on its way.
    Node,
    /// Another migration is going to move the pod, or moves it.
    AnotherMove,
    /// The migration is ordered, and it is not its turn.
    Turn,
}

/// What has become of it, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EvacuationState {
    /// The move may not begin yet: the reason says for what it waits.
    #[default]
    Waiting,
    /// A migration moves the pod, or waits for its turn.
    Moving,
    /// The pod was moved.
    Moved,
    /// The pod is not moved, and its next eviction goes through.
    LetGo,
}

impl fmt::Display for EvacuationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl EvictedBy {
    /// Cut to what is recorded: names and groups are as long as others made them.
    pub fn cut(user: Option<&str>, groups: &[String]) -> Self {
        let cut = |text: &str| text.chars().take(NAME).collect::<String>();
        Self {
            user: cut(user.unwrap_or_default()),
            groups: groups.iter().take(GROUPS).map(|group| cut(group)).collect(),
        }
    }
}
