//! The live view without a terminal and without a cluster: recordings in, screens and models out.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod drain;
mod fixture;
mod recording;
mod screens;
mod update;
