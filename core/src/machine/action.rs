//! Effects as data. Each is idempotent: it carries the key, a UID or a name that only this attempt uses, so that
//! done twice it is done once.

use k8s_openapi::jiff::SignedDuration;

use crate::api::{Reading, Witness};
use crate::doubt::Doubt;
use crate::machine::port::PortChange;
use crate::machine::proof::{Dead, Emptied, Expendable, Orphaned};
use crate::names::Key;
use crate::wire::{Checkpointed, PodRef, Transferred};

/// Something to do in the cluster, in the broker or on a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Tell the target's agent that `pod` is going to claim `key`.
    Announce {
        /// Key.
        key: Key,
        /// Pod that may claim it.
        pod: String,
    },
    /// Put the rule in place that sends the re-created pod to the webhook.
    InstallRule,
    /// Show by a dry run that the rule is in force.
    ProveRule,
    /// Create the pod that takes over in the first handoff.
    CreateTarget,
    /// Make the target one of its ReplicaSet's pods, and the source the one that it gives up.
    Adopt {
        /// The source.
        from: PodRef,
        /// The target.
        to: PodRef,
    },
    /// Let a key be claimed once more, after its restore failed.
    RetryRestore {
        /// Key.
        key: Key,
        /// Pod that may claim it.
        pod: String,
    },
    /// Declare the hold queue and ask the instance in `pod` to wait on it.
    Park {
        /// Pod of the instance.
        pod: String,
    },
    /// Ask the instance in `pod` to go back to its primary queue.
    Unpark {
        /// Pod of the instance.
        pod: String,
    },
    /// Attach our consumer to a single-active queue, which then delivers nothing to the instance in `pod`.
    AttachLink {
        /// Pod of the instance.
        pod: String,
    },
    /// Detach it: the queue serves whoever is next in line.
    DetachLink,
    /// Make one change of the port before the primary queue, or of the queues beside it.
    Port {
        /// The change.
        change: PortChange,
        /// Which of the queues beside the primary one is read: the backlog or its mirror.
        served: Reading,
    },
    /// Tell the instance in `pod` to read a queue of a stream that was fenced, if that is still the next one when the
    /// flow has settled.
    Tell {
        /// Pod of the instance.
        pod: String,
        /// What it is to read.
        reading: Reading,
        /// Which of the queues beside the primary one it reads.
        served: Reading,
    },
    /// Write a doubt about exactness into the verdict.
    Doubt(Doubt),
    /// Take back control messages that nobody reads.
    WithdrawControl {
        /// Pod whose control queue is meant.
        pod: String,
    },
    /// Dump the parked instance.
    Checkpoint {
        /// The instance.
        pod: PodRef,
    },
    /// Have the source's node promise that the dumped instance stays frozen.
    Promise,
    /// Let a dumped instance go on that stayed frozen.
    Thaw,
    /// Bring the archive to the target node; for a restore by image, to the registry, and name it to the target pod.
    Fetch {
        /// What was dumped.
        checkpoint: Checkpointed,
    },
    /// Delete the checkpoint image from the registry: the copy has been restored from it, and nobody may be again.
    WithdrawImage,
    /// Delete a pod that is not needed any more, in the ordinary way.
    DeletePod(Expendable),
    /// Hurry the end of a pod that is deleted and restarts no more.
    Kill {
        /// The pod.
        pod: Expendable,
        /// For so long nothing has to have come in to it before; at once if none.
        quiet: SignedDuration,
    },
    /// Remove the API object of a pod that has no process any more, without waiting for kubelet's own clean-up.
    DropPod(Dead),
    /// Delete a hold queue.
    DropHold(Emptied),
    /// Delete the control queue of a pod that is gone, with whatever stale messages it holds.
    DropControl {
        /// Pod that is gone.
        pod: String,
    },
    /// The same with consumers on it, who are refused it by that.
    RefuseControl(Orphaned),
    /// Answer "no" to a waiting claim.
    AbortKey {
        /// For the pod's events.
        reason: String,
    },
    /// Remove the rule.
    RemoveRule,
    /// Remove archives and state of all keys from both nodes.
    ForgetKeys,
}

/// What an effect brought to light.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Done; the next look shows it.
    Done,
    /// Nobody knows whether START_REPLAY was sent: from now on it matters whether the connections live.
    ParkUnsure(Witness),
    /// START_REPLAY was sent, or our consumer is attached.
    ParkSent(Witness),
    /// END_REPLAY was sent, or our consumer is detached.
    UnparkSent,
    /// The flow was turned.
    Turned {
        /// Exchanges that were bound past the fence.
        strays: Vec<String>,
    },
    /// Backlog and mirror were bound together.
    Twinned,
    /// The instance was told what to read.
    Told(Reading),
    /// Something weakens the verdict.
    Doubted(Doubt),
    /// The rule answered the dry run.
    RuleProven,
    /// The dump.
    Checkpointed(Checkpointed),
    /// The node of the dumped instance has promised that it stays frozen.
    Promised,
    /// The dumped instance goes on, or has ended.
    Thawed,
    /// The transfer.
    Transferred(Transferred),
    /// The checkpoint image is gone from the registry.
    ImageWithdrawn,
    /// It stays there; why.
    ImageKept(String),
    /// The key may be claimed once more.
    RestoreRetried,
    /// No process of the old instance's container is left.
    Ended,
}
