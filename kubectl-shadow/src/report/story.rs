//! The story of one move, as data. Its JSON is described in docs/report.md: what stands there under a name keeps its meaning.
//!
//! Times within the move are seconds since its beginning, with three decimals; moments are RFC 3339, UTC.

use jiff::Timestamp;
use serde::Serialize;
use shadow_core::api::progress::Depth;
use shadow_core::api::{HoldKind, RestoreBackend, TransferMode};

/// The shape of the JSON. A change that breaks readers takes another number.
pub const FORMAT: u32 = 1;

/// Everything that is known of one move.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Story {
    /// [`FORMAT`].
    pub shadow_report: u32,
    /// Version of the plugin that made the report.
    pub plugin: String,
    /// Where it was seen.
    pub seen: Origin,
    /// Namespace and name of the migration.
    pub migration: String,
    /// Its UID; absent in a recording that lacks it.
    pub uid: Option<String>,
    /// The pod that was to be moved.
    pub pod: String,
    /// The node that it ran on, once known.
    pub from: Option<String>,
    /// The node that it was to be moved to, once known.
    pub to: Option<String>,
    /// What was going to happen; absent before there was a plan, and of a move that was refused.
    pub plan: Option<Planned>,
    /// How it ended, or what goes on.
    pub outcome: Outcome,
    /// When the controller first saw it.
    pub begun: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// From the one to the other.
    pub total_seconds: Option<f64>,
    /// What was expected of it.
    pub forecast: Option<Expected>,
    /// The steps, in their order.
    pub steps: Vec<Step>,
    /// The handoffs, one entry for each attempt.
    pub handoffs: Vec<Handoff>,
    /// What is known of the messages.
    pub messages: Messages,
    /// Why it was undone.
    pub undone: Option<Undone>,
    /// What can be said of the messages.
    pub verdict: Option<Verdict>,
    /// On what the verdict rests.
    pub premises: Vec<Premise>,
    /// Conditions of the status.
    pub conditions: Vec<Condition>,
    /// Events of Kubernetes, oldest first.
    pub events: Vec<Told>,
    /// What of the move is left in cluster, broker or registry; one sentence each.
    pub left: Vec<String>,
    /// What this report could not see; one sentence each.
    pub unseen: Vec<String>,
}

/// Where a move was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// A recording or the cluster.
    pub kind: OriginKind,
    /// Name of the file, or the context of the kubeconfig.
    pub name: String,
    /// When the last of it was seen.
    pub at: Option<Timestamp>,
    /// It was made up for a test.
    pub invented: bool,
}

/// A recording or the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum OriginKind {
    /// The objects as the API server has them now.
    Cluster,
    /// A file that `--record` wrote.
    Recording,
}

/// What was going to happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// Container that is moved.
    pub container: String,
    /// Kind and name of the owner.
    pub owner: Option<String>,
    /// `ShadowPod` or `Sequential`.
    pub strategy: String,
    /// `Twice`, `Adopted`, `Once` or `InPlace`.
    pub route: String,
    /// Why this strategy and this hold.
    pub because: String,
    /// The queue.
    pub queue: String,
    /// `quorum` or `classic`.
    pub queue_kind: String,
    /// How deliveries were stopped.
    pub hold: HoldKind,
    /// How the archive got to the target.
    pub transfer: TransferMode,
    /// How the process was restored.
    pub restore: RestoreBackend,
}

/// How it ended, or what goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The word of the live view.
    pub state: String,
    /// What that word means.
    pub meaning: String,
    /// The phase of the status.
    pub phase: String,
    /// The short reason of the end.
    pub reason: Option<String>,
    /// The last lines that `migrate` printed; of a move that goes on, what it does.
    pub sentences: Vec<String>,
    /// What `migrate` exits with; absent while the move goes on.
    pub exit_code: Option<u8>,
}

