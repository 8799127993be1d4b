//! What is known of each restore key.
//!
//! Guarantees: a change is on the node's memory-backed disk before anyone learns of it, so an agent that restarts
//! knows what it promised; everyone who waits for a key sees every change.

mod markers;
pub mod registry;
pub mod state;
pub mod under_way;

pub use registry::{Keys, KeysError, Slot};
pub use state::{KeyState, Origin};
pub use under_way::UnderWay;
