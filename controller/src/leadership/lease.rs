//! The lease itself: waited for, kept, handed back.
//!
//! Guarantees: a process that loses it ends at once. One that is asked to end hands it back, so that the next one need not
//! wait until it has run out, with somebody's pod paused meanwhile.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use kube::{Api, Client};
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder, LeaseManagerError};
use shadow_core::names;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{LEASE, SECONDS};
use crate::afresh;

/// It is renewed so long before it runs out, seconds.
const EARLY: u64 = 2;
/// How often it is looked whether another one has handed it back.
const LOOK: Duration = Duration::from_millis(300);
/// The API server may be what is going away.
const HAND_BACK: Duration = Duration::from_secs(2);

/// The lease, kept as long as this lives.
pub struct Held {
    leading: watch::Receiver<bool>,
    manager: JoinHandle<Result<LeaseManager, LeaseManagerError>>,
    watching: JoinHandle<()>,
}

impl Held {
    /// Waits until it is ours.
    ///
    /// # Errors
    /// When the API server does not let us.
    pub async fn take(client: &Client, identity: &str) -> Result<Self, LeaseManagerError> {
        let manager = LeaseManagerBuilder::new(client.clone(), LEASE)
            .with_namespace(names::SYSTEM_NAMESPACE)
            .with_identity(identity)
            .with_duration(SECONDS)
            .with_grace(EARLY)
            .build()
            .await?;
        tracing::info!(identity, "waiting for leadership");
        left_by_others(client, identity).await;
        let (mut leading, manager) = manager.watch().await;
        if leading.wait_for(|leads| *leads).await.is_err() {
            // It tells nobody any more: it has ended, and says why.
            return Err(match manager.await {
                Ok(Err(error)) => error,
                Ok(Ok(_)) | Err(_) => LeaseManagerError::InconsistentState("its manager ended".to_owned()),
            });
        }
        tracing::info!(identity, "leading");
        let watching = tokio::spawn(until_lost(leading.clone()));
        Ok(Self {
            leading,
            manager,
            watching,
        })
    }

    /// For whoever comes next. Nothing may be done in its name any more.
    pub async fn hand_back(self) {
        self.watching.abort();
        if let Err(error) = self.watching.await {
            tracing::debug!(%error, "the lease is not watched any more");
        }
        // Its manager hands it back when nobody listens.
        drop(self.leading);
        match tokio::time::timeout(HAND_BACK, self.manager).await {
            Ok(Ok(Ok(_))) => tracing::info!("the leadership lease is handed back"),
            Ok(Ok(Err(error))) => tracing::warn!(%error, "the next leader waits until the lease has run out"),
            Ok(Err(error)) => tracing::warn!(%error, "the next leader waits until the lease has run out"),
            Err(_) => tracing::warn!(
                "the API server does not answer; the next leader waits until the lease has run out"
            ),
        }
    }
}

async fn until_lost(mut leading: watch::Receiver<bool>) {
    let lost = leading.wait_for(|leads| !*leads).await.is_ok();
    tracing::error!(
        lost,
        "no longer the leader; beginning again, so that the next leader finds nothing half-done by us"
    );
    afresh::begin()
}

/// Its manager sleeps until the lease that it has seen runs out, though who has it may hand it back before.
async fn left_by_others(client: &Client, identity: &str) {
    let api: Api<Lease> = Api::namespaced(client.clone(), names::SYSTEM_NAMESPACE);
    loop {
        match api.get_opt(LEASE).await {
            Ok(Some(lease)) if is_anothers(&lease, identity, Timestamp::now()) => {}
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(%error, "not known who leads");
                return;
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether somebody else has it, and it has not run out.
fn is_anothers(lease: &Lease, identity: &str, now: Timestamp) -> bool {
    let spec = lease.spec.as_ref();
    let holder = spec.and_then(|spec| spec.holder_identity.as_deref());
    let renewed = spec.and_then(|spec| spec.renew_time.as_ref());
    let (Some(holder), Some(renewed)) = (holder, renewed) else {
        return false;
    };
    let lasts = spec
        .and_then(|spec| spec.lease_duration_seconds)
        .unwrap_or_default();
    let age = now.duration_since(renewed.0).as_secs();
    !holder.is_empty() && holder != identity && age < i64::from(lasts)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::coordination::v1::LeaseSpec;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    use super::*;

    #[test]
    fn a_lease_is_left_when_it_is_handed_back_or_has_run_out() {
        let now: Timestamp = "2026-11-22T10:00:05Z".parse().unwrap();
        let lease = |holder: Option<&str>, renewed: &str| Lease {
            spec: Some(LeaseSpec {
                holder_identity: holder.map(str::to_owned),
                renew_time: Some(MicroTime(renewed.parse().unwrap())),
                lease_duration_seconds: Some(8),
                ..LeaseSpec::default()
            }),
            ..Lease::default()
        };
        let anothers = |holder, renewed| is_anothers(&lease(holder, renewed), "a", now);
        assert!(anothers(Some("b"), "2026-11-22T10:00:05Z"));
        assert!(anothers(Some("b"), "2026-11-22T09:59:58Z"));
        assert!(!anothers(Some("b"), "2026-11-22T09:59:57Z"));
        assert!(!anothers(Some("a"), "2026-11-22T10:00:05Z"));
        assert!(!anothers(Some(""), "2026-11-22T10:00:05Z"));
        assert!(!anothers(None, "2026-11-22T10:00:05Z"));
        assert!(!is_anothers(&Lease::default(), "a", now));
    }
}
