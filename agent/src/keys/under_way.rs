//! How far the work on a key's archive is, for people who watch. It is in memory alone: after a restart of the agent no work goes on.
//!
//! Guarantee: what is told ends with the work, however that ends; nothing that moves an archive waits for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use shadow_core::wire::Work;

use crate::layout::KeyFolder;
use crate::node::pausing_criu;

/// The work that goes on, if any: a key has one at a time.
#[derive(Clone, Debug, Default)]
pub struct UnderWay(Arc<Mutex<Option<Source>>>);

/// From where it is known how far it is.
#[derive(Clone, Debug)]
enum Source {
    /// The files that are written, and when the container was paused for them.
    Dump { partial: PathBuf, stamp: PathBuf },
    /// The files that are written, of so many bytes.
    Receive { partial: PathBuf, of: u64 },
    /// A count of what is read.
    Send { done: Arc<AtomicU64>, of: u64 },
}

/// The work goes on as long as this lives.
#[derive(Debug)]
pub struct Going(UnderWay);

impl UnderWay {
    /// A container is dumped into this folder.
    #[must_use = "the work ends when this is dropped"]
    pub fn dumps(&self, folder: &KeyFolder) -> Going {
        self.begins(Source::Dump {
            partial: folder.partial(),
            stamp: folder.paused_at(),
        })
    }

    /// An archive of so many bytes is received into this folder.
    #[must_use = "the work ends when this is dropped"]
    pub fn receives(&self, folder: &KeyFolder, of: u64) -> Going {
        let partial = folder.partial();
        self.begins(Source::Receive { partial, of })
    }

    /// An archive of so many bytes is sent, which `done` counts.
    #[must_use = "the work ends when this is dropped"]
    pub fn sends(&self, done: Arc<AtomicU64>, of: u64) -> Going {
        self.begins(Source::Send { done, of })
    }

    fn begins(&self, source: Source) -> Going {
        self.set(Some(source));
        Going(self.clone())
    }

    fn set(&self, source: Option<Source>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = source;
    }

    /// How far it is; `None` when none goes on.
    pub async fn told(&self) -> Option<Work> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?;
        let here = self.clone();
        // An archive may have thousands of files. Nothing is told while the agent is being stopped.
        let looked = tokio::task::spawn_blocking(move || here.now()).await;
        looked.ok().flatten()
    }

    fn now(&self) -> Option<Work> {
        let source = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(match source {
            Source::Dump { partial, stamp } => Work {
                bytes: bytes(&partial),
                of: None,
                frozen_millis: frozen_millis(&stamp),
            },
            Source::Receive { partial, of } => so_far(bytes(&partial), of),
            Source::Send { done, of } => so_far(done.load(Ordering::Relaxed), of),
        })
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

/// The manifest lies among the files, so these may be a little more than was promised.
fn so_far(bytes: u64, of: u64) -> Work {
    Work {
        bytes: bytes.min(of),
        of: Some(of),
        frozen_millis: None,
    }
}

/// A clock that was set back tells nothing.
fn frozen_millis(stamp: &Path) -> Option<u64> {
    let since = pausing_criu::paused_at(stamp)?;
    let frozen = SystemTime::now().duration_since(since).ok()?;
    u64::try_from(frozen.as_millis()).ok()
}

/// Bytes of all files in a folder and below; what is not there (yet) has none.
pub fn bytes(folder: &Path) -> u64 {
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
    use std::time::UNIX_EPOCH;

    use super::*;

    fn folder(root: &Path) -> KeyFolder {
        let folder = KeyFolder { dir: root.to_owned() };
        fs::create_dir_all(folder.partial().join("images")).unwrap();
        fs::create_dir_all(folder.work()).unwrap();
        folder
    }

    #[test]
    fn files_in_folders_count() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(bytes(&root.path().join("not yet")), 0);
        let folder = folder(root.path());
        fs::write(folder.partial().join("images/pages-1.img"), [0; 7]).unwrap();
        fs::write(folder.partial().join("layer"), [0; 2]).unwrap();
        assert_eq!(bytes(&folder.partial()), 9);
    }

    #[test]
    fn a_dump_tells_what_it_has_written_and_for_how_long_the_container_stands_still() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        let under_way = UnderWay::default();
        let going = under_way.dumps(&folder);
        fs::write(folder.partial().join("images/pages-1.img"), [0; 7]).unwrap();
        let runs = under_way.now().unwrap();
        assert_eq!((runs.bytes, runs.of, runs.frozen_millis), (7, None, None));
        let ago = SystemTime::now() - std::time::Duration::from_millis(400);
        let nanos = ago.duration_since(UNIX_EPOCH).unwrap().as_nanos();
        fs::write(folder.paused_at(), nanos.to_string()).unwrap();
        let frozen = under_way.now().unwrap().frozen_millis.unwrap();
        assert!((400..60_000).contains(&frozen), "{frozen}");
        drop(going);
        assert_eq!(under_way.now(), None, "the stamp is still there, the dump is not");
    }

    #[test]
    fn of_what_comes_never_more_is_told_than_was_promised() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        let under_way = UnderWay::default();
        let _going = under_way.receives(&folder, 8);
        for (written, told) in [(3, 3), (9, 8)] {
            fs::write(folder.partial().join("images/pages-1.img"), vec![0; written]).unwrap();
            let work = under_way.now().unwrap();
            assert_eq!((work.bytes, work.of), (told, Some(8)));
        }
    }

    #[test]
    fn what_is_sent_is_counted() {
        let (under_way, done) = (UnderWay::default(), Arc::<AtomicU64>::default());
        let going = under_way.sends(Arc::clone(&done), 8);
        done.fetch_add(5, Ordering::Relaxed);
        assert_eq!(under_way.now().unwrap().bytes, 5);
        drop(going);
        assert_eq!(under_way.now(), None);
    }
}
