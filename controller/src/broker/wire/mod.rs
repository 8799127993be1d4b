//! The bytes between us and a broker: the dial, TLS, and what may reach the client library.
//!
//! Guarantees: over `amqps` nothing is said to a broker whose certificate does not verify; a broker cannot end this
//! process by what it sends ([`guard`]); a connection is dialled once, by us, and never again behind our back.

mod dial;
mod frames;
mod guard;
mod reactor;
mod tables;

pub(super) use dial::{Stream, dialled};
pub(super) use guard::guarded;
pub(super) use reactor::runtime;
