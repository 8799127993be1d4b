//! The broker side of a handoff: what is seen of queues, and the few writes that a `Park` hold needs.
//!
//! Guarantees:
//! - Nothing is deleted without a [`Drained`] proof of that very queue, taken again right before the deletion.
//! - One failed call never spoils the next: channels and the connection are opened again on demand.
//! - No error, log line or `Debug` output carries a password.
//!
//! RabbitMQ only; a second broker would get its own module with the same verbs.

mod address;
mod control;
mod error;
mod facts;
mod heartbeat;
mod hold;
mod lane;
mod link;
mod management;
mod origin;
mod permissions;
pub mod port;
mod process;
mod rates;
mod ready;
mod refusal;
mod removal;
mod seen;
mod single_active;
mod tls;
mod totals;
mod wire;
mod witness;

pub use address::BrokerAddress;
pub use control::ControlMessage;
pub use error::BrokerError;
pub use facts::{Binding, ConsumerFacts, QueueFacts, QueueKind};
pub use link::Broker;
pub use origin::{NamedBy, Origin, Place};
pub use permissions::{Needs, Sufficiency};
pub use ready::Obstacle;
pub use removal::{Drained, Drainedness, Removal};
pub use seen::QueueSeen;
pub use single_active::{HoldProof, HoldState, QueueConsumers, Settled, SingleActiveHold};
