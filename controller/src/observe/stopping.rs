//! Whether kubelet has begun to stop a pod.
//!
//! Kubelet records the event `Killing` when it begins to stop a container; in a deleted pod it restarts none from then
//! on. Events are not in the API server's cache: to list them costs the more the busier the namespace is, so they are
//! watched, from a moment when nobody waits for the answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::{StreamExt, pin_mut};
use k8s_openapi::api::core::v1::Event;
use kube::runtime::watcher::Event as Change;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio::time::timeout_at;

use crate::error::ControllerError;

/// No handoff takes longer than this; a watch that is still needed then is begun again.
const WATCH: Duration = Duration::from_secs(600);

/// The pods that are watched for their end, by UID.
#[derive(Default)]
pub struct Stopping {
    pods: Mutex<HashMap<String, Watched>>,
}

#[derive(Clone, Debug)]
struct Watched {
    since: Instant,
    told: Told,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    /// Not yet.
    Nothing,
    /// The event is there. It is never taken back.
    Begun,
    /// The watch does not work at the moment; why.
    Blind(String),
}

impl Stopping {
    /// Begins to watch this pod unless it is watched already.
    pub(super) fn expect(self: &Arc<Self>, client: &Client, namespace: &str, uid: &str) {
        let mut pods = self.pods();
        pods.retain(|_, watched| watched.since.elapsed() < WATCH);
        if pods.contains_key(uid) {
            return;
        }
        let since = Instant::now();
        pods.insert(
            uid.to_owned(),
            Watched {
                since,
                told: Told::Nothing,
            },
        );
        let api: Api<Event> = Api::namespaced(client.clone(), namespace);
        let watch = Arc::clone(self).watch(api, uid.to_owned(), since + WATCH);
        tokio::spawn(watch);
    }

    /// Whether kubelet has begun to stop it.
    pub(super) fn has_begun(&self, uid: &str) -> Result<bool, ControllerError> {
        match self.pods().get(uid).map(|watched| &watched.told) {
            Some(Told::Begun) => Ok(true),
            Some(Told::Blind(why)) => Err(ControllerError::Blind(why.clone())),
            Some(Told::Nothing) | None => Ok(false),
        }
    }

    async fn watch(self: Arc<Self>, api: Api<Event>, uid: String, until: Instant) {
        let fields = format!("involvedObject.uid={uid},reason=Killing");
        let events = watcher(api, watcher::Config::default().fields(&fields)).default_backoff();
        pin_mut!(events);
        // The end of the time is the end of the entry, too.
        while let Ok(Some(change)) = timeout_at(until.into(), events.next()).await {
            match change {
                Ok(Change::Apply(event) | Change::InitApply(event)) if is_for_good(&event) => {
                    return self.tell(&uid, Told::Begun);
                }
                Ok(Change::InitDone) => self.tell(&uid, Told::Nothing),
                Ok(Change::Apply(_) | Change::InitApply(_) | Change::Init | Change::Delete(_)) => {}
                Err(error) => {
                    let why = format!("the events of pod {uid} cannot be watched: {error}");
                    tracing::debug!(uid, %error, "watch of events");
                    self.tell(&uid, Told::Blind(why));
                }
            }
        }
    }

    fn tell(&self, uid: &str, told: Told) {
        if let Some(watched) = self.pods().get_mut(uid) {
            watched.told = told;
        }
    }

    fn pods(&self) -> MutexGuard<'_, HashMap<String, Watched>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Not when a probe failed: then the container is stopped to be started again.
fn is_for_good(event: &Event) -> bool {
    let message = event.message.as_deref().unwrap_or_default();
    !message.contains("will be restarted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_that_is_stopped_to_be_restarted_is_not_stopped_for_good() {
        let says = |message: &str| Event {
            message: Some(message.to_owned()),
            ..Event::default()
        };
        assert!(is_for_good(&says("Stopping container orders")));
        assert!(!is_for_good(&says(
            "Container orders failed liveness probe, will be restarted"
        )));
    }
}
