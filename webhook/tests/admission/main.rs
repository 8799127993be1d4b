//! The routes as the API server calls them, over a cluster held in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test, a failed step is the verdict"
)]

mod evictions;
mod hostile;
mod migrations;
mod pods;
mod policies;
mod reinvoked;
mod stage;
mod strategies;
