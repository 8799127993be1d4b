//! The consumers of ours that hold single-active queues, by the key of their handoff. They live in this process alone:
//! a controller that dies lets go of all of them, and the next one finds none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shadow_core::names::Key;

use crate::broker::{HoldState, SingleActiveHold};

/// All of them.
#[derive(Default)]
pub struct Holds {
    links: Mutex<HashMap<Key, Arc<SingleActiveHold>>>,
}

impl Holds {
    /// That of one handoff.
    pub fn get(&self, key: &Key) -> Option<Arc<SingleActiveHold>> {
        self.links().get(key).cloned()
    }

    /// Whether there is one that is not lost.
    pub fn is_held(&self, key: &Key) -> bool {
        self.get(key).is_some_and(|hold| match hold.state() {
            HoldState::Waiting | HoldState::Active => true,
            HoldState::Lost(_) => false,
        })
    }

    /// Keeps one; an earlier one of this handoff, lost by now, is dropped.
    pub fn keep(&self, key: &Key, hold: SingleActiveHold) {
        self.links().insert(key.clone(), Arc::new(hold));
    }

    /// Gives one up. `None`: there is none, or somebody looks at it at this very moment.
    pub fn take(&self, key: &Key) -> Option<SingleActiveHold> {
        let mut links = self.links();
        let shared = links.remove(key)?;
        match Arc::try_unwrap(shared) {
            Ok(hold) => Some(hold),
            Err(shared) => {
                links.insert(key.clone(), shared);
                None
            }
        }
    }

    /// Handoffs that hold one.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.links().keys().cloned().collect()
    }

    fn links(&self) -> MutexGuard<'_, HashMap<Key, Arc<SingleActiveHold>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
