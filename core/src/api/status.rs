//! What we report on a migration, and what the controller needs to go on after a crash: the truth lives here,
//! memory is a cache.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::outlook::{Outlook, Rehearsal};
use super::plan::Plan;
use crate::gone::Left;
use crate::names::Key;
use crate::reason::Reason;
use crate::waiting::Waiting;
use crate::wire::{Checkpointed, Transferred};
use crate::{doubt, premise};

/// Phases as users of the reference system know them, in the order in which a move passes through them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Not started.
    #[default]
    Pending,
    /// The source is parked and dumped.
    Checkpointing,
    /// The archive is on its way.
    Transferring,
    /// The copy is being restored.
    Restoring,
    /// The copy takes up the stream.
    Replaying,
    /// What is left of the move is removed.
    Finalizing,
    /// The move is undone: the source goes on, the copy goes.
    Undoing,
    /// The plan is made, and nothing is moved, as asked (`spec.planOnly`).
    Planned,
    /// Moved.
    Completed,
    /// Not moved; the source goes on.
    Failed,
    /// Not moved, as asked; the source goes on.
    Cancelled,
}

impl Phase {
    /// Whether nothing will change any more.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Planned | Self::Completed | Self::Failed | Self::Cancelled => true,
            Self::Pending
            | Self::Checkpointing
            | Self::Transferring
            | Self::Restoring
            | Self::Replaying
            | Self::Finalizing
            | Self::Undoing => false,
        }
    }
}

/// One step of the machine; each has its module in `core::machine::steps`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Step {
    /// The plan is made and everything it needs is checked; nothing is touched.
    Prepare,
    /// The target pod exists and its container creation waits for the archive.
    Stage,
    /// New messages go to a backlog queue, so that the primary queue becomes finite.
    Fence,
    /// Deliveries to the present instance have stopped at an exact boundary.
    Hold,
    /// The parked instance is dumped.
    Checkpoint,
    /// The dumped instance goes on with a copy of the stream while its own copy is made.
    Follow,
    /// The archive is on the target node, verified.
    Transfer,
    /// The copy runs and waits on the hold queue.
    Restore,
    /// The copy is the truth from here on.
    Commit,
    /// The old instance can never consume again.
    Exclude,
    /// The copy consumes the primary queue.
    Release,
    /// Services send requests to the copy, and the old pod is on its way out.
    Switch,
    /// The old instance is gone and so is the hold queue.
    Retire,
    /// Nothing of ours is left.
    Clean,
    /// The move is undone: the source goes on.
    Abandon,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// State of a migration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MigrationStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Phase for people.
    pub phase: Phase,
    /// The handoff that is under way, of how many: `1/2`, `2/2`; absent before and after them. Each passes through the phases from
    /// `Checkpointing` to `Replaying`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handoff: Option<String>,
    /// Node that the pod ran on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_node: Option<String>,
    /// For what it waits for its turn, and its place in line; absent once it has begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// What is going to happen, resolved once at the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// What a plan without a move says beside the plan (`spec.planOnly`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlook: Option<Outlook>,
    /// The effect that may be under way, written before it starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// One entry for each handoff that was begun; the last one is the present one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub legs: Vec<Leg>,
    /// The port that may stand before the primary queue, once it was wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fence: Option<Fence>,
    /// Why the move is being undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rollback>,
    /// Steps with their times.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepRecord>,
    /// `Progressing` while it is under way (reason `Waiting`: for what the message says) and `False` at the end. `Stuck` while a
    /// person has to decide, `False` otherwise, once there is a plan. At the end, not before: `Completed` (`False` when it was undone,
    /// refused or cancelled) and `Failed`, its opposite. A plan without a move ends with `Planned`, and with both of these `False`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// What can be said about the messages at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What a move left that ended since something that it needed was gone for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<Left>,
    /// When the controller first saw the migration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<MicroTime>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<MicroTime>,
    /// Longest time in which the state of the application did not go on, such as `412ms`: from the moment at which everything
    /// that was delivered was applied and nothing more came, to the moment at which the copy (of an undone move the source) was
    /// seen to read again. Of several handoffs and the way back from a backlog the longest one counts; the time in which the
    /// application still works off what it has does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<String>,
    /// What of the pause the application itself took to connect to the broker again, such as `50ms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconnect: Option<String>,
    /// Node that the pod moves to: that of the plan, before it that of the spec.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_node: Option<String>,
    /// For scripts of the reference system: how long each phase took that is over, such as `1.234s`, `412ms` or `1m0.5s`, in all
    /// handoffs together. Their sum is the time from `startTime` to `completionTime`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub phase_timings: BTreeMap<String, String>,
    /// For scripts of the reference system: the pod that was restored last. It is the pod that was moved, once it is `Completed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_pod: Option<String>,
    /// For scripts of the reference system: the pod that was re-created under the old name and restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement_pod: Option<String>,
    /// For scripts of the reference system: key of the last dump.
    #[serde(rename = "checkpointID", skip_serializing_if = "Option::is_none")]
    pub checkpoint_id: Option<String>,
    /// For scripts of the reference system: container that is moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_name: Option<String>,
    /// For scripts of the reference system: StatefulSet that the pod belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stateful_set_name: Option<String>,
    /// For scripts of the reference system: Deployment that the pod belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_name: Option<String>,
    /// For scripts of the reference system: pods that the StatefulSet wanted when the move began. It is never scaled here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_replicas: Option<i32>,
}

impl MigrationStatus {
    /// What came of the dump of a plan that was to be rehearsed.
    pub fn rehearsal(&self) -> Option<&Rehearsal> {
        self.outlook.as_ref()?.rehearsal.as_ref()
    }

