//! Doubts: everything that weakens a verdict, as data, with the words for each in this file alone.
//!
//! A step tells a [`Doubt`]; the status keeps its [`DoubtReason`] beside the sentence ([`Told`]). Whether something was told
//! already is decided by the reason, never by the sentence.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::gone::{Left, Need};

/// Why a verdict is not "exact"; in `status.verdict.doubts` as the name of the variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum DoubtReason {
    /// A policy allowed a handoff that is not known to be exact.
    AllowedByPolicy,
    /// A connection to the broker was lost during the hold.
    ConnectionLost,
    /// The source restarted after the commit.
    SourceRestarted,
    /// The source's ReplicaSet may have started another pod.
    SourceReplaced,
    /// Others consumed the queue after the commit.
    OthersConsumed,
    /// The hold was lost after the commit.
    HoldLost,
    /// Newer messages were consumed before older ones.
    Overtaken,
    /// The primary queue was bound past the fence.
    BoundPastFence,
    /// The source went, and its memory with it.
    SourceLost,
    /// The stand-in went before it was dumped, and the memory with it.
    StandInLost,
    /// The StatefulSet was rolled out during the move.
    RolledOut,
    /// The memory was given up: its restore could not be finished.
    MemoryGivenUp,
    /// The copy consumed nothing after the commit.
    CopySilent,
    /// The copy went after it had taken over, and the memory with it.
    CopyLost,
    /// Messages may have expired while the queue had no consumer.
    Expired,
    /// What an exact verdict rests on was not weighed.
    NotWeighed,
    /// What it rests on was no longer so, or not known to be, in a second handoff.
    PremiseBroken,
    /// The move ended since something that it needed was gone for good, and left something.
    GoneForGood,
    /// A reason of a newer version.
    #[serde(other)]
    Other,
}

impl DoubtReason {
    /// Whether the pod that is left has not the memory that was to be moved.
    pub fn is_loss_of_memory(self) -> bool {
        match self {
            Self::SourceLost | Self::StandInLost | Self::RolledOut | Self::MemoryGivenUp | Self::CopyLost => {
                true
            }
            Self::AllowedByPolicy
            | Self::ConnectionLost
            | Self::SourceRestarted
            | Self::SourceReplaced
            | Self::OthersConsumed
            | Self::HoldLost
            | Self::Overtaken
            | Self::BoundPastFence
            | Self::CopySilent
            | Self::Expired
            | Self::NotWeighed
            | Self::PremiseBroken
            | Self::GoneForGood
            | Self::Other => false,
        }
    }
}

/// Something that was seen and weakens the verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// See [`DoubtReason::AllowedByPolicy`].
    AllowedByPolicy {
        /// What may happen to messages, and the policy.
        why: String,
    },
    /// See [`DoubtReason::ConnectionLost`].
    ConnectionLost {
        /// Which connection, as a sentence.
        how: String,
    },
    /// See [`DoubtReason::SourceRestarted`].
    SourceRestarted,
    /// See [`DoubtReason::SourceReplaced`].
    SourceReplaced {
        /// The source.
        source: String,
        /// The pod that its ReplicaSet should have adopted.
        copy: String,
    },
    /// See [`DoubtReason::OthersConsumed`].
    OthersConsumed {
        /// How many.
        others: u64,
        /// The queue.
        queue: String,
    },
    /// See [`DoubtReason::HoldLost`].
    HoldLost,
    /// A consumer took newer messages: [`DoubtReason::Overtaken`].
    Overtaken {
        /// The primary queue.
        queue: String,
    },
    /// The backlog is put behind newer messages: [`DoubtReason::Overtaken`].
    PouredBack {
        /// The pod that does not read it.
        pod: String,
        /// The primary queue.
        queue: String,
    },
    /// The backlog is handed back when the move is undone: [`DoubtReason::Overtaken`].
    HandedBack {
        /// The primary queue.
        queue: String,
    },
    /// See [`DoubtReason::BoundPastFence`].
    BoundPastFence {
        /// Exchanges that were bound.
        exchanges: Vec<String>,
    },
    /// See [`DoubtReason::SourceLost`].
    SourceLost(Lost),
    /// See [`DoubtReason::StandInLost`].
    StandInLost {
        /// How.
        lost: Lost,
        /// The pod that starts from its image.
        pod: String,
    },
    /// See [`DoubtReason::RolledOut`].
    RolledOut {
        /// The new revision.
        revision: String,
        /// The pod that starts from the new template.
        pod: String,
    },
    /// See [`DoubtReason::MemoryGivenUp`].
    MemoryGivenUp {
        /// The pod that starts from its image.
        pod: String,
        /// Why.
        why: String,
    },
    /// See [`DoubtReason::CopySilent`].
    CopySilent {
        /// The copy.
        pod: String,
    },
    /// The copy's process ended: [`DoubtReason::CopyLost`].
    CopyEnded {
        /// The copy.
        pod: String,
    },
    /// The copy was deleted: [`DoubtReason::CopyLost`].
    CopyDeleted {
        /// The copy.
        pod: String,
    },
    /// See [`DoubtReason::NotWeighed`].
    NotWeighed,
    /// See [`DoubtReason::PremiseBroken`].
    PremiseBroken {
        /// What was seen, or that nothing was.
        why: String,
    },
    /// See [`DoubtReason::GoneForGood`].
    GoneForGood {
        /// What was gone.
        need: Need,
        /// What the move left.
        left: Left,
    },
    /// See [`DoubtReason::Expired`].
    Expired {
        /// The queue.
        queue: String,
        /// How long it keeps a message, ms.
        kept_millis: u64,
        /// How long the queue had no consumer, ms.
        held_millis: i128,
    },
}

