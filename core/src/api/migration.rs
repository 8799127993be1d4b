//! `StatefulMigration`, as users write it. Field names and phases are those that users of the reference system
//! know; the schema is generated from these types (`cargo xtask check` compares it with `deploy/crd`).

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::blank::left_out;
use super::status::MigrationStatus;
use crate::wire::CheckpointBackend;

/// Moves a running pod to another node: its memory, its place in the message stream and its name.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "migration.ms2m.io",
    version = "v1alpha1",
    kind = "StatefulMigration",
    plural = "statefulmigrations",
    shortname = "smig",
    namespaced,
    status = "MigrationStatus",
    printcolumn = r#"{"name":"Source","type":"string","jsonPath":".spec.sourcePod"}"#,
    printcolumn = r#"{"name":"From","type":"string","jsonPath":".status.sourceNode"}"#,
    printcolumn = r#"{"name":"To","type":"string","jsonPath":".status.targetNode"}"#,
    printcolumn = r#"{"name":"Strategy","type":"string","jsonPath":".status.plan.strategy"}"#,
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Handoff","type":"string","jsonPath":".status.handoff"}"#,
    printcolumn = r#"{"name":"Pause","type":"string","jsonPath":".status.pause"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = only_cancel_changes()))]
pub struct StatefulMigrationSpec {
    /// Pod to move, in the namespace of this object.
    #[schemars(length(min = 1, max = 253))]
    pub source_pod: String,
    /// Node to move it to; left out: of the other nodes that fit, the one with the most room. `status.plan` says
    /// which one was taken, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub target_node: Option<String>,
    /// Container to move; needed when the pod has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub container_name: Option<String>,
    /// The stream that the pod consumes; what is left out comes from the workload's annotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_queue_config: Option<MessageQueueConfig>,
    /// Secret in this namespace with the keys `uri` (amqp) and `managementUri` (http).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub broker_secret_ref: Option<String>,
    /// How the pod's owner is dealt with; when left out, admission writes what it chose from owner and volumes, with the reason in
    /// `strategyReason`.
    #[serde(
        default,
        deserialize_with = "left_out",
        skip_serializing_if = "Option::is_none"
    )]
    pub migration_strategy: Option<MigrationStrategy>,
    /// Why admission chose `migrationStrategy`; absent where the user wrote it. Written at admission; what a user writes here is not
    /// believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub strategy_reason: Option<String>,
    /// Whether the source waits (`Hold`) or goes on with a copy of the stream (`Live`) during the move.
    #[serde(
        default,
        deserialize_with = "left_out",
        skip_serializing_if = "Option::is_none"
    )]
    pub handoff: Option<Handoff>,
    /// How the archive gets from node to node.
    #[serde(
        default,
        deserialize_with = "left_out",
        skip_serializing_if = "Option::is_none"
    )]
    pub transfer_mode: Option<TransferMode>,
    /// How the process is dumped.
    #[serde(
        default,
        deserialize_with = "left_out",
        skip_serializing_if = "Option::is_none"
    )]
    pub checkpoint_backend: Option<CheckpointBackend>,
    /// How the process is restored; when left out, by the runtime handler of the target node, or from a checkpoint image
    /// where it has none and its runtime restores those.
    #[serde(
        default,
        deserialize_with = "left_out",
        skip_serializing_if = "Option::is_none"
    )]
    pub restore_backend: Option<RestoreBackend>,
    /// The move is undone when it has not committed after this many seconds (default 120).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 5, max = 3600))]
    pub deadline_seconds: Option<u32>,
    /// How long each hold may last, as Go writes a duration, such as `1500ms` or `2s`. A hold lasts from the moment at which the
    /// application is asked to wait to the moment at which an instance reads the queue again. Before the commit it is given back
    /// when this is spent, and the move is undone; nothing is committed that is not expected to keep it. Left out: the deadline
    /// alone bounds a hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), extend("x-kubernetes-validations" = a_duration()))]
    pub max_pause: Option<String>,
    /// The controller deletes this object so many seconds after its end, as it does with a Job; left out: it stays until a person or
    /// the controller's history limit (`--history-per-pod`) removes it. One that is under way or stuck is never deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 30, max = 31_536_000))]
    pub ttl_seconds_after_finished: Option<u32>,
    /// Only make the plan, and move nothing: the phase is `Planned` then, and `status.plan` and `status.outlook` say what a move
    /// would do. The controller deletes this object 10 minutes later, or after `ttlSecondsAfterFinished`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plan_only: bool,
    /// Of a plan (`planOnly`): also dump the process once for real and throw the dump away at once; `status.outlook.rehearsal` says
    /// what it cost. The process stands still meanwhile.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rehearse: bool,
    /// Set to true to undo a move that has not committed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel: bool,
    /// Set to true to give the memory up where it cannot be restored after the source has ended: the pod starts from its image.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub give_memory_up: bool,
    /// Registry repository for checkpoint images (transfer mode `Registry`), `host[:port]/path`.
    #[serde(
        default,
        deserialize_with = "left_out",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(max = 255))]
    pub checkpoint_image_repository: Option<String>,
    /// Secret in this namespace, of type `kubernetes.io/dockerconfigjson`, with the registry's user and password; its
    /// further key `ca.crt` may hold the authority of the registry's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = "^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$")
    )]
    pub checkpoint_image_secret_ref: Option<String>,
    /// Leave the checkpoint images in the registry. They hold the memory of the process, secrets included, and are
    /// deleted at the end otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_checkpoint_image: Option<bool>,
    /// Accepted for manifests of the reference system; has no effect, since nothing is cut off here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_cutoff_seconds: Option<i32>,
    /// Accepted for manifests of the reference system; has no effect.
    #[serde(
        default,
        deserialize_with = "left_out",
        skip_serializing_if = "Option::is_none"
    )]
    pub replay_mode: Option<ReplayMode>,
    /// Who ordered the move, as the API server says, cut to 256 characters. Written at admission; what a user writes here is not
    /// believed. Of a move that an eviction caused: who evicted the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub requested_by: Option<String>,
    /// Accepted for manifests of the reference system; a StatefulSet pod always keeps its name here.
    #[serde(
        default,
        deserialize_with = "left_out",
        skip_serializing_if = "Option::is_none"
    )]
    pub identity_swap_mode: Option<IdentitySwapMode>,
}

