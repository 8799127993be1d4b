//! What the controller saw of the world before it decides. Only what the present step needs is looked at; the
//! rest is `Unseen`, and no decision may rest on it.

use std::fmt;

use crate::gone::WorldSeen;
use crate::machine::decision::Cause;
use crate::recreation::Recreation;
use crate::wire::{Archive, Claim};

/// The world, as far as the present step needs it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// The user asked for an end (`spec.cancel`, or the object is being deleted).
    pub cancel: bool,
    /// The user gives the memory up if it cannot be restored (`spec.giveMemoryUp`, or the object is being deleted).
    pub give_memory_up: bool,
    /// Pod that holds the stream.
    pub from: PodSeen,
    /// Whether the container of `from` was started again after the commit, where `from` itself cannot be looked at any
    /// more.
    pub restarted: Option<bool>,
    /// Pod that takes it over.
    pub to: PodSeen,
    /// Primary queue.
    pub primary: QueueSeen,
    /// Hold queue of this attempt.
    pub hold: QueueSeen,
    /// Control queue of `from`.
    pub from_control: QueueSeen,
    /// Control queue of `to`.
    pub to_control: QueueSeen,
    /// Who consumes the control queue of `from`.
    pub readers: ReadersSeen,
    /// Whether the StatefulSet makes `to` anew, where that is gone.
    pub recreation: Option<Recreation>,
    /// Whether the node that `to` waits for takes it, where the scheduler finds no place for it.
    pub place: Option<Place>,
    /// What the target's agent knows of the key.
    pub key: KeySeen,
    /// The rule that rewrites the re-created pod.
    pub rule: RuleSeen,
    /// Where Services send requests.
    pub traffic: TrafficSeen,
    /// Our consumer on a single-active queue.
    pub link: LinkSeen,
    /// Whether the pod that takes over has a connection to the broker.
    pub copy_connected: Option<bool>,
    /// Whether the broker lists it as a consumer of the queue: up to 5 s after it consumes.
    pub copy_consumes: Option<bool>,
    /// Whether the consumer that held a single-active queue before us is gone for good.
    pub source_gone: Option<bool>,
    /// The port before the primary queue.
    pub port: PortSeen,
    /// The queue that holds what came since the fence.
    pub backlog: QueueSeen,
    /// The queue with the same messages, for a source that goes on.
    pub mirror: QueueSeen,
    /// Whether the connections to the broker are those of the moment of the park.
    pub connection: ConnectionSeen,
    /// Hold queues of this migration that still exist, with their contents.
    pub leftovers: Vec<(String, QueueSeen)>,
    /// Whether something has come to contradict a premise of the verdict.
    pub evidence: EvidenceSeen,
    /// What the move needs and does not make itself.
    pub world: WorldSeen,
    /// What could not be read, for people.
    pub blind: Vec<String>,
}

/// The premises of the verdict, weighed once more while the queue is held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EvidenceSeen {
    /// Not looked at, or not readable.
    #[default]
    Unseen,
    /// Nothing contradicts one.
    Holds,
    /// Something does.
    Contradicted(Cause),
}

/// A pod as the API server shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum PodSeen {
    /// Not looked at, or not readable.
    #[default]
    Unseen,
    /// There is no pod of this name.
    Gone,
    /// There is one.
    Present(PodView),
}

/// What matters of a pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodView {
    /// UID.
    pub uid: String,
    /// Node, once scheduled.
    pub node: Option<String>,
    /// Restore key in its annotations.
    pub key: Option<String>,
    /// Condition `Ready`.
    pub ready: bool,
    /// Its sandbox and network are there.
    pub sandboxed: bool,
    /// It has a deletion time stamp.
    pub terminating: bool,
    /// Kubelet will not start the container again: it has begun to stop the pod, or the pod never restarts any.
    pub settled: bool,
    /// Phase is Failed or Succeeded, or the container has terminated and will not be restarted.
    pub ended: bool,
    /// It has no container beside the moved one that could still run.
    pub alone: bool,
    /// It mounts a claim, which another node may be able to mount only when this one has let go of it.
    pub claims: bool,
    /// UID of its controller.
    pub owner: Option<String>,
    /// Revision of its StatefulSet that it was made from.
    pub revision: Option<String>,
    /// It bears the label by which a ReplicaSet knows its pods.
    pub hashed: bool,
    /// Restarts of the moved container; none of one that never restarts, since kubelet counts a container, too, that it
    /// created and forgot before it ran.
    pub restarts: i32,
    /// The moved container ran before, ended, and was started anew.
    pub reran: bool,
    /// The scheduler finds no room for it on its node.
    pub unschedulable: bool,
    /// Why it does not start or has to go, when something says so (`FailedScheduling`, `ErrImagePull`, an eviction, …).
    pub trouble: Option<String>,
    /// How the moved container's process ended by itself; nothing of one that others ended, or that could not be started.
    pub exit: Option<Box<Exit>>,
    /// The trouble is that CRIU could not restore it, as the container runtime says.
    pub criu_failed: bool,
    /// Kubelet cannot get the image of the moved container.
    pub image_missing: bool,
    /// Image that the moved container runs from, as its node knows it; kubelet tells it up to a second after the start.
    pub image_id: Option<String>,
}

/// The end of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code.
    pub code: i32,
    /// It had more memory than its limit allows.
    pub out_of_memory: bool,
    /// What it said last.
    pub words: Option<String>,
}

