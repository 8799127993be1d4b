//! Why something is refused, undone or stuck: short, stable words for conditions, Events, scripts and decisions.
//!
//! The sentence for people stands beside the reason (`Cause`, `Problem`, conditions). No decision reads that sentence.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Reasons of every part; in status, conditions and on the wire as the name of the variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Reason {
    // Before anything is touched.
    /// The migration cannot be what its spec says.
    Refused,
    /// Its pod or its queue is being moved by another migration.
    AlreadyMoving,
    /// The consumer acknowledges automatically.
    AutomaticAcknowledgement,
    /// The broker's user lacks permissions.
    BrokerPermissions,
    /// CRIU cannot dump a process of the pod.
    CannotBeDumped,
    /// The stream cannot be copied for a source that goes on.
    CannotGoLive,
    /// Others read the pod's control queue.
    ControlQueueShared,
    /// The consumer lets nobody else consume the queue.
    ExclusiveConsumer,
    /// Something that has to be seen before a move cannot be seen.
    NotKnown,
    /// The source would have to stand still for longer than its probes or its broker allow, or than a rehearsal may.
    FreezeTooLong,
    /// A hold is expected to last longer than `spec.maxPause` allows, or did so before its commit.
    PauseTooLong,
    /// The handoff is not known to be exact, and no policy allows that.
    InexactHandoff,
    /// The application does not listen for control messages.
    NoControlQueue,
    /// A policy cannot be read.
    PolicyUnreadable,
    /// A policy does not allow what the move is.
    RefusedByPolicy,
    /// The queue does not exist.
    QueueUnknown,
    /// The queue does not have exactly one consumer.
    UnexpectedConsumers,

    // Before the commit.
    /// The user asked for it.
    Cancelled,
    /// Not committed in time.
    DeadlineExceeded,
    /// The source is not what it was.
    SourceChanged,
    /// The target pod does not start or ended.
    TargetRejected,
    /// The target pod was not ready in time.
    TargetNotReady,
    /// A pod of the target's name exists.
    NameTaken,
    /// The webhook did not rewrite a dry-run copy.
    WebhookNotInForce,
    /// Messages of an earlier handoff still wait.
    BacklogUnread,
    /// What waited was not worked off in time.
    NotWorkedOff,
    /// The application does not read its control queue.
    ControlUnread,
    /// The application was not parked in time.
    NotParked,
    /// Not everything was acknowledged in time.
    NotSettled,
    /// The application's consumer ended during the hold.
    ConsumerEnded,
    /// The hold on a single-active queue was lost.
    HoldLost,
    /// The dump did not end in time.
    CheckpointTimeout,
    /// The record of the dump is gone.
    CheckpointMissing,
    /// The source went on after its dump.
    Thawed,
    /// The source did not go on with a copy of the stream.
    NotFollowed,
    /// The transfer did not end in time.
    TransferTimeout,
    /// The restore failed.
    RestoreFailed,
    /// The restore did not end in time.
    RestoreTimeout,
    /// The registry keeps the checkpoint image.
    ImageStays,
    /// The copy's process ended by itself after its restore.
    CopyEnded,
    /// Something that the verdict rests on was seen before the hold and is no longer so.
    PremiseBroken,
    /// The copy does not run from the image that the source runs from.
    ImageDiffers,
    /// The copy is not on its queue any more.
    CopyLost,
    /// The last look before the commit did not succeed in time.
    CommitTimeout,
    /// A consumer appeared on the queue while it was held.
    UnexpectedConsumer,
    /// The queue was deleted while it was held.
    QueueGone,

    // Stuck.
    /// The status was changed by another program or person.
    StatusUnreadable,
    /// The second handoff failed as often as it is tried.
    SecondHandoffFails,
    /// A restore after the source has gone failed as often as it is tried.
    RestoreFails,
    /// The StatefulSet does not make the pod anew.
    NotMadeAnew,
    /// No node takes the pod that was made anew.
    NoPlace,
    /// Something that the move waits for does not come.
    WaitsForLong,
    /// Something that the move needs is gone for good.
    GoneForGood,
    /// The controller died twice while it drove this migration.
    SetAside,

    // What the controller meets.
    /// The API server refused a request.
    ApiServerRefused,
    /// The API server does not answer.
    ApiServer,
    /// The broker does not answer.
    BrokerUnreachable,
    /// Something took too long and was left.
    TooLong,
    /// The privileged part of an agent carries out as much as it can.
    HelperBusy,
    /// The broker refused.
    BrokerRefused,
    /// The administrator of the cluster does not let the broker be dialled.
    BrokerNotAllowed,
    /// The Secret of the broker cannot be used.
    BrokerSecret,
    /// A migration object was removed by hand and its fence is still up.
    LeftFenced,
    /// No agent answers on a node.
    AgentUnreachable,
    /// An agent answered something that is no answer.
    AgentAnswer,
    /// An agent does not know the request; it is of an earlier version.
    NoSuchRequest,
    /// The repository of checkpoint images is missing or malformed.
    RegistryRepository,
    /// The registry's Secret cannot be used.
    RegistrySecret,
    /// The rule that rewrites the re-created pod is not in force.
    RuleNotInForce,
    /// An object is not what the API promises.
    Malformed,

    // What an agent meets.
    /// The caller may not.
    Forbidden,
    /// The key is not known on this node.
    UnknownKey,
    /// The key is announced for another pod.
    AnnouncedOtherwise,
    /// The key was not announced on this node.
    NotAnnounced,
    /// The container is not what was asked for.
    ContainerNotAsAsked,
    /// There is no such container.
    NoContainer,
    /// The pod is not being deleted.
    NotBeingDeleted,
    /// The disk for archives is full.
    DiskFull,
    /// The dump failed.
    DumpFailed,
    /// The node's helper does not answer.
    HelperUnavailable,
    /// A root operation on the node failed.
    NodeFailed,
    /// Kubelet refused the checkpoint.
    KubeletRefused,
    /// The archive is not the one that was dumped.
    DigestMismatch,
    /// The archive is not one.
    ArchiveRefused,
    /// The request for a fetch is malformed.
    BadFetch,
    /// The source's agent refused the fetch.
    SourceRefused,
    /// The transfer broke off.
    TransferFailed,
    /// The checkpoint image is not one of ours.
    BadImage,
    /// The registry does not answer.
    RegistryUnavailable,
    /// The registry is not one of those that the operator allows.
    RegistryNotAllowed,
    /// The registry refused.
    RegistryRefused,
    /// The agent's API server does not answer.
    ApiUnavailable,
    /// The agent is stopping.
    Stopping,
    /// The agent's own trouble.
    Internal,

    /// A reason of a newer version.
    #[serde(other)]
    Other,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_written_as_its_name_and_a_newer_one_is_other() {
        assert_eq!(serde_json::to_value(Reason::DiskFull).unwrap(), "DiskFull");
        assert_eq!(Reason::DiskFull.to_string(), "DiskFull");
        let newer: Reason = serde_json::from_str("\"OfNextYear\"").unwrap();
        assert_eq!(newer, Reason::Other);
    }
}
