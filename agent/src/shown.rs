//! What the agent shows of itself: metrics, and what kubelet probes.
//!
//! Alive: its look at the helper and its sweep go on. Ready: its certificate is valid, it serves, and the node's helper answered
//! it not long ago: without the helper it can neither dump nor end anything.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use shadow_identity::Identity;
use shadow_telemetry::agent::Metrics;
use shadow_telemetry::common::Certificate;
use shadow_telemetry::pulse::Pulse;
use shadow_telemetry::serve::Shown;
use tokio::time::timeout;
use tracing::warn;

use crate::helper::HelperClient;
use crate::helper::client::HelperError;
use crate::keys::Keys;
use crate::node::room;

/// How often the helper is asked something.
const LOOK: Duration = Duration::from_secs(5);
/// One answer: it starts the runtime and CRIU, beside dumps.
const ANSWER: Duration = Duration::from_secs(20);
/// It is there as long as an answer is not older.
const FRESH: Duration = Duration::from_secs(60);
/// A look is heard of within this time.
const SILENT: Duration = Duration::from_secs(120);

/// Shared by all who have something to show. Clones share it.
#[derive(Clone)]
pub struct Part {
    /// Counted here.
    pub metrics: Arc<Metrics>,
    keys: Keys,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    pulse: Pulse,
    identity: OnceLock<Identity>,
    serves: AtomicBool,
    helper: Mutex<Option<Instant>>,
}

impl Part {
    /// Of an agent with these keys.
    pub fn new(keys: Keys) -> Self {
        Self {
            metrics: Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"))),
            keys,
            inner: Arc::default(),
        }
    }

    /// It has this certificate now, which is renewed in place.
    pub fn has(&self, identity: Identity) {
        if self.inner.identity.set(identity).is_err() {
            warn!("the certificate was given before");
        }
    }

    /// Whether it serves the controller and other agents.
    pub fn serves(&self, serves: bool) {
        self.inner.serves.store(serves, Ordering::Release);
    }

    /// The helper answered.
    pub fn helper_answered(&self, at: Instant) {
        *self.inner.helper.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// Asks the helper again and again. Never returns.
    pub async fn watch(&self, helper: HelperClient) {
        loop {
            self.inner.pulse.beat("the look at the helper", SILENT);
            let answers = match timeout(ANSWER, helper.inspect()).await {
                // One that has something else to do says so.
                Ok(Ok(_) | Err(HelperError::Failed(_))) => true,
                Ok(Err(error @ HelperError::Silent { .. })) => {
                    warn!(%error, "the helper is not there");
                    false
                }
                Err(_) => {
                    warn!("the helper does not answer");
                    false
                }
            };
            self.metrics.helper(answers);
            if answers {
                self.helper_answered(Instant::now());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn is_ready(&self, now: Instant, time: SystemTime) -> Result<(), String> {
        let Some(identity) = self.inner.identity.get() else {
            return Err("it waits for a certificate: the controller signs it".to_owned());
        };
        if identity.expires_at() <= time {
            return Err("its certificate has expired: the controller signs a new one".to_owned());
        }
        if !self.inner.serves.load(Ordering::Acquire) {
            return Err("it does not serve, or ends".to_owned());
        }
        let helper = *self.inner.helper.lock().unwrap_or_else(PoisonError::into_inner);
        match helper {
            Some(heard) if now.saturating_duration_since(heard) < FRESH => Ok(()),
            Some(_) | None => {
                Err("the node's helper does not answer: read the log of container helper".to_owned())
            }
        }
    }
}

impl Shown for Part {
    fn metrics(&self) -> String {
        if let Some(identity) = self.inner.identity.get() {
            let common = &self.metrics.common;
            common.expires(Certificate::Own, identity.expires_at());
            common.expires(Certificate::Authority, identity.trust_ends_at());
        }
        let room = room::for_archives(&self.keys.layout().keys());
        let room = room.inspect_err(|error| warn!(%error, "not known how much room archives have"));
        self.metrics.has(room.ok(), self.keys.known().len());
        self.metrics.text()
    }

    fn alive(&self) -> Result<(), String> {
        self.inner.pulse.alive(Instant::now())
    }

    fn ready(&self) -> Result<(), String> {
        self.is_ready(Instant::now(), SystemTime::now())
    }
}

#[cfg(test)]
mod tests {
    use shadow_identity::Authority;

    use super::*;
    use crate::layout::Layout;

    #[test]
    fn it_is_ready_with_a_valid_certificate_while_it_serves_and_its_helper_answers() {
        let root = tempfile::tempdir().unwrap();
        let part = Part::new(Keys::load(Layout::below(root.path())).unwrap());
        let (now, time, hour) = (Instant::now(), SystemTime::now(), Duration::from_secs(3600));
        let why = |now, time| part.is_ready(now, time).err().unwrap_or_default();
        assert!(why(now, time).contains("waits for a certificate"));
        let authority = Authority::generate(time, hour * 2).unwrap();
        let parts = authority.issue("agent", time, hour).unwrap();
        part.has(Identity::from_parts("agent", parts).unwrap());
        assert!(why(now, time).contains("does not serve"));
        part.serves(true);
        assert!(why(now, time).contains("helper"));
        part.helper_answered(now);
        assert_eq!(part.is_ready(now, time), Ok(()));
        assert!(why(now + FRESH, time).contains("helper"));
        assert!(why(now, time + hour * 2).contains("expired"));
        let text = Shown::metrics(&part);
        assert!(text.contains("shadow_agent_archive_room_bytes ") && text.contains("shadow_agent_keys 0"));
    }
}
