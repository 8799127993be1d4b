//! What "exact" rests on. "Exact" is a statement about the named stream; each thing that has to be so for it to be true is a
//! [`Premise`], and each is weighed by what was seen before the hold ([`World`]).
//!
//! Guarantee: absence of evidence is never evidence. A list that cannot be read, a field that is not there, a question that
//! was not asked: not known, never "not there". A premise that is not weighed does not compile.
//!
//! | file | concern |
//! |---|---|
//! | [`world`](mod@world) | what was seen, as data; filled by one module for each source of evidence |
//! | `consumers`, `elsewhere`, `queue`, `returned`, `image`, `around` | how each premise is weighed, and the words for it |
//! | [`judge`] | what follows: the move is planned, refused, or for a policy to decide |
//! | [`since`] | the same once more while the queue is held: whether anything came to contradict it |

mod around;
mod consumers;
mod elsewhere;
mod image;
mod judge;
mod queue;
mod returned;
mod since;
pub mod world;

#[cfg(test)]
mod mutant;
#[cfg(test)]
mod tests;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use consumers::MONITORING;
pub use judge::{Finding, Judgement, judge};
pub use since::since;
pub use world::{Known, World};

use crate::reason::Reason;

/// Something that has to be so, or that a reader of the verdict has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Premise {
    /// The queue has one consumer, and that is the pod.
    OnlyConsumer,
    /// The pod acknowledges by hand.
    Acknowledges,
    /// A copy of the pod can consume beside it.
    CanBeJoined,
    /// What the pod returns comes back in order.
    ReturnsInOrder,
    /// What the pod returns comes back at once.
    ReturnsAtOnce,
    /// What the pod returns is kept, however often.
    KeepsWhatReturns,
    /// The broker waits for an acknowledgement for longer than a hold takes.
    WaitsForAcknowledgements,
    /// Messages that wait are kept.
    KeepsWhatWaits,
    /// The pod consumes nothing else at this broker.
    NothingElse,
    /// Nobody but the pod reads its control queue.
    OwnControlQueue,
    /// The copy runs from the image that the source runs from.
    SameImage,
    /// The ways to broker and registry are encrypted.
    Encrypted,
    /// Whom else the process is connected to.
    OtherPeers,
    /// What the pod publishes, with confirms or without.
    Publishes,
    /// Init containers, which run again in the copy.
    InitContainers,
    /// Inputs that nobody sees: requests, timers, files, other data bases.
    OtherInputs,
}

/// All of them, in the order in which people read them.
pub const ALL: [Premise; 16] = [
    Premise::OnlyConsumer,
    Premise::Acknowledges,
    Premise::CanBeJoined,
    Premise::ReturnsInOrder,
    Premise::ReturnsAtOnce,
    Premise::KeepsWhatReturns,
    Premise::WaitsForAcknowledgements,
    Premise::KeepsWhatWaits,
    Premise::NothingElse,
    Premise::OwnControlQueue,
    Premise::SameImage,
    Premise::Encrypted,
    Premise::OtherPeers,
    Premise::Publishes,
    Premise::InitContainers,
    Premise::OtherInputs,
];

/// What follows when a premise is not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The move is refused.
    Required(Reason),
    /// The move is refused unless a policy allows an inexact one; not known is refused whatever the policy says.
    Allowable,
    /// It is told and forbids nothing.
    Told,
}

impl Premise {
    /// What follows when it is not seen.
    pub fn class(self) -> Class {
        match self {
            Self::OnlyConsumer => Class::Required(Reason::UnexpectedConsumers),
            Self::Acknowledges => Class::Required(Reason::AutomaticAcknowledgement),
            Self::CanBeJoined => Class::Required(Reason::ExclusiveConsumer),
            Self::OwnControlQueue => Class::Required(Reason::ControlQueueShared),
            Self::SameImage => Class::Required(Reason::ImageDiffers),
            Self::ReturnsInOrder
            | Self::ReturnsAtOnce
            | Self::KeepsWhatReturns
            | Self::WaitsForAcknowledgements
            | Self::KeepsWhatWaits
            | Self::NothingElse => Class::Allowable,
            Self::Encrypted
            | Self::OtherPeers
            | Self::Publishes
            | Self::InitContainers
            | Self::OtherInputs => Class::Told,
        }
    }