impl Doubt {
    /// The kind of doubt.
    pub fn reason(&self) -> DoubtReason {
        match self {
            Self::AllowedByPolicy { .. } => DoubtReason::AllowedByPolicy,
            Self::ConnectionLost { .. } => DoubtReason::ConnectionLost,
            Self::SourceRestarted => DoubtReason::SourceRestarted,
            Self::SourceReplaced { .. } => DoubtReason::SourceReplaced,
            Self::OthersConsumed { .. } => DoubtReason::OthersConsumed,
            Self::HoldLost => DoubtReason::HoldLost,
            Self::Overtaken { .. } | Self::PouredBack { .. } | Self::HandedBack { .. } => {
                DoubtReason::Overtaken
            }
            Self::BoundPastFence { .. } => DoubtReason::BoundPastFence,
            Self::SourceLost(_) => DoubtReason::SourceLost,
            Self::StandInLost { .. } => DoubtReason::StandInLost,
            Self::RolledOut { .. } => DoubtReason::RolledOut,
            Self::MemoryGivenUp { .. } => DoubtReason::MemoryGivenUp,
            Self::CopySilent { .. } => DoubtReason::CopySilent,
            Self::CopyEnded { .. } | Self::CopyDeleted { .. } => DoubtReason::CopyLost,
            Self::Expired { .. } => DoubtReason::Expired,
            Self::NotWeighed => DoubtReason::NotWeighed,
            Self::PremiseBroken { .. } => DoubtReason::PremiseBroken,
            Self::GoneForGood { .. } => DoubtReason::GoneForGood,
        }
    }
}

