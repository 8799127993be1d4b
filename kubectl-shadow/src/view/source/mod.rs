//! Where changes come from. Both sources give the same stream of events.

pub mod live;
mod link;
pub mod play;
mod watch;

pub use watch::Target;
