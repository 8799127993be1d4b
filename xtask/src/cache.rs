//! Compiled dependencies are kept outside the checkout, so that a fresh clone compiles our own crates alone.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Cargo keeps what it compiled for every version of a dependency, of a compiler and of a checkout's folder. Above this the
/// folder is begun again: bytes. One checkout takes about 3 GB.
const LARGEST: u64 = 16 << 30;
/// Cargo holds these files of a build folder while it compiles.
const LOCK: &str = ".cargo-lock";

/// The folder of everything that is kept outside the checkout; none where no home is known.
#[must_use]
pub fn cache() -> Option<PathBuf> {
    let folder = |name| env::var_os(name).map(PathBuf::from);
    folder("KUBECTL_SHADOW_CACHE")
        .or_else(|| Some(folder("XDG_CACHE_HOME")?.join("kubectl-shadow")))
        .or_else(|| Some(folder("HOME")?.join(".cache/kubectl-shadow")))
}

/// Where cargo keeps what it compiles. A user's own choice stays.
pub(crate) fn build_folder() -> Option<PathBuf> {
    match env::var_os("CARGO_BUILD_BUILD_DIR") {
        Some(_) => None,
        None => Some(cache()?.join("build")),
    }
}

/// Removes the build folder if it has grown beyond 16 GB and no cargo is at work in it. Says whether it was removed.
///
/// # Errors
///
/// The folder cannot be read or removed.
pub fn bound() -> io::Result<bool> {
    match build_folder() {
        Some(folder) if folder.exists() => bounded(&folder, LARGEST),
        Some(_) | None => Ok(false),
    }
}

fn bounded(folder: &Path, largest: u64) -> io::Result<bool> {
    let mut contents = Contents::default();
    contents.add(folder)?;
    if contents.bytes <= largest {
        return Ok(false);
    }
    // Held until the folder is gone.
    let mut held = Vec::new();
    for lock in contents.locks {
        let file = File::open(&lock)?;
        match file.try_lock() {
            Ok(()) => held.push(file),
            Err(fs::TryLockError::WouldBlock) => return Ok(false),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
    }
    fs::remove_dir_all(folder)?;
    Ok(true)
}

#[derive(Default)]
struct Contents {
    bytes: u64,
    locks: Vec<PathBuf>,
}

impl Contents {
    fn add(&mut self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let meta = match entry.metadata() {
                Ok(meta) => meta,
                // A cargo at work removes files of its own.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if meta.is_dir() {
                self.add(&entry.path())?;
            } else {
                self.bytes += meta.len();
                if entry.file_name() == LOCK {
                    self.locks.push(entry.path());
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a lock and so many bytes beside it.
    fn folder(name: &str, bytes: usize) -> PathBuf {
        let folder = env::temp_dir().join(format!("xtask-cache-{}-{name}", std::process::id()));
        fs::create_dir_all(folder.join("verify")).unwrap();
        File::create(folder.join("verify").join(LOCK)).unwrap();
        fs::write(folder.join("verify/object"), vec![0; bytes]).unwrap();
        folder
    }

    #[test]
    fn folder_within_its_bound_stays() {
        let small = folder("small", 10);
        assert!(!bounded(&small, 10).unwrap());
        assert!(small.join("verify/object").exists());
        fs::remove_dir_all(small).unwrap();
    }

    #[test]
    fn folder_beyond_its_bound_goes_unless_cargo_works_in_it() {
        let large = folder("large", 11);
        let lock = File::open(large.join("verify").join(LOCK)).unwrap();
        lock.lock().unwrap();
        assert!(!bounded(&large, 10).unwrap());
        drop(lock);
        assert!(bounded(&large, 10).unwrap());
        assert!(!large.exists());
    }
}
