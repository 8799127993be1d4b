//! Keeps an identity fresh: a new certificate at two thirds of its life, new authorities when they change.
//!
//! Guarantee: what fails is tried again and said; the present certificate and authorities stay in force meanwhile.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use futures::{StreamExt, pin_mut};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::Api;
use kube::runtime::{WatchStreamExt, watcher};
use shadow_core::names;
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::Identity;
use crate::material::{Material, Parts};
use crate::request::{RETRY, Role, ca_of, certificate};
use crate::verify::Present;

/// Longest sleep before the clock is looked at again.
const LOOK: Duration = Duration::from_secs(600);

/// Renews until nobody uses the identity any more.
pub(crate) async fn keep_certificate(
    client: Client,
    name: String,
    role: Role,
    present: Weak<watch::Sender<Arc<Material>>>,
) {
    while let Some(identity) = upgrade(&name, &present) {
        let left = identity
            .renew_at()
            .duration_since(SystemTime::now())
            .unwrap_or_default();
        if !left.is_zero() {
            drop(identity);
            tokio::time::sleep(left.min(LOOK)).await;
            continue;
        }
        let renewed = match certificate(&client, &name, role).await {
            Ok((chain_pem, key_pem)) => {
                let ca_pem = identity.present.now().parts.ca_pem.clone();
                identity.replace(Parts {
                    chain_pem,
                    key_pem,
                    ca_pem,
                })
            }
            Err(error) => Err(error),
        };
        match renewed {
            Ok(()) => {
                info!(name, expires = %stamp(identity.expires_at()), "certificate renewed");
                // A signer that hands out certificates without a future must not be asked in a tight loop.
                tokio::time::sleep(RETRY).await;
            }
            Err(error) => {
                error!(name, %error, expires = %stamp(identity.expires_at()), "certificate not renewed");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Follows the authority's ConfigMap until nobody uses the identity any more.
pub(crate) async fn keep_trust(client: Client, name: String, present: Weak<watch::Sender<Arc<Material>>>) {
    let api = Api::<ConfigMap>::namespaced(client, names::SYSTEM_NAMESPACE);
    let changes = watcher::watch_object(api, names::CA_CONFIG_MAP).default_backoff();
    pin_mut!(changes);
    while let Some(change) = changes.next().await {
        let Some(identity) = upgrade(&name, &present) else {
            return;
        };
        match change {
            Ok(map) => {
                let Some(ca_pem) = map.as_ref().and_then(ca_of) else {
                    continue;
                };
                if ca_pem == identity.present.now().parts.ca_pem {
                    continue;
                }
                match identity.trust(&ca_pem) {
                    Ok(()) => info!(name, "trusted authorities changed"),
                    Err(error) => error!(name, %error, "kept the old authorities"),
                }
            }
            Err(error) => warn!(name, %error, "cannot watch the certificate authority"),
        }
    }
}

fn upgrade(name: &str, present: &Weak<watch::Sender<Arc<Material>>>) -> Option<Identity> {
    present
        .upgrade()
        .map(|present| Identity::of(name, Present(present)))
}

fn stamp(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| "unknown".to_owned(), |time| time.to_string())
}