    /// Weighs it. `None`: it does not apply to this move.
    pub fn weigh(self, world: &World) -> Option<Weight> {
        match self {
            Self::OnlyConsumer => Some(consumers::only_one(world)),
            Self::Acknowledges => Some(consumers::acknowledges(world)),
            Self::CanBeJoined => Some(consumers::can_be_joined(world)),
            Self::ReturnsInOrder => queue::returns_in_order(world),
            Self::ReturnsAtOnce => returned::at_once(world),
            Self::KeepsWhatReturns => returned::is_kept(world),
            Self::WaitsForAcknowledgements => Some(consumers::are_waited_for(world)),
            Self::KeepsWhatWaits => Some(queue::keeps_what_waits(world)),
            Self::NothingElse => Some(elsewhere::nothing_else(world)),
            Self::OwnControlQueue => elsewhere::own_control_queue(world),
            Self::SameImage => Some(image::is_the_same(world)),
            Self::Encrypted => around::encrypted(world),
            Self::OtherPeers => Some(around::other_peers(world)),
            Self::Publishes => Some(around::publishes(world)),
            Self::InitContainers => around::init_containers(world),
            Self::OtherInputs => Some(around::other_inputs(world)),
        }
    }
}

impl fmt::Display for Premise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OnlyConsumer => "only this pod consumes the queue",
            Self::Acknowledges => "the pod acknowledges by hand",
            Self::CanBeJoined => "a copy of the pod can consume beside it",
            Self::ReturnsInOrder => "what the pod returns comes back in order",
            Self::ReturnsAtOnce => "what the pod returns comes back at once",
            Self::KeepsWhatReturns => "the queue keeps what the pod returns",
            Self::WaitsForAcknowledgements => "the broker waits long enough for acknowledgements",
            Self::KeepsWhatWaits => "the queue keeps what waits",
            Self::NothingElse => "the pod consumes nothing else at this broker",
            Self::OwnControlQueue => "only this pod reads its control queue",
            Self::SameImage => "the copy runs from the image of the source",
            Self::Encrypted => "the ways to broker and registry are encrypted",
            Self::OtherPeers => "other connections of the pod",
            Self::Publishes => "what the pod publishes",
            Self::InitContainers => "init containers run again",
            Self::OtherInputs => "other inputs",
        })
    }
}

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Source {
    /// The broker, over AMQP: now.
    Broker,
    /// The broker's management API: up to 5 s behind.
    ManagementApi,
    /// The agent on the pod's node, from the kernel.
    Agent,
    /// The pod's spec.
    Pod,
    /// The addresses of broker and registry, as they are written.
    Addresses,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broker => "broker",
            Self::ManagementApi => "management API",
            Self::Agent => "agent",
            Self::Pod => "pod's spec",
            Self::Addresses => "addresses as they are written",
        })
    }
}

/// How a premise was weighed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It is so.
    Seen {
        /// Who says so.
        by: Source,
        /// What was seen.
        what: String,
    },
    /// It is not so.
    Contradicted {
        /// Who says so.
        by: Source,
        /// What was seen.
        what: String,
        /// What to do.
        way_out: String,
    },
    /// Nobody can tell.
    NotKnown {
        /// Who was asked.
        by: Source,
        /// Why it cannot be told.
        why: String,
        /// What lets it be told.
        way_out: String,
    },
}

/// How a premise was weighed, without its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Outcome {
    /// It is so.
    Seen,
    /// It is not so.
    Contradicted,
    /// Nobody can tell.
    NotKnown,
}

/// A premise in a status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// Which.
    pub premise: Premise,
    /// How it was weighed.
    pub outcome: Outcome,
    /// Who says so.
    pub source: Source,
    /// What was seen, or why it cannot be told; for people.
    pub what: String,
}

impl Told {
    fn of(premise: Premise, weight: &Weight) -> Self {
        let (outcome, source, what) = match weight {
            Weight::Seen { by, what } => (Outcome::Seen, by, what.clone()),
            // A warning: no refusal says what to do about it.
            Weight::Contradicted { by, what, way_out } if premise.class() == Class::Told => (
                Outcome::Contradicted,
                by,
                format!("{what}. To change that, {way_out}"),
            ),
            Weight::Contradicted { by, what, .. } => (Outcome::Contradicted, by, what.clone()),
            Weight::NotKnown { by, why, .. } => (Outcome::NotKnown, by, why.clone()),
        };
        Self {
            premise,
            outcome,
            source: *source,
            what,
        }
    }
}

/// Those that apply to every move.
const ALWAYS: [Premise; 7] = [
    Premise::OnlyConsumer,
    Premise::Acknowledges,
    Premise::CanBeJoined,
    Premise::WaitsForAcknowledgements,
    Premise::KeepsWhatWaits,
    Premise::NothingElse,
    Premise::SameImage,
];

/// Whether an exact verdict can rest on this list: all that apply to every move are on it, and everything on it that could
/// forbid one was seen. A plan of an earlier version has no list.
pub fn carries_exact(told: &[Told]) -> bool {
    let forbids = |told: &Told| match told.premise.class() {
        Class::Required(_) | Class::Allowable => told.outcome != Outcome::Seen,
        Class::Told => false,
    };
    let listed = |premise: &Premise| told.iter().any(|told| told.premise == *premise);
    ALWAYS.iter().all(listed) && !told.iter().any(forbids)
}
