//! The plan of a move: what its status says of it from the start, resolved once.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::migration::{MigrationStrategy, RestoreBackend, TransferMode};
use super::outlook::ForecastBasis;
use crate::premise::Told;
use crate::unfenced::{self, Unfenced};
use crate::wire::{CheckpointBackend, PodRef};

/// The resolved plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Strategy in force.
    pub strategy: MigrationStrategy,
    /// Why this strategy and this hold.
    pub because: String,
    /// The pod as it was found.
    pub source: PodRef,
    /// Container that is moved.
    pub container: String,
    /// Node it moves from.
    pub source_node: String,
    /// Node it moves to.
    pub target_node: String,
    /// What owns the pod; absent for a pod without an owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// The stream.
    pub queue: QueuePlan,
    /// How the process is dumped.
    pub checkpoint_backend: CheckpointBackend,
    /// How the archive gets to the target.
    #[serde(default)]
    pub transfer: TransferMode,
    /// How the process is restored.
    #[serde(default)]
    pub restore: RestoreBackend,
    /// Revision of its StatefulSet that the pod was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// What was weighed before the move, and how.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub premises: Vec<Told>,
    /// How long the source may stand still between its dump and the commit; absent where it goes on after its dump.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<FreezePlan>,
    /// The policies that allowed the move, as they were then: one that changes later changes nothing of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<JudgedBy>,
    /// How long each hold may last (`spec.maxPause`), and how long it is expected to; absent: as long as the deadline allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_pause: Option<PauseLimit>,
    /// Image that the container runs from, where a checkpoint image is restored upon it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<ImageOrigin>,
    /// Image that the copy has to run from; absent in a plan of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<SourceImage>,
}

/// A policy that allowed a move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JudgedBy {
    /// `MigrationPolicy` or `ClusterMigrationPolicy`.
    pub kind: PolicyKind,
    /// Its name.
    pub name: String,
    /// Labels of the nodes to which it let the pod be moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_nodes: Option<LabelSelector>,
}

impl fmt::Display for JudgedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self.name)
    }
}

/// Kinds of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum PolicyKind {
    /// Of a namespace.
    MigrationPolicy,
    /// Of the cluster.
    ClusterMigrationPolicy,
}

/// Image that the source runs from. The tag in its template may mean another one by now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceImage {
    /// As the pod's spec names it.
    pub named: String,
    /// As its node knows it (`containerStatuses[].imageID`).
    pub id: String,
    /// The same by the digest of its registry, which the copy's spec names; absent: no registry is known to have it, and the
    /// copy has to show the same `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<String>,
}

/// The freeze of a source that ends before its copy starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FreezePlan {
    /// The move is undone when the source has stood still for so long before the commit, milliseconds.
    pub limit_millis: u64,
    /// What sets this limit.
    pub bound: FreezeBound,
    /// How long the freeze is expected to last, milliseconds.
    pub forecast_millis: u64,
}

/// The limit of each hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PauseLimit {
    /// How long a hold may last, milliseconds.
    pub limit_millis: u64,
    /// What is expected of each handoff.
    pub holds: Vec<ExpectedHold>,
    /// On what that rests.
    pub basis: ForecastBasis,
    /// How many finished moves it rests on.
    #[serde(default)]
    pub moves: u32,
}

/// The expected hold of one handoff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExpectedHold {
    /// From 1.
    pub handoff: u8,
    /// How long it lasts, milliseconds; of two holds of a live handoff the longer one.
    pub millis: u64,
    /// What of it comes when everything but the commit is done, milliseconds.
    pub after_commit_millis: u64,
}

/// What sets the limit of a freeze.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FreezeBound {
    /// Kubelet restarts a container whose liveness probe fails too often.
    LivenessProbe,
    /// The broker closes a connection without a heartbeat.
    Heartbeat,
    /// `spec.deadlineSeconds`.
    Deadline,
}

/// Image of a container, so that any node finds it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageOrigin {
    /// As its pod names it.
    pub image: String,
    /// The same by digest.
    pub image_ref: String,
}

/// What owns a pod that can be moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// What it is.
    pub kind: OwnerKind,
    /// Name.
    pub name: String,
    /// UID.
    pub uid: String,
    /// Deployment that a ReplicaSet belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// Pods that it wanted when the plan was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
}

/// Owners whose pods can be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OwnerKind {
    /// Gives its pods names, and re-creates them under these.
    StatefulSet,
    /// Of a Deployment: counts its pods, whatever their names.
    ReplicaSet,
}

impl fmt::Display for OwnerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The stream, resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueuePlan {
    /// Primary queue.
    pub queue: String,
    /// Whether it is a quorum queue.
    pub quorum: bool,
    /// How deliveries are stopped.
    #[serde(default)]
    pub hold: HoldKind,
    /// Why no port can be put before the queue, so that an application that reads control messages only when it has
    /// nothing else to do cannot be helped; absent: one can.
    #[serde(default, rename = "noPort", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "unfenced::schema")]
    pub unfenced: Option<Unfenced>,
    /// Why a handoff is not known to be exact, and which policy allows it; absent: it is exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inexact: Option<String>,
    /// After how long the queue drops a message, milliseconds; absent: it keeps them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_millis: Option<u64>,
    /// Broker, virtual host and queue: what no other migration may touch meanwhile.
    #[serde(default)]
    pub stream: String,
    /// Secret with the broker's addresses and credentials, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// How deliveries to the present instance are stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HoldKind {
    /// Control messages ask the application to wait on another queue.
    #[default]
    Park,
    /// A consumer of ours with the highest priority, which takes no message, makes a single-active queue stop. The
    /// application knows nothing of it.
    SingleActive,
    /// As `Park`, but for the time of the dump only: the source goes on with a copy of the stream (`handoff: Live`).
    Exchange,
}
