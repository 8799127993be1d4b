//! Draining a node: which pods are moved, evicted or stay, what becomes of each, and why. Pure; `commands::drain` acts.
//!
//! Guarantee: each pod of the node has a row, known by its UID, and each row says at every moment what happens to its pod and why.

mod end;
mod row;
mod sort;
mod table;

pub use end::{ending, ending_of_plan, summary};
pub use row::{Row, State};
pub use sort::{Leave, What, sorted};
pub use table::{document, line, table};
