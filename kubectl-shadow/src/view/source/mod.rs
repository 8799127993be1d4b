//! Where changes come from. Both sources give the same stream of events.

mod link;
pub mod live;
pub mod play;
mod watch;

pub use watch::Target;
