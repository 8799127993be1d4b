//! What a verdict rests on, asked of a real RabbitMQ: each case after which a move was called exact and was not.
//!
//! Run by `cargo xtask broker run -- cargo test -p shadow-controller`. Tests share the broker; each pod has an address of its
//! own, from which its connections come.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test, a failed step is the verdict"
)]

mod cases;
#[path = "../shared/guard.rs"]
mod guard;
mod held;
mod pod;
mod returned;
mod stage;