impl StatefulMigrationSpec {
    /// The strategy that the user wrote. One that admission wrote carries its reason.
    pub fn asked_strategy(&self) -> Option<MigrationStrategy> {
        self.migration_strategy.filter(|_| self.strategy_reason.is_none())
    }
}

/// Fields that cannot be changed: all but `cancel`, `giveMemoryUp` and `ttlSecondsAfterFinished`.
const FIXED: [&str; 22] = [
    "sourcePod",
    "targetNode",
    "containerName",
    "messageQueueConfig",
    "brokerSecretRef",
    "migrationStrategy",
    "strategyReason",
    "handoff",
    "transferMode",
    "checkpointBackend",
    "restoreBackend",
    "deadlineSeconds",
    "maxPause",
    "checkpointImageRepository",
    "checkpointImageSecretRef",
    "keepCheckpointImage",
    "replayCutoffSeconds",
    "replayMode",
    "identitySwapMode",
    "planOnly",
    "rehearse",
    "requestedBy",
];

/// One rule per field: each names what was changed. An API server refuses the same as a single rule over optional
/// values, since it cannot bound its cost. The API server holds to these rules by itself: `cancel` needs no webhook.
fn only_cancel_changes() -> serde_json::Value {
    let rule = |field: &&str| {
        serde_json::json!({
            "rule": format!(
                "has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
            ),
            "message": format!(
                "{field} cannot be changed, only cancel, giveMemoryUp and ttlSecondsAfterFinished can. Create another \
                 StatefulMigration instead"
            ),
        })
    };
    let stays_cancelled = serde_json::json!({
        "rule": "!has(oldSelf.cancel) || !oldSelf.cancel || (has(self.cancel) && self.cancel)",
        "message": "cancel cannot be taken back: the move is being undone. Create another StatefulMigration instead",
    });
    let stays_given_up = serde_json::json!({
        "rule": "!has(oldSelf.giveMemoryUp) || !oldSelf.giveMemoryUp || (has(self.giveMemoryUp) && self.giveMemoryUp)",
        "message": "giveMemoryUp cannot be taken back: the memory may be gone already",
    });
    FIXED
        .iter()
        .map(rule)
        .chain([stays_cancelled, stays_given_up])
        .collect()
}

/// The words of [`crate::max_pause::NotATime`], for those that write the object while the webhook is away.
fn a_duration() -> serde_json::Value {
    serde_json::json!([{
        "rule": "self.matches('^([0-9]+([.][0-9]+)?(h|ms|m|s))+$')",
        "message": "maxPause is not a time. Write one such as 1500ms, 2s or 1m30s, or leave it out",
    }])
}

/// Where the messages come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageQueueConfig {
    /// Primary queue; `{pod}` and `{ordinal}` are filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub queue_name: Option<String>,
    /// Broker URL with credentials; prefer `brokerSecretRef`, which keeps them out of this
    /// object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub broker_url: Option<String>,
    /// Of the reference system, without effect: the broker says which exchanges feed the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub exchange_name: Option<String>,
    /// Of the reference system, without effect: the broker knows the queue's bindings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub routing_key: Option<String>,
}

/// How the pod's owner is dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MigrationStrategy {
    /// A copy takes over before the source goes.
    ShadowPod,
    /// The source goes before the copy starts.
    Sequential,
}

/// What the source does while it is moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Handoff {
    /// It waits; no message is ever applied by two pods.
    #[default]
    Hold,
    /// It goes on with a copy of the stream, and that work is thrown away.
    Live,
}

/// How the archive gets from node to node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TransferMode {
    /// Agent to agent.
    #[default]
    Direct,
    /// Through an image registry.
    Registry,
}

/// How the process is restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RestoreBackend {
    /// The ordinary pod with RuntimeClass `shadow`.
    #[default]
    RuntimeClass,
    /// A checkpoint image, where the runtime restores those.
    Image,
}

/// Replay modes of the reference system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ReplayMode {
    /// Stop replaying after `replayCutoffSeconds`.
    Cutoff,
    /// Replay until the queue is empty.
    Drain,
}

/// Identity swap modes of the reference system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum IdentitySwapMode {
    /// No swap.
    None,
    /// Swap behind a fence of the exchange.
    ExchangeFence,
    /// Swap by cut-over.
    Cutover,
    /// The same, by its earlier name.
    Cutoff,
}
