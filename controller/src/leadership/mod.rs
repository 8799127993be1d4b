//! Whether this process leads, by what it has seen itself: the lease, read from the API server, in its own name.
//!
//! The lease's manager tells who leads as long as it reaches the API server. A process that is cut off from it, or was
//! stopped and goes on, learns nothing, while another one takes over. It must let go of what it holds and must not carry out
//! what it decided before.

pub mod lease;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use kube::{Api, Client};
use shadow_core::names;
use shadow_telemetry::pulse::Pulse;

use crate::error::ControllerError;

/// Name of the lease.
pub const LEASE: &str = "shadow-controller";
/// How long others wait for one that does not renew it, seconds.
pub const SECONDS: u64 = 8;

const LOOK: Duration = Duration::from_millis(500);
/// It ends by itself before.
const SILENT: Duration = Duration::from_secs(30);
const ANSWER: Duration = Duration::from_secs(2);

/// Until when this process leads, shared by all who act.
#[derive(Debug)]
pub struct Leadership {
    until: Mutex<Instant>,
}

impl Leadership {
    /// Of one that has just become the leader.
    pub fn begun() -> Arc<Self> {
        let until = Mutex::new(Instant::now() + Duration::from_secs(SECONDS));
        Arc::new(Self { until })
    }

    /// # Errors
    /// When nobody knows any more whether another one leads.
    pub fn check(&self) -> Result<(), ControllerError> {
        if Instant::now() < self.until() {
            return Ok(());
        }
        Err(ControllerError::NotLeading)
    }

    /// Nothing is begun any more.
    pub fn give_up(&self) {
        self.extend(Instant::now());
    }

    fn until(&self) -> Instant {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn extend(&self, until: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Returns when another one leads, or may have led for a while, with the reason.
    pub async fn ended(&self, client: Client, identity: &str, pulse: &Pulse) -> String {
        let api: Api<Lease> = Api::namespaced(client, names::SYSTEM_NAMESPACE);
        let mut heard = Instant::now();
        while heard.elapsed() < Duration::from_secs(SECONDS) {
            pulse.beat("the look at the lease", SILENT);
            tokio::time::sleep(LOOK).await;
            // Before the question: the answer may take its time.
            let (asked, now) = (Instant::now(), Timestamp::now());
            match tokio::time::timeout(ANSWER, api.get(LEASE)).await {
                Ok(Ok(lease)) => match left(&lease, identity, now) {
                    // Its manager did not renew it, whatever keeps it from that.
                    Ok(Duration::ZERO) => return format!("the lease was not renewed for {SECONDS} s"),
                    Ok(left) => {
                        heard = asked;
                        self.extend(asked + left);
                    }
                    Err(other) => return other,
                },
                Ok(Err(error)) => tracing::warn!(%error, "the leadership lease cannot be read"),
                Err(_) => tracing::warn!("the API server does not answer"),
            }
        }
        format!("the lease could not be read for {SECONDS} s")
    }
}

/// How long the lease lasts if nobody renews it; who has it, if it is not ours.
fn left(lease: &Lease, identity: &str, now: Timestamp) -> Result<Duration, String> {
    let spec = lease.spec.as_ref();
    let holder = spec
        .and_then(|spec| spec.holder_identity.as_deref())
        .unwrap_or_default();
    if holder != identity {
        return Err(format!("the lease is {holder:?}'s"));
    }
    let renewed = spec.and_then(|spec| spec.renew_time.as_ref());
    let age = renewed.map_or(Duration::MAX, |renewed| {
        Duration::try_from(now.duration_since(renewed.0)).unwrap_or_default()
    });
    Ok(Duration::from_secs(SECONDS).saturating_sub(age))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::coordination::v1::LeaseSpec;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    use super::*;

    fn lease(holder: &str, renewed: &str) -> Lease {
        let spec = LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            renew_time: Some(MicroTime(renewed.parse().unwrap())),
            ..LeaseSpec::default()
        };
        Lease {
            spec: Some(spec),
            ..Lease::default()
        }
    }

    #[test]
    fn a_lease_lasts_from_its_renewal_and_is_ones_own() {
        let now: Timestamp = "2026-11-22T10:00:05Z".parse().unwrap();
        let ours = |renewed| left(&lease("a", renewed), "a", now);
        assert_eq!(ours("2026-11-22T10:00:05Z"), Ok(Duration::from_secs(8)));
        assert_eq!(ours("2026-11-22T10:00:00Z"), Ok(Duration::from_secs(3)));
        assert_eq!(ours("2026-11-22T09:59:00Z"), Ok(Duration::ZERO));
        assert_eq!(left(&Lease::default(), "", now), Ok(Duration::ZERO));
        let other = left(&lease("b", "2026-11-22T10:00:05Z"), "a", now).unwrap_err();
        assert!(other.contains("\"b\""), "{other}");
    }

    #[test]
    fn who_has_not_seen_its_lease_for_its_whole_time_does_not_lead() {
        let leadership = Leadership::begun();
        leadership.check().unwrap();
        leadership.extend(Instant::now());
        let refused = leadership.check().unwrap_err();
        assert!(refused.is_transient(), "{refused}");
    }
}