    /// Whether nothing safe can be decided without a person.
    pub fn is_stuck(&self) -> bool {
        let mut conditions = self.conditions.iter();
        conditions.any(|condition| condition.type_ == "Stuck" && condition.status == "True")
    }
}

/// Queues beside the primary one that take new messages for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fence {
    /// Names the backlog queue and its mirror.
    pub key: Key,
    /// Backlog and mirror were bound together, empty: they get the same messages.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub twins: bool,
    /// The instance has worked off the backlog and does not read the primary queue yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drained: Option<MicroTime>,
    /// Longest time from there to the primary queue, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_return: Option<u64>,
}

impl Fence {
    /// One that was not put up yet.
    pub fn new(key: Key) -> Self {
        Self {
            key,
            twins: false,
            drained: None,
            longest_return: None,
        }
    }
}

/// The effect that may be under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// Step that it belongs to.
    pub step: Step,
    /// Handoff that it belongs to, 1 or 2; 0 before and after them.
    pub leg: u8,
    /// Key of everything that the step makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// When it was written.
    pub since: MicroTime,
}

/// A running instance of the application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// Pod name.
    pub pod: String,
    /// Pod UID, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Node.
    pub node: String,
    /// Restarts of the container when the handoff began: a change voids a hold.
    #[serde(default)]
    pub restarts: i32,
}

/// One handoff: the stream position moves from one instance to its copy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Leg {
    /// 1: source to shadow, 2: shadow to the re-created pod.
    pub number: u8,
    /// Attempt, from 0.
    pub attempt: u32,
    /// Key of everything that this attempt makes.
    pub key: Key,
    /// Instance that holds the stream.
    pub from: Instance,
    /// Instance that takes it over.
    pub to: Instance,
    /// START_REPLAY may have been sent, or our consumer attached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub park_sent: Option<MicroTime>,
    /// Connections to the broker when START_REPLAY was first sent, or may have been; losing one before the hold is proven
    /// weakens the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<Witness>,
    /// Everything that was delivered was seen to be applied, and nothing more came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<MicroTime>,
    /// The hold was proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<MicroTime>,
    /// The dump.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpointed>,
    /// The dumped instance has stood still since then, on a route on which it does until the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<MicroTime>,
    /// Its node has promised to leave it so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promised: Option<MicroTime>,
    /// It was seen to go on again: its archive is void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thawed: Option<MicroTime>,
    /// The transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<Transferred>,
    /// The registry deleted the checkpoint image that the copy was restored from: no pod is restored from it a second time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_withdrawn: Option<MicroTime>,
    /// Why the registry keeps it, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_kept: Option<String>,
    /// Time that the runtime's restore took, microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_micros: Option<u64>,
    /// The copy's process was first seen to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<MicroTime>,
    /// Its application was first seen to have a connection to the broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected: Option<MicroTime>,
    /// Restores of this handoff that failed and were asked for once more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub restores_failed: u32,
    /// The point of no return of this handoff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed: Option<MicroTime>,
    /// END_REPLAY was last sent, or our consumer detached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpark_sent: Option<MicroTime>,
    /// END_REPLAY was sent to the copy for the first time; an application that does not follow is waited for from then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpark_first_sent: Option<MicroTime>,
    /// The last queue of a fenced stream that the instance which takes it up, or goes on, was told to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
    /// The dumped instance was seen to go on with a copy of the stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub followed: Option<MicroTime>,
    /// The copy was seen on the primary queue, or on what is older than it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<MicroTime>,
    /// The handoff was undone, and the instance was seen to read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<MicroTime>,
    /// The node said that no process of the old instance's container is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<MicroTime>,
}

/// Queue that an instance is told to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Reading {
    /// Its own (END_REPLAY).
    Primary,
    /// What came since the fence (START_REPLAY).
    Backlog,
    /// The same messages, for a source that goes on.
    Mirror,
}

/// A control message to the instance that reads a fenced stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// What it was told to read.
    pub reading: Reading,
    /// When.
    pub at: MicroTime,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Connections to the broker at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Witness {
    /// That over which the application consumes, as the broker names it; absent when the broker did not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// The queue that the application consumed; absent when it consumed none at that moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// The controller's own.
    pub session: String,
}

/// Why a move is undone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rollback {
    /// Short, stable, CamelCase.
    #[schemars(with = "String")]
    pub reason: Reason,
    /// What happened and what to do, for a person.
    pub message: String,
    /// Whether the handoff is tried again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// When it was decided.
    pub since: MicroTime,
}

/// Times of one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepRecord {
    /// Step.
    pub step: Step,
    /// Handoff, 1 or 2; 0 before and after them.
    pub leg: u8,
    /// Phase that it belongs to.
    #[serde(default)]
    pub phase: Phase,
    /// When it began.
    pub started: MicroTime,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<MicroTime>,
    /// What it found or did, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What can be said about the messages at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Whether every handoff was proven exact.
    pub exact: bool,
    /// On what this rests, or what weakens it.
    pub because: String,
    /// What weakens it, one entry each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<doubt::Told>,
    /// What was weighed before the move, and how.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub premises: Vec<premise::Told>,
    /// Holds that lasted longer than `spec.maxPause` allows, since they were committed already. They weaken nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub long_holds: Vec<LongHold>,
}

/// A hold that lasted longer than it was to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LongHold {
    /// Handoff, 1 or 2.
    pub handoff: u8,
    /// How long it lasted, milliseconds.
    pub held_millis: u64,
    /// How long it was allowed to, milliseconds.
    pub limit_millis: u64,
    /// The same for a person.
    pub message: String,
}
