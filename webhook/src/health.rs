//! What the webhook shows of itself: metrics, and what kubelet probes.
//!
//! Alive: its watch over the API server goes on. Ready: its certificate is valid, it serves, it was not asked to end, and the API server
//! answered it not long ago: what it cannot look up, it refuses.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use kube::api::{Api, ListParams};
use shadow_core::api::StatefulMigration;
use shadow_identity::Identity;
use shadow_telemetry::common::Certificate;
use shadow_telemetry::pulse::Pulse;
use shadow_telemetry::serve::Shown;
use shadow_telemetry::webhook::Metrics;
use tokio::time::timeout;
use tracing::warn;

/// How often it is tried whether the API server answers.
const LOOK: Duration = Duration::from_secs(5);
/// One answer.
const ANSWER: Duration = Duration::from_secs(3);
/// It can read as long as an answer is not older.
const FRESH: Duration = Duration::from_secs(30);
/// A look is heard of within this time.
const SILENT: Duration = Duration::from_secs(60);

/// Shared by all who have something to show. Clones share it.
#[derive(Clone, Default)]
pub struct Part(Arc<Inner>);

struct Inner {
    metrics: Metrics,
    pulse: Pulse,
    identity: OnceLock<Identity>,
    serves: AtomicBool,
    leaves: AtomicBool,
    read: Mutex<Option<Instant>>,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            metrics: Metrics::new(env!("CARGO_PKG_VERSION")),
            pulse: Pulse::default(),
            identity: OnceLock::new(),
            serves: AtomicBool::new(false),
            leaves: AtomicBool::new(false),
            read: Mutex::default(),
        }
    }
}

impl Part {
    /// Its metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// It has this certificate now, which is renewed in place.
    pub fn has(&self, identity: Identity) {
        if self.0.identity.set(identity).is_err() {
            warn!("the certificate was given before");
        }
    }

    /// Admission is served.
    pub fn serves(&self) {
        self.0.serves.store(true, Ordering::Release);
    }

    /// It was asked to end: it serves on, but callers should go elsewhere.
    pub fn leaves(&self) {
        self.0.leaves.store(true, Ordering::Release);
    }

    /// Whether callers should go elsewhere.
    pub fn is_leaving(&self) -> bool {
        self.0.leaves.load(Ordering::Acquire)
    }

    /// The API server answered.
    pub fn can_read(&self, at: Instant) {
        *self.0.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// Tries again and again whether the API server answers. Never returns.
    pub async fn watch(&self, client: kube::Client) {
        let api: Api<StatefulMigration> = Api::all(client);
        let one = ListParams::default().limit(1);
        loop {
            self.0.pulse.beat("the look at the API server", SILENT);
            match timeout(ANSWER, api.list_metadata(&one)).await {
                Ok(Ok(_)) => self.can_read(Instant::now()),
                Ok(Err(error)) => warn!(%error, "migrations cannot be read"),
                Err(_) => warn!("the API server does not answer"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn is_ready(&self, now: Instant, time: SystemTime) -> Result<(), String> {
        let Some(identity) = self.0.identity.get() else {
            return Err("it waits for a certificate: the controller signs it".to_owned());
        };
        if identity.expires_at() <= time {
            return Err("its certificate has expired: the controller signs a new one".to_owned());
        }
        if !self.0.serves.load(Ordering::Acquire) {
            return Err("it does not serve yet".to_owned());
        }
        if self.is_leaving() {
            return Err(
                "it was asked to end, and serves on for some seconds until no more is sent to it".to_owned(),
            );
        }
        let read = *self.0.read.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Some(read) if now.saturating_duration_since(read) < FRESH => Ok(()),
            Some(_) | None => Err("the API server does not answer it".to_owned()),
        }
    }
}

impl Shown for Part {
    fn metrics(&self) -> String {
        if let Some(identity) = self.0.identity.get() {
            let common = &self.0.metrics.common;
            common.expires(Certificate::Own, identity.expires_at());
            common.expires(Certificate::Authority, identity.trust_ends_at());
        }
        self.0.metrics.text()
    }

    fn alive(&self) -> Result<(), String> {
        self.0.pulse.alive(Instant::now())
    }

    fn ready(&self) -> Result<(), String> {
        self.is_ready(Instant::now(), SystemTime::now())
    }
}

#[cfg(test)]
mod tests {
    use shadow_identity::Authority;

    use super::*;

    #[test]
    fn it_is_ready_with_a_valid_certificate_while_it_serves_and_can_read() {
        let (now, time) = (Instant::now(), SystemTime::now());
        let hour = Duration::from_secs(3600);
        let part = Part::default();
        let why = |now, time| part.is_ready(now, time).err().unwrap_or_default();
        assert!(why(now, time).contains("waits for a certificate"));
        let authority = Authority::generate(time, hour * 2).unwrap();
        let parts = authority.issue("webhook", time, hour).unwrap();
        part.has(Identity::from_parts("webhook", parts).unwrap());
        assert!(why(now, time).contains("does not serve"));
        part.serves();
        assert!(why(now, time).contains("API server"));
        part.can_read(now);
        assert_eq!(part.is_ready(now, time), Ok(()));
        assert!(why(now + FRESH, time).contains("API server"));
        assert!(why(now, time + hour * 2).contains("expired"));
        part.leaves();
        assert!(why(now, time).contains("asked to end"));
        let text = Shown::metrics(&part);
        for certificate in ["own", "authority"] {
            let series =
                format!("shadow_certificate_expiry_timestamp_seconds{{certificate=\"{certificate}\"}}");
            assert!(text.contains(&series), "{text}");
        }
    }
}
