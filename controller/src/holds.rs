//! The consumers of ours that hold single-active queues, by the key of their handoff. They live in this process alone:
//! a controller that dies lets go of all of them, and the next one finds none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::Api;
use kube::api::ListParams;
use shadow_core::api::StatefulMigration;
use shadow_core::names::Key;

use crate::broker::{HoldState, SingleActiveHold};
use crate::context::Context;

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

    fn keys(&self) -> Vec<Key> {
        self.links().keys().cloned().collect()
    }

    fn links(&self) -> MutexGuard<'_, HashMap<Key, Arc<SingleActiveHold>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A migration that was removed by hand is never looked at again.
const ORPHANS: Duration = Duration::from_secs(10);

/// Lets go of the queues of migrations that are there no more.
pub async fn let_go_of_orphans(ctx: &Context) {
    let api: Api<StatefulMigration> = Api::all(ctx.client.clone());
    loop {
        tokio::time::sleep(ORPHANS).await;
        let keys = ctx.holds.keys();
        if keys.is_empty() {
            continue;
        }
        let living = match api.list(&ListParams::default()).await {
            Ok(all) => all.items,
            Err(error) => {
                tracing::warn!(%error, "not known whether held queues still belong to a migration");
                continue;
            }
        };
        let uids: Vec<&str> = living
            .iter()
            .filter_map(|one| one.metadata.uid.as_deref())
            .collect();
        for key in keys.iter().filter(|key| !belongs(key, &uids)) {
            let held = ctx.holds.is_held(key);
            let Some(hold) = ctx.holds.take(key) else { continue };
            if held {
                tracing::warn!(%key, "its migration was removed by hand; the queue is let go");
            }
            if let Err(error) = hold.release().await {
                tracing::info!(%key, %error, "the hold had ended before");
            }
        }
    }
}

/// A key begins with the UID of its migration.
fn belongs(key: &Key, uids: &[&str]) -> bool {
    uids.iter().any(|uid| key.as_str().starts_with(uid))
}
