//! `check` against an API server that holds a whole installation. Each test takes one thing away: exactly its line has to say so.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod before;
mod cluster;
mod nodes;
mod pod;
mod screens;
mod stage;
#[path = "../stub/mod.rs"]
mod stub;
