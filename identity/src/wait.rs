//! Waits for an object of the cluster and says what for.

use std::fmt::Debug;
use std::time::Duration;

use futures::{StreamExt, pin_mut};
use kube::Resource;
use kube::api::Api;
use kube::runtime::{WatchStreamExt, watcher};
use serde::de::DeserializeOwned;
use tracing::{info, warn};

/// How often a wait is mentioned in the log.
const MENTION: Duration = Duration::from_secs(5);

/// Watches one object until `pick` finds what it looks for; says every few seconds what it waits for.
pub(crate) async fn wait_for<K, T>(
    api: Api<K>,
    object: &str,
    what: &'static str,
    pick: impl Fn(Option<&K>) -> Option<T>,
) -> T
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut mention = tokio::time::interval_at(tokio::time::Instant::now() + MENTION, MENTION);
    loop {
        let changes = watcher::watch_object(api.clone(), object).default_backoff();
        pin_mut!(changes);
        loop {
            tokio::select! {
                _ = mention.tick() => info!(object, r#for = what, "still waiting"),
                change = changes.next() => match change {
                    Some(Ok(seen)) => if let Some(found) = pick(seen.as_ref()) { return found },
                    Some(Err(error)) => warn!(object, %error, "cannot watch yet, trying again"),
                    None => break,
                },
            }
        }
    }
}
