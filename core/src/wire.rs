//! Messages between controller and agents: JSON over HTTPS with mutual TLS on [`crate::names::AGENT_PORT`].
//!
//! Every request carries the restore [key](crate::names::Key) and is idempotent under it: asked twice, it is done once and the
//! second answer tells what the first did. An agent derives every path from the key itself.
//!
//! | request | body → answer | caller |
//! |---|---|---|
//! | `GET /v1/node` | → [`NodeFacts`] | controller |
//! | `GET /v1/room` | → bytes that an archive may take on the node | controller |
//! | `POST /v1/preflight` | [`PreflightRequest`] → [`Preflight`]; needs no key, changes nothing | controller |
//! | `PUT /v1/keys/{key}` | [`Announcement`] → [`KeyReport`]; announced again, a failed restore may be tried once more | controller |
//! | `GET /v1/keys/{key}` | → [`KeyReport`] (404 when unknown) | controller |
//! | `POST /v1/keys/{key}/checkpoint` | [`CheckpointRequest`] → [`Checkpointed`] | controller |
//! | `POST /v1/keys/{key}/rehearse` | [`RehearseRequest`] → [`Rehearsed`]; one dump, of which nothing is left | controller |
//! | `POST /v1/keys/{key}/fetch` | [`FetchRequest`] → [`Transferred`] | controller |
//! | `POST /v1/keys/{key}/push` | [`PushRequest`] → [`Pushed`] | controller |
//! | `POST /v1/keys/{key}/pull` | [`PullRequest`] → [`Transferred`] | controller |
//! | `POST /v1/keys/{key}/discard` | [`DiscardRequest`] → [`Discarded`]; the key need not be known here | controller |
//! | `POST /v1/keys/{key}/abort` | [`Abort`] → [`KeyReport`] | controller |
//! | `POST /v1/keys/{key}/freeze` | [`FreezeRequest`] → [`Frozen`]; of a container that stays frozen after its dump | controller |
//! | `POST /v1/keys/{key}/kill` | [`KillRequest`] → [`Ending`] | controller |
//! | `GET /v1/keys/{key}/connections/{port}` | → number of established connections of the restored container to this port | controller |
//! | `DELETE /v1/keys/{key}` | → empty; archive and state are gone, restarts of the container start fresh | controller |
//! | `GET /v1/keys/{key}/archive` | → stream: zstd over tar | other agents |
//!
//! Errors are [`Problem`] with a 4xx (will not work again) or 5xx (may work again) status.

mod image;

use std::fmt;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::reason::Reason;

pub use image::{DiscardRequest, Discarded, Login, PullRequest, PushRequest, Pushed, RegistryAccess};

/// A pod, and which incarnation of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodRef {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// UID of this incarnation.
    pub uid: String,
}

/// Tells an agent that a container restored under this key is going to be created on its node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    /// Namespace of migration and pod.
    pub namespace: String,
    /// Name of the StatefulMigration.
    pub migration: String,
    /// Pod that may claim the key.
    pub pod: String,
    /// Container in it that is restored.
    pub container: String,
}

/// How a process is dumped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CheckpointBackend {
    /// The node helper asks the OCI runtime: short freeze.
    #[default]
    Runtime,
    /// The agent asks its kubelet (`nodes/checkpoint`): no runtime access needed, longer freeze.
    Kubelet,
}

/// Asks whether a running container can be dumped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreflightRequest {
    /// Pod that runs on the agent's node.
    pub pod: PodRef,
    /// Container that is to be dumped.
    pub container: String,
    /// Also say how much its writable layer holds, which takes a look at each of its files.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub layer: bool,
}

/// What would be in the way of a dump, and what it would take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preflight {
    /// One sentence each: which process, what CRIU cannot dump, and the way out.
    pub obstacles: Vec<String>,
    /// Memory of its processes that a dump has to hold.
    pub memory_bytes: u64,
    /// Bytes of its writable layer, where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer_bytes: Option<u64>,
    /// Its processes that run as another user or group than CRIU, which is root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_root: Vec<NotRoot>,
    /// Established TCP connections that its pod has made; absent when there are too many to name, and from agents of an
    /// earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peers: Option<Vec<Peer>>,
}

