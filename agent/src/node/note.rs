//! The note that a container is paused by a dump: made before the pause, removed after the thaw.
//!
//! Guarantees: a container that a note names is thawed by the program that finds the note without its dump, or when the time
//! in it is over; one whose note holds a promise is not. Changes of a note exclude each other.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use shadow_core::names::Key;

use super::freezer::Freezer;
use super::{ContainerId, NodeError, orphans};
use crate::layout;

/// What stands in a note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    /// Process group of the dump.
    pub group: i32,
    /// Key of the dump.
    pub key: Key,
    /// Until when the container stands still.
    pub paused: Paused,
}

/// Until when a container stands still. Times are milliseconds since the node was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Paused {
    /// Until its dump ends.
    WhileDumped,
    /// Until then, or until nothing was heard of the controller for too long.
    Until {
        /// Limit of the freeze.
        limit: u64,
        /// When the controller was last heard of.
        heard: u64,
    },
    /// Until a person, the controller or the migration says otherwise.
    Promised,
}

/// A container stands still no longer than this after the controller was last heard of.
pub const UNHEARD: Duration = Duration::from_secs(30);

impl Paused {
    /// Whether the container has to be let go on now.
    pub fn is_over(self, now: u64) -> bool {
        match self {
            Self::WhileDumped | Self::Promised => false,
            Self::Until { limit, heard } => now >= limit || now >= heard.saturating_add(millis(UNHEARD)),
        }
    }
}

/// Milliseconds since the node was started, time in suspension included.
pub fn clock() -> Result<u64, NodeError> {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).map_err(NodeError::call("read the clock"))?;
    let whole = u64::try_from(now.tv_sec()).unwrap_or_default() * 1_000;
    Ok(whole + u64::try_from(now.tv_nsec() / 1_000_000).unwrap_or_default())
}

/// A duration in whole milliseconds.
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Held while notes are read and changed.
pub struct Locked(#[allow(dead_code, reason = "the lock is the file")] Flock<File>);

/// Waits until nobody else changes a note.
pub fn lock() -> Result<Locked, NodeError> {
    let dir = folder()?;
    let file = File::open(&dir).map_err(NodeError::at("open", &dir))?;
    let locked = Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, errno)| NodeError::call("lock the notes on paused containers")(errno))?;
    Ok(Locked(locked))
}

fn folder() -> Result<std::path::PathBuf, NodeError> {
    let dir = layout::frozen_notes();
    let made = fs::DirBuilder::new().mode(0o700).recursive(true).create(&dir);
    made.map_err(NodeError::at("make folder", &dir))?;
    Ok(dir)
}

/// Makes the note. That it must be new keeps a second dump of the container out.
pub fn write(id: &ContainerId, key: &Key) -> Result<(), NodeError> {
    folder()?;
    let path = layout::frozen_note(id);
    let mut file =
        File::create_new(&path).map_err(NodeError::at("note the dump (is one under way?)", &path))?;
    // The helper starts each dump in a process group of its own.
    let note = Note {
        group: i32::try_from(std::process::id()).unwrap_or_default(),
        key: key.clone(),
        paused: Paused::WhileDumped,
    };
    file.write_all(&encoded(&note)?)
        .map_err(NodeError::at("write", &path))
}

/// Changes a note, whole or not at all.
pub fn change(id: &ContainerId, note: &Note, _locked: &Locked) -> Result<(), NodeError> {
    let (path, next) = (layout::frozen_note(id), layout::next_frozen_note());
    fs::write(&next, encoded(note)?).map_err(NodeError::at("write", &next))?;
    fs::rename(&next, &path).map_err(NodeError::at("write", &path))
}

fn encoded(note: &Note) -> Result<Vec<u8>, NodeError> {
    serde_json::to_vec(note).map_err(|error| NodeError::Unfit(format!("a note cannot be written: {error}")))
}

/// What a note says; `None` when there is none, or none that is understood.
pub fn read(id: &ContainerId) -> Option<Note> {
    let text = fs::read(layout::frozen_note(id)).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Whether the container was paused under this key and not thawed since.
pub fn names(id: &ContainerId, key: &Key) -> bool {
    read(id).is_some_and(|note| note.key == *key)
}

/// Thaws a container and removes the note. One that is gone needs no thawing.
pub fn thaw(id: &ContainerId) -> Result<(), NodeError> {
    if layout::runc_state(id).exists() {
        Freezer::of(id)?.thaw()?;
    }
    let path = layout::frozen_note(id);
    match fs::remove_file(&path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(NodeError::at("remove", &path)(error)),
    }
}

/// Thaws a container whose dump is dead.
pub fn thaw_orphan(id: &ContainerId) -> Result<(), NodeError> {
    if let Some(note) = read(id) {
        orphans::settle(note.group)?;
    }
    thaw(id)
}

/// Thaws every container that a dead dump left paused; returns their ids. One that stands still after its dump goes on when
/// its time is over.
pub fn thaw_orphans() -> Result<Vec<String>, NodeError> {
    let mut thawed = Vec::new();
    for id in all()? {
        match read(&id).map(|note| note.paused) {
            Some(Paused::Until { .. } | Paused::Promised) => {}
            Some(Paused::WhileDumped) | None => {
                thaw_orphan(&id)?;
                thawed.push(id.to_string());
            }
        }
    }
    Ok(thawed)
}

/// Containers that a note names.
pub fn all() -> Result<Vec<ContainerId>, NodeError> {
    let dir = layout::frozen_notes();
    let listing = match fs::read_dir(&dir) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(NodeError::at("read folder", &dir)(error)),
    };
    let parsed = |entry: io::Result<fs::DirEntry>| {
        let name = entry.map_err(NodeError::at("read folder", &dir))?.file_name();
        ContainerId::parse(&name.to_string_lossy()).map_err(|error| NodeError::Unfit(error.to_string()))
    };
    listing.map(parsed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freeze_is_over_at_its_limit_or_when_nothing_is_heard_but_never_after_a_promise() {
        let until = |limit, heard| Paused::Until { limit, heard };
        for (paused, now, over) in [
            (until(5_000, 0), 4_999, false),
            (until(5_000, 0), 5_000, true),
            (until(100_000, 1_000), 30_999, false),
            (until(100_000, 1_000), 31_000, true),
            (Paused::Promised, u64::MAX, false),
            (Paused::WhileDumped, u64::MAX, false),
        ] {
            assert_eq!(paused.is_over(now), over, "{paused:?} at {now}");
        }
    }

    #[test]
    fn the_clock_goes_on() {
        let (first, second) = (clock().unwrap(), clock().unwrap());
        assert!(first > 0 && second >= first);
    }
}
