//! What a broker, its management API or an agent sends must not end the controller, which all users share.
//!
//! Brokers that lie are stubs; whatever an honest one can be set to is asked of a real RabbitMQ. To run them:
//! `cargo xtask broker run -- cargo test -p shadow-controller --test hostile`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test, a failed step is the verdict"
)]

mod agents;
mod brokers;
mod dialled;
#[path = "../shared/guard.rs"]
mod guard;
mod management;
mod memory;
mod stub;
mod words;