impl fmt::Display for Doubt {
    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each doubt: all words stand in one place"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllowedByPolicy { why } => f.write_str(why),
            Self::ConnectionLost { how } => write!(
                f,
                "{how}. A message that the application had applied and not yet acknowledged then may have been delivered twice: look into \
                 its data"
            ),
            Self::SourceRestarted => f.write_str(
                "the source restarted after the commit. It may have taken messages that are not in the moved memory",
            ),
            Self::SourceReplaced { source, copy } => write!(
                f,
                "pod {source} was deleted (rollout, scale-down, eviction or kubectl delete) before its ReplicaSet had \
                 adopted pod {copy}. The ReplicaSet may have started another pod meanwhile, and that pod may have taken \
                 messages that are not in the moved memory"
            ),
            Self::OthersConsumed { others, queue } => write!(
                f,
                "after the commit {others} other {} consumed queue {queue}. The messages taken so are not in the moved memory",
                if *others == 1 { "consumer" } else { "consumers" }
            ),
            Self::HoldLost => f.write_str(
                "the hold on the queue was lost between the commit and the end of the old pod. The old pod may have taken \
                 messages that are not in the moved memory",
            ),
            Self::Overtaken { queue } => write!(
                f,
                "a consumer read new messages of queue {queue} while older ones waited in the backlog queue. Either the \
                 pod crashed and restarted, or the consumer does not belong to the move"
            ),
            Self::PouredBack { pod, queue } => write!(
                f,
                "pod {pod} does not read its control messages, or is gone. So the backlog is put back into queue {queue}. \
                 Messages that arrive at that moment may be read before older ones"
            ),
            Self::HandedBack { queue } => write!(
                f,
                "the move was undone, and what waited was put back into queue {queue} in its order; messages that arrived at that very \
                 moment may be read after newer ones"
            ),
            Self::BoundPastFence { exchanges } => write!(
                f,
                "while new messages went to the backlog queue, another program bound the primary queue to {} as well. \
                 Messages that came through these bindings may be applied twice. Find the program that declares the \
                 bindings: applications often do so when they start",
                exchanges.join(", ")
            ),
            Self::SourceLost(lost) => write!(f, "{lost}. Its memory is lost. {NOTHING_LOST}"),
            Self::StandInLost { lost, pod } => write!(
                f,
                "{lost}. This pod had the memory after the first handoff, so the memory is lost, as in any crash. Pod \
                 {pod} starts from its image, if its StatefulSet still wants it. {NOTHING_LOST}"
            ),
            Self::RolledOut { revision, pod } => write!(
                f,
                "the StatefulSet was rolled out during the move (revision {revision}), so the memory is lost as in any rollout. Pod \
                 {pod} starts from the new template. {NOTHING_LOST}"
            ),
            Self::MemoryGivenUp { pod, why } => write!(
                f,
                "the memory of pod {pod} is lost: {why}. The pod starts from its image, as after any crash. {NOTHING_LOST}"
            ),
            Self::CopySilent { pod } => write!(
                f,
                "pod {pod} consumed nothing after the commit: it was deleted, crashed or lost the broker. To see which, \
                 type: kubectl describe pod {pod}. If it crashed, its memory is lost. {NOTHING_LOST}"
            ),
            Self::CopyEnded { pod } => write!(
                f,
                "pod {pod} had taken over, but its process ended or restarted before the move finished. To see why, type: \
                 kubectl logs {pod} --previous. Its memory is lost. {NOTHING_LOST}"
            ),
            Self::CopyDeleted { pod } => write!(
                f,
                "pod {pod} had taken over, but was deleted before the move finished (eviction, rollout, scale-down or \
                 kubectl delete). Its memory is lost. {NOTHING_LOST}"
            ),
            Self::NotWeighed => f.write_str(
                "an earlier version of the controller planned the move. It did not write down what it had seen of the \
                 stream, for example whether the pod consumes other queues",
            ),
            Self::PremiseBroken { why } => write!(
                f,
                "before the copy took over from the stand-in, when nothing could be undone any more: {why}"
            ),
            Self::GoneForGood { need, left } => write!(
                f,
                "{need}, so the move ended where it was, and nobody knows what the pod does with its messages. {left}"
            ),
            Self::Expired {
                queue,
                kept_millis,
                held_millis,
            } => write!(
                f,
                "queue {queue} drops messages after {kept_millis} ms, and it had no consumer for {held_millis} ms. \
                 Messages that waited may have been dropped: look into its dead-letter queue, if it has one, and raise message-ttl \
                 before the next move"
            ),
        }
    }
}

const NOTHING_LOST: &str = "No message in the queue is lost";

/// A pod that is not what it was when it held the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Its name.
    pub pod: String,
    /// How.
    pub how: Loss,
}

/// How a pod that held the memory is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// It is gone.
    Deleted,
    /// There is another one of its name.
    Replaced,
    /// It is being deleted.
    Deleting,
    /// It is being deleted, and Kubernetes says why.
    Evicted {
        /// The words of Kubernetes.
        trouble: String,
    },
    /// Its container ended or was started again.
    Restarted,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pod = &self.pod;
        match &self.how {
            Loss::Deleted => write!(
                f,
                "pod {pod} was deleted during the move (rollout, scale-down, eviction or kubectl delete)"
            ),
            Loss::Replaced => write!(
                f,
                "pod {pod} was replaced during the move by another pod of that name"
            ),
            Loss::Deleting => write!(
                f,
                "pod {pod} is being deleted during the move (rollout, scale-down or kubectl delete)"
            ),
            Loss::Evicted { trouble } => write!(f, "pod {pod} is being deleted during the move: {trouble}"),
            Loss::Restarted => write!(
                f,
                "the container of pod {pod} ended or restarted during the move; to see why, type: kubectl logs {pod} \
                 --previous"
            ),
        }
    }
}

/// A doubt as the status keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// The kind of doubt: short, stable, CamelCase.
    #[schemars(with = "String")]
    pub reason: DoubtReason,
    /// What was seen, for a person.
    pub message: String,
}

impl From<&Doubt> for Told {
    fn from(doubt: &Doubt) -> Self {
        Self {
            reason: doubt.reason(),
            message: doubt.to_string(),
        }
    }
}
