//! What a policy says of the moves of the pods that it selects: the same in a `MigrationPolicy` and a `ClusterMigrationPolicy`. How
//! several policies combine is `crate::policy`'s.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::blank::left_out;
use super::migration::{Handoff, MigrationStrategy, RestoreBackend, TransferMode};
use super::plan::HoldKind;
use crate::wire::CheckpointBackend;

/// Rules for moves. What is left out says nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRules {
    /// What a move may be; what has no list is not restricted. Of several policies only what all of them allow is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Allowed>,
    /// How much a move may take. Of several policies the smaller value counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<PolicyLimits>,
    /// When moves may begin, in UTC; left out: at any time. Of several policies each has to be open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 20))]
    pub windows: Option<Vec<Window>>,
    /// What becomes of a move whose handoff is not known to be exact. It takes place if a policy says Allow and none says Refuse.
    #[serde(
        default,
        deserialize_with = "left_out",
        skip_serializing_if = "Option::is_none"
    )]
    pub inexact_handoff: Option<InexactHandoff>,
    /// Whether `spec.messageQueueConfig.brokerUrl` of a migration may hold a password; left out: it may, with a warning. Of several
    /// policies Refuse counts.
    #[serde(
        default,
        deserialize_with = "left_out",
        skip_serializing_if = "Option::is_none"
    )]
    pub broker_url_password: Option<UrlPassword>,
    /// What is filled in where a migration leaves it out. Of several policies the most specific one counts, field by field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<PolicyDefaults>,
}

/// Lists of what is allowed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Allowed {
    /// Labels of the nodes to which pods may be moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_nodes: Option<LabelSelector>,
    /// Strategies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2))]
    pub strategies: Option<Vec<MigrationStrategy>>,
    /// Ways of holding the messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 3))]
    pub holds: Option<Vec<HoldKind>>,
    /// What the source may do during its move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2))]
    pub handoffs: Option<Vec<Handoff>>,
    /// Ways of the archive from node to node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2))]
    pub transfer_modes: Option<Vec<TransferMode>>,
    /// Ways of restoring the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2))]
    pub restore_backends: Option<Vec<RestoreBackend>>,
}

/// Upper limits. Moves at once: a move waits for its turn while as many are under way, whatever policy selects those.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyLimits {
    /// Moves at once in the namespace of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000))]
    pub moves_per_namespace: Option<u32>,
    /// Moves at once from or to a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000))]
    pub moves_per_node: Option<u32>,
    /// Moves at once in the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000))]
    pub moves_per_cluster: Option<u32>,
    /// The longest `spec.deadlineSeconds`. Where a migration leaves it out, it is filled in if it is shorter than the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 5, max = 3_600))]
    pub deadline_seconds: Option<u32>,
    /// The longest `spec.maxPause`, such as `1500ms` or `2s`. Where a migration leaves it out, it is filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 2, max = 32),
        regex(pattern = "^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$")
    )]
    pub max_pause: Option<String>,
}

/// A time in which moves may begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// Days on which it begins; left out: every day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 7))]
    pub days: Option<Vec<Day>>,
    /// When it begins, `HH:MM` in UTC.
    #[schemars(regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub from: String,
    /// When it ends, `HH:MM` in UTC. A time that is not after `from` is one of the next day.
    #[schemars(regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub to: String,
}

/// A day of the week, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// What becomes of a move whose handoff is not known to be exact: messages may be applied out of order, or again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum InexactHandoff {
    /// It is refused before anything is touched.
    Refuse,
    /// It takes place, and its verdict says that it was not exact and why.
    Allow,
}

/// What becomes of a migration whose `brokerUrl` holds a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UrlPassword {
    /// It is refused.
    Refuse,
    /// It is accepted with a warning.
    Allow,
}

/// Values of the migration's fields of these names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyDefaults {
    /// See `spec.migrationStrategy`.
    #[serde(
        default,
        deserialize_with = "left_out",
        skip_serializing_if = "Option::is_none"
    )]
    pub migration_strategy: Option<MigrationStrategy>,
    /// See `spec.handoff`.
    #[serde(
        default,
        deserialize_with = "left_out",
        skip_serializing_if = "Option::is_none"
    )]
    pub handoff: Option<Handoff>,
    /// See `spec.transferMode`.
    #[serde(
        default,
        deserialize_with = "left_out",
        skip_serializing_if = "Option::is_none"
    )]
    pub transfer_mode: Option<TransferMode>,
    /// See `spec.checkpointBackend`.
    #[serde(
        default,
        deserialize_with = "left_out",
        skip_serializing_if = "Option::is_none"
    )]
    pub checkpoint_backend: Option<CheckpointBackend>,
    /// See `spec.restoreBackend`.
    #[serde(
        default,
        deserialize_with = "left_out",
        skip_serializing_if = "Option::is_none"
    )]
    pub restore_backend: Option<RestoreBackend>,
    /// See `spec.deadlineSeconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 5, max = 3_600))]
    pub deadline_seconds: Option<u32>,
    /// See `spec.maxPause`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 2, max = 32),
        regex(pattern = "^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$")
    )]
    pub max_pause: Option<String>,
    /// See `spec.ttlSecondsAfterFinished`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 30, max = 31_536_000))]
    pub ttl_seconds_after_finished: Option<u32>,
    /// See `spec.checkpointImageRepository`.
    #[serde(
        default,
        deserialize_with = "left_out",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(max = 255))]
    pub checkpoint_image_repository: Option<String>,
    /// See `spec.checkpointImageSecretRef`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = "^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$")
    )]
    pub checkpoint_image_secret_ref: Option<String>,
}
