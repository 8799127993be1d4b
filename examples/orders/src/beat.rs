//! A number that is kept in memory and in a file, and goes up every millisecond: what a process does between the moment at which
//! it is dumped and its end shows as a difference.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

const PERIOD: Duration = Duration::from_millis(1);

/// Counts in memory and in this file until the process ends. Where the file holds another number than the memory, both are
/// written to a file of the same name with the ending `torn`.
///
/// # Errors
/// When the file cannot be made.
pub fn start(path: PathBuf) -> io::Result<()> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)?;
    file.write_all_at(&0_u64.to_le_bytes(), 0)?;
    thread::Builder::new().name("beat".to_owned()).spawn(move || {
        if let Err(error) = count(&file, &path) {
            tracing::error!(%error, path = %path.display(), "the beat stops");
        }
    })?;
    Ok(())
}

fn count(file: &File, path: &Path) -> io::Result<()> {
    let mut memory = 0_u64;
    loop {
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, 0)?;
        let disk = u64::from_le_bytes(bytes);
        if disk != memory {
            let torn = format!("{memory} in memory, {disk} in the file\n");
            std::fs::write(path.with_extension("torn"), torn)?;
            memory = disk;
        }
        memory += 1;
        file.write_all_at(&memory.to_le_bytes(), 0)?;
        thread::sleep(PERIOD);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits for something that another thread writes; gives up after 5 s.
    fn becomes<T>(look: impl Fn() -> Option<T>) -> T {
        let begun = std::time::Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(begun.elapsed() < Duration::from_secs(5), "it does not come about");
            thread::sleep(PERIOD);
        }
    }

    #[test]
    fn a_file_that_went_on_without_the_memory_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("beat");
        start(path.clone()).unwrap();
        let disk = || {
            std::fs::read(&path)
                .ok()
                .and_then(|b| b.try_into().ok())
                .map(u64::from_le_bytes)
        };
        becomes(|| disk().filter(|number| *number > 10));
        let torn = path.with_extension("torn");
        assert!(!torn.exists());
        let other = OpenOptions::new().write(true).open(&path).unwrap();
        let said = becomes(|| {
            other.write_all_at(&1_000_000_u64.to_le_bytes(), 0).unwrap();
            std::fs::read_to_string(&torn)
                .ok()
                .filter(|said| said.contains("1000000 in the file"))
        });
        assert!(said.contains("in memory"), "{said}");
    }
}
