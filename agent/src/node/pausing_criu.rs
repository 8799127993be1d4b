//! The CRIU of our dumps ([`our_criu`]): pauses the container, then dumps.
//!
//! Starting runc takes as long as the dump of a small process. Were the container paused before, all of that would count
//! as freeze; paused here, it stands still only while CRIU works.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::freezer::Freezer;
use super::{ContainerId, NodeError, our_criu};

/// Environment: container to pause.
const CONTAINER: &str = "SHADOW_PAUSE_CONTAINER";
/// Environment: file that tells when it stood still.
const STAMP: &str = "SHADOW_PAUSE_STAMP";

/// Prepares a run of runc whose CRIU pauses `id` and leaves a stamp.
pub fn prepare(command: &mut Command, id: &ContainerId, stamp: &Path) -> Result<(), NodeError> {
    our_criu::stand_in(command)?;
    command.env(CONTAINER, id.as_str()).env(STAMP, stamp);
    Ok(())
}

/// When the container stood still; `None` if it does not yet.
pub fn paused_at(stamp: &Path) -> Option<SystemTime> {
    let nanos = fs::read_to_string(stamp).ok()?.parse::<u64>().ok()?;
    Some(UNIX_EPOCH + Duration::from_nanos(nanos))
}

/// What [`prepare`] asked for.
pub(super) struct Pause {
    container: String,
    stamp: OsString,
}

/// What was asked of this process; `None` if it is of no dump of ours.
pub(super) fn asked() -> Option<Pause> {
    Some(Pause {
        container: std::env::var(CONTAINER).ok()?,
        stamp: std::env::var_os(STAMP)?,
    })
}

impl Pause {
    /// Returns when the container stands still and the stamp says so.
    pub(super) fn pause(self) -> Result<(), NodeError> {
        let id = ContainerId::parse(&self.container).map_err(|error| NodeError::Unfit(error.to_string()))?;
        Freezer::of(&id)?.freeze()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Whole or not at all: the dump waits for this file.
        let stamp = Path::new(&self.stamp);
        let next = stamp.with_extension("next");
        fs::write(&next, now.as_nanos().to_string()).map_err(NodeError::at("write", &next))?;
        fs::rename(&next, stamp).map_err(NodeError::at("write", stamp))
    }
}
