//! The note that a container is paused by a dump: made before the pause, removed after the thaw. Whoever finds one
//! without its dump thaws the container.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;

use shadow_core::names::Key;

use super::freezer::Freezer;
use super::{ContainerId, NodeError, orphans};
use crate::layout;

/// Makes the note. That it must be new keeps a second dump of the container out.
pub fn write(id: &ContainerId, key: &Key) -> Result<(), NodeError> {
    let dir = layout::frozen_notes();
    let made = fs::DirBuilder::new().mode(0o700).recursive(true).create(&dir);
    made.map_err(NodeError::at("make folder", &dir))?;
    let path = layout::frozen_note(id);
    let mut file =
        File::create_new(&path).map_err(NodeError::at("note the dump (is one under way?)", &path))?;
    // The helper starts each dump in a process group of its own.
    let text = format!("{} {key}", std::process::id());
    file.write_all(text.as_bytes())
        .map_err(NodeError::at("write", &path))
}

/// Whether the container was paused under this key and not thawed since.
pub fn names(id: &ContainerId, key: &Key) -> bool {
    let text = fs::read_to_string(layout::frozen_note(id)).unwrap_or_default();
    text.split_once(' ')
        .is_some_and(|(_, noted)| noted == key.as_str())
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
    let text = fs::read_to_string(layout::frozen_note(id)).unwrap_or_default();
    let group = text.split(' ').next().and_then(|group| group.parse::<i32>().ok());
    if let Some(group) = group {
        orphans::settle(group)?;
    }
    thaw(id)
}

/// Thaws every container that a dead dump left paused; returns their ids.
pub fn thaw_orphans() -> Result<Vec<String>, NodeError> {
    let dir = layout::frozen_notes();
    let listing = match fs::read_dir(&dir) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(NodeError::at("read folder", &dir)(error)),
    };
    let mut thawed = Vec::new();
    for entry in listing {
        let name = entry.map_err(NodeError::at("read folder", &dir))?.file_name();
        let id = ContainerId::parse(&name.to_string_lossy()).map_err(|e| NodeError::Unfit(e.to_string()))?;
        thaw_orphan(&id)?;
        thawed.push(id.to_string());
    }
    Ok(thawed)
}