/// The node that a pod waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// It takes pods; this one has no room there, or something of it keeps it off.
    Open,
    /// It takes none.
    Closed {
        /// Why.
        why: Closed,
        /// A node that would do as well.
        another: Option<String>,
    },
}

/// Why a node takes no pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It is cordoned.
    Cordoned,
    /// It is not ready.
    NotReady,
    /// It is not there any more.
    Gone,
}

/// A queue as the broker shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueSeen {
    /// Not looked at, or not readable.
    #[default]
    Unseen,
    /// There is no such queue.
    Absent,
    /// There is one.
    Present {
        /// Messages ready for delivery.
        ready: u64,
        /// Consumers.
        consumers: u64,
        /// Messages delivered and not acknowledged, where the broker tells it live.
        unacked: Option<u64>,
    },
}

impl QueueSeen {
    /// Consumers; `None` when the queue was not seen or is absent.
    pub fn consumers(self) -> Option<u64> {
        match self {
            Self::Present { consumers, .. } => Some(consumers),
            Self::Unseen | Self::Absent => None,
        }
    }

    /// Ready messages; `None` when the queue was not seen or is absent.
    pub fn ready(self) -> Option<u64> {
        match self {
            Self::Present { ready, .. } => Some(ready),
            Self::Unseen | Self::Absent => None,
        }
    }

    /// Whether the queue is known not to hold anything that is under way: no unacknowledged message where the
    /// broker tells it.
    pub fn settled(self) -> bool {
        match self {
            Self::Present { unacked, .. } => unacked.is_none_or(|n| n == 0),
            Self::Unseen | Self::Absent => false,
        }
    }
}

/// Who consumes the control queue of a pod that is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ReadersSeen {
    /// Not looked at, or not readable.
    #[default]
    Unseen,
    /// As the broker lists them: a new one is listed up to 5 s late.
    Listed(Vec<ReaderSeen>),
}

/// A consumer, as the broker names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderSeen {
    /// Consumer tag.
    pub tag: String,
    /// Connection, by the name that the broker gives it.
    pub connection: String,
    /// Address that it is connected from.
    pub address: String,
    /// That is the address of the pod that takes over.
    pub of_copy: bool,
}

impl fmt::Display for ReaderSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tag,
            connection,
            address,
            ..
        } = self;
        write!(f, "consumer {tag} over connection {connection} from {address}")
    }
}

/// Our consumer on a single-active queue, which holds it as long as it is attached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LinkSeen {
    /// Not looked at, or not readable.
    #[default]
    Unseen,
    /// This controller has none.
    Absent,
    /// Attached; what the application has still to do.
    Waiting(String),
    /// Attached, and the application has settled everything that it was given.
    Proven,
    /// It is over; why.
    Lost(String),
    /// Attached, but the application's consumer ended meanwhile; what that means.
    Trapped(String),
}

impl LinkSeen {
    /// Whether the queue delivers nothing.
    pub fn holds(&self) -> bool {
        match self {
            Self::Waiting(_) | Self::Proven | Self::Trapped(_) => true,
            Self::Unseen | Self::Absent | Self::Lost(_) => false,
        }
    }

    /// Whether it is known not to be attached.
    pub fn is_off(&self) -> bool {
        match self {
            Self::Absent | Self::Lost(_) => true,
            Self::Unseen | Self::Waiting(_) | Self::Proven | Self::Trapped(_) => false,
        }
    }
}

/// The port that may stand before the primary queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PortSeen {
    /// Not looked at, or not readable.
    #[default]
    Unseen,
    /// What stands.
    Seen {
        /// Where new messages go.
        flow: Flow,
        /// Which queues take what a fence keeps away.
        branched: Branched,
    },
}

/// Where new messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// To the primary queue; nothing of ours is there.
    Direct,
    /// To the primary queue; parts of a port are there.
    Partial,
    /// Through the port to the primary queue.
    Ported,
    /// To the backlog.
    Fenced,
    /// To the backlog; some to the primary queue as well, past the fence.
    Breached,
}

impl Flow {
    /// Whether new messages go to the backlog.
    pub fn is_turned(self) -> bool {
        match self {
            Self::Fenced | Self::Breached => true,
            Self::Direct | Self::Partial | Self::Ported => false,
        }
    }
}

/// Which of the queues that are wanted behind a fence are bound there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branched {
    /// None.
    No,
    /// Not all.
    Partly,
    /// All.
    Fully,
}

/// What the target's agent knows of the key.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum KeySeen {
    /// Not looked at, or the agent did not answer.
    #[default]
    Unseen,
    /// The agent does not know the key.
    Unknown,
    /// It does.
    Known {
        /// The claim of the container.
        claim: Claim,
        /// The archive.
        archive: Archive,
    },
}

/// The rule that sends the re-created pod to the webhook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuleSeen {
    /// Not looked at.
    #[default]
    Unseen,
    /// Not there.
    Absent,
    /// There, but not shown to be in force.
    Unproven,
    /// A dry run came back rewritten.
    Proven,
}

/// Where Services send requests, as their endpoints say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TrafficSeen {
    /// Not looked at, or not readable.
    #[default]
    Unseen,
    /// Every Service that lists the old pod lists its copy as ready.
    Switched,
    /// These Services do not yet.
    Behind(Vec<String>),
}

/// Whether the connections to the broker lived through the park.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ConnectionSeen {
    /// Not looked at, or not readable.
    #[default]
    Unseen,
    /// As far as can be told.
    Held,
    /// One was lost; which, as a sentence.
    Lost(String),
}
