//! Checkpoint images through the agent's own interface: against a real registry, and against one that lies.
//!
//! The real one is Docker's, started by each test on loopback: `cargo xtask registry run -- cargo test -p shadow-agent`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test ends at the first surprise"
)]

mod fake;
mod faults_pull;
mod faults_push;
mod login;
mod process;
mod real;
mod scene;
mod under_way;
