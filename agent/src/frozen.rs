//! Containers that stay frozen after their dump, as the agent sees to them.
//!
//! Guarantee: a container whose node has promised to leave it frozen goes on when the migration is undone or gone, also when the
//! controller never says so. While the API server does not answer it stays frozen: it may have been committed.

use std::time::Duration;

use shadow_core::names::Key;
use shadow_core::wire::{FreezeOrder, Frozen};
use tracing::{info, warn};

use crate::checkpoint::CheckpointError;
use crate::cluster::{Cluster, Fate};
use crate::helper::HelperClient;
use crate::keys::{KeyState, Keys, Slot};

/// How often the migration is read.
const EVERY: Duration = Duration::from_secs(5);

/// Does what is wanted with the container that was dumped under a key.
pub async fn obey(
    helper: &HelperClient,
    key: &Key,
    state: &KeyState,
    order: FreezeOrder,
) -> Result<Frozen, CheckpointError> {
    Ok(helper.freeze(key, &state.container_id()?, order).await?)
}

/// A key that is forgotten leaves nothing frozen.
pub async fn leave(helper: &HelperClient, slot: &Slot) -> Result<(), CheckpointError> {
    match slot.now().filter(|state| state.stays_frozen) {
        Some(state) => obey(helper, &slot.key, &state, FreezeOrder::Thaw).await.map(drop),
        None => Ok(()),
    }
}

/// Reads the migrations of all keys whose container may stand still, until the task is dropped.
pub async fn watch(keys: Keys, cluster: Cluster, helper: HelperClient) {
    let mut clock = tokio::time::interval(EVERY);
    loop {
        clock.tick().await;
        for slot in keys.known() {
            // One that is being dumped is looked at next time.
            let Ok(_nobody_writes) = slot.making.try_lock() else {
                continue;
            };
            if let Some(state) = slot.now().filter(|state| state.stays_frozen) {
                see_to(&slot, &state, &cluster, &helper).await;
            }
        }
    }
}

async fn see_to(slot: &Slot, state: &KeyState, cluster: &Cluster, helper: &HelperClient) {
    let key = &slot.key;
    match cluster.fate(&state.namespace, key).await {
        Ok(Fate::Undecided | Fate::Committed) => return,
        Ok(Fate::Undone) => {}
        Err(error) => return warn!(%key, %error, "not known whether a frozen container may go on"),
    }
    let thawed = match obey(helper, key, state, FreezeOrder::Thaw).await {
        Ok(_) => slot.update(|state| state.stays_frozen = false),
        Err(error) => return warn!(%key, %error, "a container could not be thawed"),
    };
    match thawed {
        Ok(()) => info!(%key, "the move is undone: nothing of it stands still"),
        Err(error) => warn!(%key, %error, "a thawed container is not on record"),
    }
}
