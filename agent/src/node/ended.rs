//! Whether any process of a container is left, asked of the kernel through the container's cgroup.

use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::freezer::Freezer;
use super::{ContainerId, NodeError};

const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Returns when no process of a killed container is left; an error when one still is after `patience`.
pub fn wait(id: &ContainerId, patience: Duration) -> Result<(), NodeError> {
    let begun = Instant::now();
    while has_processes(id)? {
        if begun.elapsed() > patience {
            return Err(NodeError::Unfit(format!(
                "container {id} was killed, but it still has processes after {patience:?}. The kernel may wait for a device"
            )));
        }
        thread::sleep(LOOK_AGAIN);
    }
    Ok(())
}

/// The runtime's state and the cgroup go away after the last process.
fn has_processes(id: &ContainerId) -> Result<bool, NodeError> {
    let freezer = match Freezer::of(id) {
        Err(NodeError::Io { source, .. }) if is_gone(&source) => return Ok(false),
        found => found?,
    };
    let path = freezer.processes();
    match fs::read_to_string(&path) {
        Ok(text) => Ok(!text.trim().is_empty()),
        Err(error) if is_gone(&error) => Ok(false),
        Err(error) => Err(NodeError::at("read", &path)(error)),
    }
}

/// A cgroup that is removed while it is read answers "no such device".
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(nix::libc::ENODEV)
}
