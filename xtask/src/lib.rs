//! How the workspace is compiled, said once: for the launcher, which compiles the developer commands, and for these, which
//! compile images and tests.
//!
//! Every call compiles with the same features, flags and environment for one [`Profile`], from whichever folder and by
//! whichever tool it was called. So each crate is compiled once for a profile, and a second call compiles nothing.
//!
//! This crate uses the standard library alone: it is compiled before anything else is.

mod build;
mod cache;
mod environment;
mod members;

pub use build::{Profile, STATIC, TARGET, Wanted, cargo, executable, workspace};
pub use cache::{cache, prepare};
pub use environment::{cargo_program, clean};
