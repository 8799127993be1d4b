//! Markers that a container whose move is over starts fresh, without a word from the agent.
//!
//! Guarantee: a marker that was written is there after a reboot and after a loss of power.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use shadow_core::names::Key;

use super::registry::{KeysError, failed};
use crate::layout::Layout;

/// Writes the marker of a key.
pub(super) fn write(layout: &Layout, key: &Key) -> Result<(), KeysError> {
    let marker = layout.over_marker(key);
    on_disk(&marker, &layout.over_markers()).map_err(failed("could not write", &marker))
}

/// Those of an earlier version lie in memory; they go to the disk.
pub(super) fn take_over(layout: &Layout) -> Result<(), KeysError> {
    let earlier = layout.earlier_over_markers();
    let listing = match fs::read_dir(&earlier) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        listing => listing.map_err(failed("could not read folder", &earlier))?,
    };
    for entry in listing {
        let entry = entry.map_err(failed("could not read folder", &earlier))?;
        match Key::parse(&entry.file_name().to_string_lossy()) {
            Ok(key) => write(layout, &key)?,
            Err(error) => tracing::warn!(%error, "foreign file among the markers"),
        }
    }
    fs::remove_dir_all(&earlier).map_err(failed("could not remove", &earlier))
}

fn on_disk(marker: &Path, folder: &Path) -> io::Result<()> {
    File::create(marker)?.sync_all()?;
    // The name, too.
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_of_an_earlier_version_are_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::below(dir.path());
        let earlier = layout.earlier_over_markers();
        fs::create_dir_all(&earlier).unwrap();
        fs::create_dir_all(layout.over_markers()).unwrap();
        fs::write(earlier.join("k-1-0"), "").unwrap();
        fs::write(earlier.join("NOT A KEY"), "").unwrap();
        take_over(&layout).unwrap();
        let key = Key::parse("k-1-0").unwrap();
        assert!(layout.over_marker(&key).exists());
        assert!(!earlier.exists(), "a second start finds nothing to do");
        take_over(&layout).unwrap();
    }

    #[test]
    fn markers_do_not_lie_in_the_folder_that_a_reboot_empties() {
        let key = Key::parse("k-1-0").unwrap();
        let marker = Layout::node().over_marker(&key);
        assert!(!marker.starts_with("/run"), "{}", marker.display());
    }
}
