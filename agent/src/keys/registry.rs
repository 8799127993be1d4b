//! All keys of this node: in memory for speed, in `state.json` files for truth.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shadow_core::names::Key;
use tokio::sync::watch;

use super::{KeyState, UnderWay, markers};
use crate::layout::{KeyFolder, Layout};

/// Why state could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("{what} {path}: {source}", path = path.display())]
pub struct KeysError {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl KeysError {
    /// What the disk said.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

pub(super) fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeysError {
    move |source| KeysError {
        what,
        path: path.to_owned(),
        source,
    }
}

/// All keys.
#[derive(Clone, Debug)]
pub struct Keys {
    layout: Layout,
    slots: Arc<Mutex<HashMap<Key, Arc<Slot>>>>,
}

/// One key.
#[derive(Debug)]
pub struct Slot {
    /// The key.
    pub key: Key,
    /// Its folder.
    pub folder: KeyFolder,
    /// Held while the archive is made, so that a second request waits for the first.
    pub making: tokio::sync::Mutex<()>,
    /// How far that is.
    pub under_way: UnderWay,
    /// False for a key that a claim asked for before the controller announced it.
    state: watch::Sender<Option<KeyState>>,
}

impl Keys {
    /// Reads what an earlier agent left.
    pub fn load(layout: Layout) -> Result<Self, KeysError> {
        for dir in [layout.keys(), layout.over_markers()] {
            let made = fs::DirBuilder::new().mode(0o700).recursive(true).create(&dir);
            made.map_err(failed("could not make folder", &dir))?;
        }
        markers::take_over(&layout)?;
        let keys = Self {
            layout,
            slots: Arc::default(),
        };
        let dir = keys.layout.keys();
        for entry in fs::read_dir(&dir).map_err(failed("could not read folder", &dir))? {
            let name = entry.map_err(failed("could not read folder", &dir))?.file_name();
            match Key::parse(&name.to_string_lossy()) {
                Ok(key) => keys.load_one(key)?,
                Err(error) => tracing::warn!(%error, "foreign folder among the keys"),
            }
        }
        Ok(keys)
    }

    fn load_one(&self, key: Key) -> Result<(), KeysError> {
        let slot = self.slot(&key);
        let path = slot.folder.state();
        let state = match fs::read(&path) {
            Ok(json) => serde_json::from_slice::<KeyState>(&json)
                .map_err(|error| failed("could not understand", &path)(error.into()))?,
            // Died before the first write: an archive without a state is worth nothing.
            Err(error) if error.kind() == io::ErrorKind::NotFound => KeyState::default(),
            Err(error) => return Err(failed("could not read", &path)(error)),
        };
        slot.state.send_replace(Some(state.after_restart()));
        Ok(())
    }

    /// Folders of this node.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The slot of a key, which is kept from now on.
    pub fn slot(&self, key: &Key) -> Arc<Slot> {
        let make = || self.empty(key);
        self.slots().entry(key.clone()).or_insert_with(make).clone()
    }

    /// The slot of a key if there is one, else an empty one that is not kept: what is only looked up takes no memory.
    pub fn look_up(&self, key: &Key) -> Arc<Slot> {
        let known = self.slots().get(key).cloned();
        known.unwrap_or_else(|| self.empty(key))
    }

    fn empty(&self, key: &Key) -> Arc<Slot> {
        Arc::new(Slot {
            key: key.clone(),
            folder: self.layout.key(key),
            making: tokio::sync::Mutex::default(),
            under_way: UnderWay::default(),
            state: watch::Sender::new(None),
        })
    }

    /// All keys that have a state.
    pub fn known(&self) -> Vec<Arc<Slot>> {
        self.slots()
            .values()
            .filter(|slot| slot.state.borrow().is_some())
            .cloned()
            .collect()
    }

    /// Whether restarts under this key start fresh without asking anyone.
    pub fn is_over(&self, key: &Key) -> bool {
        self.layout.over_marker(key).exists()
    }

    /// Forgets a key and removes its archive. A container that was restored under it starts fresh from now on.
    pub fn remove(&self, slot: &Slot) -> Result<(), KeysError> {
        use super::state::ClaimRecord;
        let restored = matches!(
            slot.now().map(|state| state.claim),
            Some(ClaimRecord::Restored { .. })
        );
        if restored {
            markers::write(&self.layout, &slot.key)?;
        }
        match fs::remove_dir_all(&slot.folder.dir) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("could not remove", &slot.folder.dir)(error)),
        }
        slot.state.send_replace(None);
        // A claim that waits goes on waiting on this very slot, should the key be announced again.
        if slot.state.receiver_count() == 0 {
            self.slots().remove(&slot.key);
        }
        Ok(())
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Key, Arc<Slot>>> {
        // A panic elsewhere leaves the map whole: it is changed by single inserts and removals.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// The state as it is.
    pub fn now(&self) -> Option<KeyState> {
        self.state.borrow().clone()
    }

    /// Follows every change.
    pub fn watch(&self) -> watch::Receiver<Option<KeyState>> {
        self.state.subscribe()
    }

    /// Changes the state, on disk first; makes the key known. What `change` returns is handed back.
    pub fn update<T>(&self, change: impl FnOnce(&mut KeyState) -> T) -> Result<T, KeysError> {
        let mut outcome = None;
        self.state.send_if_modified(|present| {
            let mut next = present.clone().unwrap_or_default();
            let result = change(&mut next);
            if present.as_ref() == Some(&next) {
                outcome = Some(Ok(result));
                return false;
            }
            if let Err(error) = self.persist(&next) {
                outcome = Some(Err(error));
                return false;
            }
            *present = Some(next);
            outcome = Some(Ok(result));
            true
        });
        outcome.unwrap_or_else(|| {
            Err(failed("did not change", &self.folder.dir)(
                io::ErrorKind::Other.into(),
            ))
        })
    }

    fn persist(&self, state: &KeyState) -> Result<(), KeysError> {
        let dir = &self.folder.dir;
        let made = fs::DirBuilder::new().mode(0o700).recursive(true).create(dir);
        made.map_err(failed("could not make folder", dir))?;
        let path = self.folder.state();
        let next = path.with_extension("next");
        let json =
            serde_json::to_vec(state).map_err(|error| failed("could not write", &path)(error.into()))?;
        fs::write(&next, json).map_err(failed("could not write", &next))?;
        fs::rename(&next, &path).map_err(failed("could not replace", &path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_looked_up_is_not_kept() {
        let home = tempfile::tempdir().unwrap();
        let keys = Keys::load(Layout::below(home.path())).unwrap();
        let key = |number: u32| Key::of("uid", 1, number).unwrap();
        for number in 0..100 {
            drop(keys.look_up(&key(number)));
        }
        assert!(keys.slots().is_empty());
        let kept = keys.slot(&key(0));
        assert!(Arc::ptr_eq(&kept, &keys.look_up(&key(0))));
        assert_eq!(keys.slots().len(), 1);
    }
}
