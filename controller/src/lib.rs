//! The controller: decides every step of every migration and carries it out. A library, so that its broker side can
//! be driven by protocol tests; `main.rs` only starts it.

pub mod afresh;
pub mod agents;
pub mod aside;
pub mod broker;
pub mod brokers;
pub mod context;
pub mod dialling;
pub mod effects;
pub mod error;
pub mod evacuations;
pub mod events;
pub mod evidence;
mod fitness;
pub mod holds;
mod inexact;
pub mod keeping;
pub mod leadership;
pub mod line;
pub mod meter;
pub mod nodes;
pub mod observe;
pub mod occupancy;
pub mod orphans;
pub mod pause;
pub mod policies;
pub mod prepare;
pub mod progress;
pub mod reconcile;
mod registry;
pub mod report;
pub mod shown;
pub mod signer;
pub mod store;
pub mod under_way;
