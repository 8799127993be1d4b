//! Operations inside the node's own namespaces: plain blocking code, run in a short-lived child of the helper.
//!
//! Guarantees: nothing but container ids and keys decides on paths and arguments; programs are started with an argument
//! list, never through a shell; whatever pauses a container leaves a note first, so that it can be thawed by anyone.

mod capabilities;
pub mod connections;
pub mod container;
pub mod criu_log;
pub mod dump;
pub mod ended;
pub mod enter;
pub mod error;
pub mod facts;
pub mod freezer;
pub mod full_disk;
pub(crate) mod mountinfo;
pub mod note;
pub mod orphans;
pub mod our_criu;
pub mod overlay;
pub mod pausing_criu;
pub mod preflight;
pub mod quiet;
pub mod restoring_criu;
pub(crate) mod room;
pub mod runc;
pub mod standstill;
mod unix_sockets;
mod whose;
pub mod within;

pub use container::ContainerId;
pub use error::NodeError;
