//! Protocol tests: the rules of a `Park` handoff, one test each, against a real RabbitMQ.
//!
//! Run by `cargo xtask broker run -- cargo test -p shadow-controller`, which starts a broker and sets
//! `SHADOW_TEST_AMQP_URI` and `SHADOW_TEST_MANAGEMENT_URI`. Tests share the broker and none of its queues.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "in a test, a failed step is the verdict"
)]

mod application;
mod connection;
mod exactly_once;
mod gone;
#[path = "../shared/guard.rs"]
mod guard;
mod park;
mod publishers;
mod removal;
mod scene;
mod stale_control;
mod witness;
