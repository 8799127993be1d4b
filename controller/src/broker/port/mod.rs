//! The port before a primary queue: two exchanges that let one bind or unbind turn the whole flow, atomically for each
//! message, to the queue or away from it.
//!
//! ```text
//! exchanges of the application ──(the queue's own bindings)──> ms2m.port.Q (fanout) ──> Q
//!                                                                  │ alternate exchange, when Q is not bound
//!                                                                  └─> ms2m.side.Q (fanout) ──> backlog (and mirror)
//! ```
//!
//! Guarantees:
//! - Adopting, fencing, flipping back and giving back lose and double nothing, under load, and after a crash at any point
//!   each of them is simply asked for again: it goes on from what stands.
//! - Every change is read back from the broker before the next one is made.
//! - A fence is put up only when a queue takes what comes; it is taken down only by [`Broker::flip_back`].
//!
//! Publishers that use the default exchange go past the port; the preflight refuses queues that nothing is bound to.
//! `docs/handoff-exchange.md` has the sequences that use these verbs; `shadow_core::machine::port` decides which comes next.
//!
//! [`Broker::flip_back`]: crate::broker::Broker::flip_back

mod change;
mod helpers;
mod plan;
mod pouring;
mod preconditions;
mod topology;
mod verbs;

pub use helpers::Twins;
pub use plan::{Change, Goal, next_change};
pub use pouring::Poured;
pub use preconditions::ExchangeFacts;
pub use topology::{Port, PortState, Route, Topology};
pub use verbs::{SETTLE, Turned};
