//! What an eviction is answered, case by case, and what becomes of the move that it causes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test, a failed step is the verdict"
)]

mod budget;
mod deletion;
mod leaving;
mod next;
mod patience;
mod verdicts;
mod world;
