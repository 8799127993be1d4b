//! The kubectl plugin: a client of the API like any other. Ending it changes nothing in the cluster.
//!
//! - [`cli`]: what can be typed
//! - [`check`]: whether cluster, nodes and pods are as a move needs them
//! - [`commands`]: one module per command
//! - [`complete`]: what could be typed next
//! - [`render`]: status to lines, pure
//! - [`view`]: the live view, and recordings of it
//! - [`images`]: image archives, and how they get into a registry
//! - [`named`]: names as `TYPE/NAME`
//! - [`output`]: `-o`, shared by all commands
//! - [`report`]: the story of one move
//! - [`explain`]: what words and codes mean, without a cluster
//! - [`bundle`]: an archive for a bug report
//! - [`setup`]: what a workload says of itself
//! - [`ending`]: how a command ended, and its exit code
#![forbid(unsafe_code)]

mod amount;
pub mod bundle;
pub mod check;
pub mod cli;
pub mod commands;
pub mod complete;
pub mod connection;
pub mod drain;
pub mod ending;
pub mod explain;
pub mod images;
mod latest;
pub mod named;
pub mod output;
pub mod problem;
pub mod render;
pub mod report;
mod rewrite;
pub mod say;
pub mod setup;
mod silence;
pub mod view;
mod warnings;