/// A process of another user or group than root, as its node sees both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotRoot {
    /// Number and name, as its container sees them.
    pub process: String,
    /// Real, effective or saved user, the first that is not root; else root.
    pub user: u32,
    /// The same of the group.
    pub group: u32,
}

/// A connection of a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Peer {
    /// Port of the pod.
    pub local: u16,
    /// Address of the other side, as the pod sees it.
    pub address: IpAddr,
    /// Port of the other side.
    pub port: u16,
}

/// Asks for a checkpoint of a running container; the container goes on running, unless it is to stay frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointRequest {
    /// Pod that runs on the agent's node.
    pub pod: PodRef,
    /// Container to dump.
    pub container: String,
    /// Back-end to use.
    pub backend: CheckpointBackend,
    /// Node whose agent may fetch the archive; nobody may if it is not named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The container stays frozen after the dump, at most for so long, milliseconds; absent: it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stay_frozen_millis: Option<u64>,
}

/// Asks for one dump of a running container that is thrown away at once; the container goes on. Its archive cannot be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RehearseRequest {
    /// Pod that runs on the agent's node.
    pub pod: PodRef,
    /// Container to dump.
    pub container: String,
}

/// What a dump cost that was thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rehearsed {
    /// Size of all files of the archive, bytes, uncompressed.
    pub bytes: u64,
    /// How long the process stood still, microseconds.
    pub frozen_micros: u64,
    /// From the request to the moment at which the archive was gone, microseconds.
    pub total_micros: u64,
}

/// What is wanted of a container that stays frozen after its dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FreezeOrder {
    /// It stays frozen: the node would let it go on 30 s after it last heard of its controller.
    Keep,
    /// It stays frozen until the node is told otherwise, or reads in the migration that the move is undone. A commit rests
    /// on this promise.
    Promise,
    /// It goes on.
    Thaw,
}

/// Tells the source's agent about a frozen container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FreezeRequest {
    /// What is wanted.
    pub order: FreezeOrder,
}

/// How a container is that was to stay frozen after its dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Frozen {
    /// Frozen since its dump, until its time is over.
    Held,
    /// Frozen since its dump; the node has promised to leave it so.
    Promised,
    /// It went on since, or it has ended: its archive is void.
    Thawed,
}

/// What a checkpoint holds and what it cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Checkpointed {
    /// SHA-256 over the archive's manifest (each file's path, size and SHA-256), lower-case hex.
    pub digest: String,
    /// Size of all files, bytes, uncompressed.
    pub bytes: u64,
    /// How long the process stood still, microseconds, as far as the back-end can tell.
    pub frozen_micros: u64,
    /// The whole dump including the rw layer, microseconds.
    pub total_micros: u64,
}

/// Asks the target's agent to pull an archive from the source's agent and to unpack and verify it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchRequest {
    /// Node that holds the archive; the peer's certificate must name it. May be the agent's own node.
    pub node: String,
    /// Address of that node's agent, `ip:port`.
    pub address: String,
    /// Expected digest, from [`Checkpointed::digest`].
    pub digest: String,
    /// Expected size, from [`Checkpointed::bytes`]; a stream that unpacks to more is refused.
    pub bytes: u64,
}

/// What a transfer cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Transferred {
    /// Bytes on the wire (compressed); 0 when source and target are the same node.
    pub wire_bytes: u64,
    /// From request to verified, microseconds.
    pub total_micros: u64,
}

/// Ends a waiting claim: the container's creation fails at once with this reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Abort {
    /// For the pod's events.
    pub reason: String,
}

/// Kills one container of a pod that is being deleted and restarts no more (its end, hurried), but only when nobody
/// talks to it any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KillRequest {
    /// Pod on the agent's node; refused unless it is being deleted.
    pub pod: PodRef,
    /// Container to kill.
    pub container: String,
    /// Nothing came in to its network for so long, milliseconds.
    pub quiet_millis: u64,
}

/// What became of a [`KillRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ending {
    /// None of its processes is left: it was killed, or had ended before.
    Ended,
    /// Somebody still talks to it; it was left alone. Ask again, or let its grace period end it.
    InUse,
}

