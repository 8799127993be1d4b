//! Whether a dump still writes: one that hangs keeps its container paused.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Since when a folder has as many bytes as now.
pub(super) struct Growth {
    bytes: u64,
    since: Instant,
}

impl Growth {
    /// Of an empty folder.
    pub(super) fn begun(now: Instant) -> Self {
        Self { bytes: 0, since: now }
    }

    /// How long it has not grown, given its bytes now.
    pub(super) fn still_for(&mut self, bytes: u64, now: Instant) -> Duration {
        if bytes != self.bytes {
            *self = Self { bytes, since: now };
        }
        now.saturating_duration_since(self.since)
    }
}

/// Bytes of all files in a folder and below; what is not there (yet) has none.
pub(super) fn bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(facts) if facts.is_dir() => bytes(&entry.path()),
            Ok(facts) => facts.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_writes_is_not_still() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut growth = Growth::begun(begun);
        assert_eq!(growth.still_for(0, at(3)), Duration::from_secs(3));
        assert_eq!(growth.still_for(10, at(4)), Duration::ZERO);
        assert_eq!(growth.still_for(10, at(9)), Duration::from_secs(5));
        assert_eq!(
            growth.still_for(4, at(10)),
            Duration::ZERO,
            "begun anew is not still"
        );
    }

    #[test]
    fn files_in_folders_count() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(bytes(&folder.path().join("not yet")), 0);
        let images = folder.path().join("images");
        fs::create_dir(&images).unwrap();
        fs::write(images.join("pages-1.img"), [0; 7]).unwrap();
        fs::write(folder.path().join("layer"), [0; 2]).unwrap();
        assert_eq!(bytes(folder.path()), 9);
    }
}
