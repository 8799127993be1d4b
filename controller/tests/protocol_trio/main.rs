//! Protocol tests against a RabbitMQ of three nodes, whose nodes die, lead no more or are cut off while a queue is held.
//!
//! Run by `cargo xtask broker run --nodes 3 -- cargo test -p shadow-controller --test protocol_trio -- --ignored`, which starts
//! the nodes and sets the variables that `scene` reads. All tests disturb the same cluster, so they run one after the other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "in a test, a failed step is the verdict"
)]

mod alarm;
mod application;
mod credentials;
#[path = "../shared/guard.rs"]
mod guard;
mod park;
mod scene;
mod single_active;
