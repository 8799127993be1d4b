//! Faults of the scenarios that others make, too, and what has to be well again after them.

pub use crate::aftermath::cleared;
pub use crate::faults::nodes_ready;
pub use crate::faults::stopped::{Stopped, kill_part};
pub use crate::kills::{end_controller, kill_controller};
