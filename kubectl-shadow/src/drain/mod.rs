//! Draining a node: which pods are moved, evicted or stay, what becomes of each, and why. Pure; `commands::drain` acts.
//!
//! Guarantee: each pod of the node has a row, known by its UID, and each row says at every moment what happens to its pod and why.

mod decide;
mod end;
mod row;
mod sort;
mod standing;
mod table;

pub use decide::to_decide;
pub use end::{ending, ending_of_plan, summary};
pub use row::{Row, State};
pub use sort::{Leave, What, sorted};
pub use standing::{Order, Stage, Standing};
pub use table::{document, in_order, line, table};
