//! Protocol tests: the rules of a `SingleActive` handoff against a real RabbitMQ, with an application that knows
//! nothing of us.
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
#[path = "../shared/guard.rs"]
mod guard;
mod hold;
mod lost;
mod moves;
mod proxy;
#[path = "../protocol_park/publishers.rs"]
mod publishers;
mod refused;
mod scene;
mod tls;
mod trap;