/// What was expected of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Expected {
    /// All of it.
    pub total_seconds: f64,
    /// The longest pause.
    pub pause_seconds: f64,
    /// On what the forecast rests.
    pub basis: String,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Its name.
    pub step: String,
    /// Its handoff; 0 before and after them.
    pub handoff: u8,
    /// `over`, `now` or `coming`.
    pub stage: &'static str,
    /// Seconds from the beginning of the move to that of the step.
    pub began: Option<f64>,
    /// How long it took, or takes already.
    pub took_seconds: Option<f64>,
    /// How long it was expected to take.
    pub expected_seconds: Option<f64>,
    /// For how long it froze the process.
    pub frozen_seconds: Option<f64>,
    /// What it found or did.
    pub note: Option<String>,
}

/// One attempt of one handoff.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Handoff {
    /// From 1.
    pub number: u8,
    /// From 0.
    pub attempt: u32,
    /// The instance that had the stream.
    pub from: Instance,
    /// Its copy.
    pub to: Instance,
    /// The longest time in which no instance consumed.
    pub pause_seconds: Option<f64>,
    /// Size of the archive.
    pub archive_bytes: Option<u64>,
    /// Bytes on the wire.
    pub wire_bytes: Option<u64>,
    /// How long the process stood still for its dump.
    pub frozen_seconds: Option<f64>,
    /// How long the runtime's restore took.
    pub restore_seconds: Option<f64>,
    /// Restores that failed and were tried again.
    pub restores_failed: u32,
    /// What happened to the stream, in the order of time.
    pub marks: Vec<Mark>,
}

/// One running process of the application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// Pod.
    pub pod: String,
    /// Node.
    pub node: String,
    /// UID of the pod, once known.
    pub uid: Option<String>,
}

/// Something that happened to the stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    /// Seconds since the beginning.
    pub at: f64,
    /// What.
    pub what: &'static str,
}

/// What is known of the messages. How many were applied is known to the application alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Messages {
    /// The longest pause, as the status counts it.
    pub pause: Option<String>,
    /// What of it the application took to connect to the broker again.
    pub reconnect: Option<String>,
    /// The most messages that were seen to wait in the primary queue.
    pub most_waiting: Option<u64>,
    /// New messages were kept in a backlog queue for a while.
    pub fenced: bool,
    /// What the controller saw of the queues, oldest first.
    pub looks: Vec<Look>,
}

/// One look at the queues.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Look {
    /// Seconds since the beginning.
    pub at: f64,
    /// The application's own queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<Depth>,
    /// The hold queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Depth>,
    /// The backlog queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backlog: Option<Depth>,
    /// The mirror queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Depth>,
}

/// Why it was undone.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Undone {
    /// Seconds since the beginning.
    pub at: Option<f64>,
    /// Short word.
    pub reason: String,
    /// What happened and what to do.
    pub message: String,
    /// The handoff was tried again.
    pub again: bool,
}

/// What can be said of the messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Every handoff was proven exact.
    pub exact: bool,
    /// On what this rests, or what weakens it.
    pub because: String,
    /// What weakens it.
    pub doubts: Vec<Doubt>,
    /// Holds that lasted longer than `spec.maxPause` allows, though they were committed in time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub long_holds: Vec<String>,
}

/// What weakens a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Doubt {
    /// Short word.
    pub reason: String,
    /// What was seen.
    pub message: String,
}

/// Something that an exact verdict rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Premise {
    /// Its name in the status.
    pub premise: String,
    /// The same as a sentence.
    pub sentence: String,
    /// `note`, `seen`, `NOT SO` or `NOT KNOWN`.
    pub weighed: &'static str,
    /// What was seen.
    pub what: String,
    /// Where it was seen.
    pub source: String,
}

/// A condition of the status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Its name.
    pub name: String,
    /// `True` or `False`.
    pub status: String,
    /// Short word.
    pub reason: String,
    /// Sentence.
    pub message: String,
}

/// An Event of Kubernetes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// Seconds since the beginning.
    pub at: Option<f64>,
    /// Short word.
    pub reason: String,
    /// Sentence.
    pub note: String,
    /// It is not as wanted.
    pub warns: bool,
}
