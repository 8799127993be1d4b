//! Removes what no migration needs any more: at start, and every half minute.
//!
//! Nothing is removed on doubt: when the API server does not answer, the sweep does nothing.

use std::fs;
use std::time::Duration;

use shadow_core::names::Key;
use tracing::{info, warn};

use crate::cluster::Cluster;
use crate::frozen;
use crate::helper::HelperClient;
use crate::keys::Keys;

/// Archives hold memory, hence secrets: they go within a minute of the end.
const EVERY: Duration = Duration::from_secs(30);

/// Sweeps until the task is dropped.
pub async fn run(keys: Keys, cluster: Cluster, helper: HelperClient) {
    let mut clock = tokio::time::interval(EVERY);
    loop {
        clock.tick().await;
        sweep_keys(&keys, &cluster, &helper).await;
        sweep_markers(&keys, &cluster).await;
    }
}

async fn sweep_keys(keys: &Keys, cluster: &Cluster, helper: &HelperClient) {
    for slot in keys.known() {
        let Some(state) = slot.now() else {
            continue;
        };
        if state.namespace.is_empty() {
            // The agent died before it had written whose it is: no archive of it is worth anything. What is being made is not touched.
            if let Ok(_nothing_writes) = slot.making.try_lock() {
                forget(keys, &slot);
            }
            continue;
        }
        match cluster.is_over(&state.namespace, &slot.key).await {
            Ok(true) => {
                let _nobody_writes = slot.making.lock().await;
                if let Err(error) = frozen::leave(helper, &slot).await {
                    warn!(key = %slot.key, %error, "a container could not be thawed");
                    continue;
                }
                forget(keys, &slot);
            }
            Ok(false) => {}
            Err(error) => warn!(key = %slot.key, %error, "could not tell whether a restore key is over"),
        }
    }
}

fn forget(keys: &Keys, slot: &crate::keys::Slot) {
    match keys.remove(slot) {
        Ok(()) => info!(key = %slot.key, "restore key swept"),
        Err(error) => warn!(key = %slot.key, %error, "restore key could not be swept"),
    }
}

/// A marker is needed as long as a pod on this node names its key.
async fn sweep_markers(keys: &Keys, cluster: &Cluster) {
    let dir = keys.layout().over_markers();
    let Ok(listing) = fs::read_dir(&dir) else {
        return;
    };
    let names: Vec<String> = listing
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    if names.is_empty() {
        return;
    }
    let used = match cluster.keys_in_use().await {
        Ok(used) => used,
        Err(error) => return warn!(%error, "could not tell which markers are needed"),
    };
    for name in names.into_iter().filter(|name| !used.contains(name)) {
        let Ok(key) = Key::parse(&name) else {
            continue;
        };
        if let Err(error) = fs::remove_file(keys.layout().over_marker(&key)) {
            warn!(%key, %error, "marker could not be removed");
        }
    }
}