/// What the agent knows of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyReport {
    /// Whether a container has asked for this key.
    pub claim: Claim,
    /// Whether the archive is here.
    pub archive: Archive,
    /// How far the work is that goes on at this moment, for people who watch; absent when none does, and from agents of an
    /// earlier version. No decision rests on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Work>,
}

/// Work on an archive: it is dumped, sent to a registry, or received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Work {
    /// Bytes of its files that are done, uncompressed.
    pub bytes: u64,
    /// Of so many; absent while it is not known, as during a dump.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    /// The container has stood still for its dump for so long, milliseconds; absent while it runs, and where the back-end does not
    /// tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frozen_millis: Option<u64>,
}

/// State of the one claim a key may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "state")]
pub enum Claim {
    /// Nobody asked yet.
    None,
    /// The creation of the container waits for the archive.
    Waiting {
        /// UID of the pod whose container waits.
        pod_uid: String,
    },
    /// The archive was handed to the runtime; the restore runs.
    Taken {
        /// UID of the pod.
        pod_uid: String,
    },
    /// The container was restored and runs.
    Restored {
        /// UID of the pod.
        pod_uid: String,
        /// Time that the runtime's restore took, microseconds.
        micros: u64,
    },
    /// The restore failed; nothing runs.
    Failed {
        /// UID of the pod.
        pod_uid: String,
        /// Tail of the runtime's and CRIU's messages.
        reason: String,
    },
    /// Answered "no" on the controller's request.
    Aborted,
}

/// State of the archive on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Archive {
    /// Not here.
    Absent,
    /// Being written or fetched.
    Incomplete,
    /// Complete and verified.
    Complete,
}

/// Versions and features of a node, compared before anything is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeFacts {
    /// Version of the agent.
    pub agent: String,
    /// Machine architecture, as `uname -m` prints it.
    pub architecture: String,
    /// Kernel release.
    pub kernel: String,
    /// CRIU version.
    pub criu: String,
    /// OCI runtime and version.
    pub runtime: String,
    /// SHA-256 of the sorted CPU feature flags, lower-case hex.
    pub cpu_features: String,
    /// Whether the runtime handler is installed and answers.
    pub handler: bool,
    /// Capabilities that CRIU uses and cannot have on this node, as `man 7 capabilities` calls them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
    /// How it keeps cgroups; an earlier agent does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroups: Option<Cgroups>,
}

/// The two kinds of cgroups that Linux has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cgroups {
    /// A hierarchy for each controller, alone or beside one of v2.
    V1,
    /// One hierarchy.
    V2,
}

impl fmt::Display for Cgroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "cgroup v1",
            Self::V2 => "cgroup v2",
        })
    }
}

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{message}")]
pub struct Problem {
    /// Why.
    pub reason: Reason,
    /// What happened and what to do, for a person.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_of_an_earlier_agent_tells_of_no_work_and_an_earlier_reader_passes_over_it() {
        let earlier = json!({"claim": {"state": "none"}, "archive": "incomplete"});
        let report: KeyReport = serde_json::from_value(earlier.clone()).unwrap();
        assert_eq!(report.work, None);
        assert_eq!(serde_json::to_value(&report).unwrap(), earlier);

        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Earlier {
            claim: Claim,
            archive: Archive,
        }
        let work = Some(Work {
            bytes: 7,
            of: Some(9),
            frozen_millis: None,
        });
        let told = serde_json::to_value(KeyReport { work, ..report }).unwrap();
        assert_eq!(told["work"], json!({"bytes": 7, "of": 9}));
        let read: Earlier = serde_json::from_value(told).unwrap();
        assert_eq!((read.claim, read.archive), (Claim::None, Archive::Incomplete));
    }

    #[test]
    fn work_of_a_later_agent_is_read_as_far_as_it_is_known() {
        let later =
            json!({"claim": {"state": "none"}, "archive": "absent", "work": {"bytes": 1, "lanes": 3}});
        let report: KeyReport = serde_json::from_value(later).unwrap();
        assert_eq!(report.work.unwrap().bytes, 1);
    }
}
