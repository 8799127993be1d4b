//! The privileged part: few operations, a fixed protocol, no network.
//!
//! One request a connection: a JSON line each way. Guarantee: a container that a request paused goes on, whatever
//! happens to the request: after a failure, after a time-out, and when the helper starts anew.

pub mod client;
mod growth;
pub mod protocol;
pub mod server;
pub mod worker;

pub use client::HelperClient;
pub use protocol::{Answer, Ask, Failure};
