//! What our parts show of themselves: metrics, probes and logs.
//!
//! | file | concern |
//! |---|---|
//! | `shelf` | registers a metric and keeps what it says, for docs/monitoring.md and for tests |
//! | [`controller`], [`webhook`], [`agent`] | the metrics of each part |
//! | [`common`] | what each of them has |
//! | [`pulse`] | loops that have to go on |
//! | [`serve`] | `/metrics`, `/livez` and `/readyz`, in plain HTTP, with bounds |
//! | [`log`] | logs as JSON, with a span for each visit on request |
//!
//! Guarantees: no label of a metric is taken from what users write, but for the namespace and the queue of moves that are under
//! way; a caller of the port learns numbers and names of queues, and changes nothing.
#![forbid(unsafe_code)]

pub mod agent;
pub mod common;
pub mod controller;
pub mod log;
pub mod pulse;
pub mod serve;
mod shelf;
mod text;
pub mod webhook;

pub use shelf::{Described, Kind};

/// Port of metrics and probes, of each part.
pub const PORT: u16 = 8081;

/// Every metric, with the part that has it.
pub fn described() -> Vec<(&'static str, Vec<Described>)> {
    vec![
        ("controller", controller::Metrics::new("").described().to_vec()),
        ("webhook", webhook::Metrics::new("").described().to_vec()),
        ("agent", agent::Metrics::new("").described().to_vec()),
    ]
}

#[cfg(test)]
mod tests;
