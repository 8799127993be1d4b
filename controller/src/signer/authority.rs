//! The certificate authority of this installation.
//!
//! Guarantee: there is one. Whoever creates the Secret first wins, and every other controller takes up what it finds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use shadow_core::names;
use shadow_identity::Identity;
use tracing::{error, info};

use super::SignerError;

/// Ten years; nothing outside our own parts trusts it.
const AUTHORITY_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Life of the controller's own certificate.
const OWN_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Pause after a renewal that failed.
const RETRY: Duration = Duration::from_secs(10);
/// Longest sleep before the clock is looked at again.
const LOOK: Duration = Duration::from_secs(600);

const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";

/// Our certificate authority. Cheap to clone.
#[derive(Clone)]
pub struct Authority(pub(super) Arc<shadow_identity::Authority>);

impl Authority {
    /// Certificate of the authority, for `caBundle`s.
    pub fn ca_pem(&self) -> &str {
        self.0.certificate_pem()
    }
}

/// Loads the authority, or creates it when there is none, and publishes its certificate.
pub async fn authority(client: &Client) -> Result<Authority, SignerError> {
    let secrets = Api::<Secret>::namespaced(client.clone(), names::SYSTEM_NAMESPACE);
    let authority = loop {
        let found = secrets
            .get_opt(names::CA_SECRET)
            .await
            .map_err(SignerError::api("read the authority's Secret"))?;
        if let Some(secret) = found {
            break stored(&secret)?;
        }
        if let Some(made) = create(&secrets).await? {
            info!(secret = names::CA_SECRET, "certificate authority created");
            break made;
        }
    };
    publish(client, authority.certificate_pem()).await?;
    Ok(Authority(Arc::new(authority)))
}

/// `None` when somebody else was faster.
async fn create(secrets: &Api<Secret>) -> Result<Option<shadow_identity::Authority>, SignerError> {
    let made = shadow_identity::Authority::generate(SystemTime::now(), AUTHORITY_LIFE)?;
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(names::CA_SECRET.to_owned()),
            ..ObjectMeta::default()
        },
        type_: Some("kubernetes.io/tls".to_owned()),
        data: Some(BTreeMap::from([
            (
                CERTIFICATE.to_owned(),
                ByteString(made.certificate_pem().as_bytes().to_vec()),
            ),
            (KEY.to_owned(), ByteString(made.key_pem().as_bytes().to_vec())),
        ])),
        ..Secret::default()
    };
    match secrets.create(&PostParams::default(), &secret).await {
        Ok(_) => Ok(Some(made)),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
        Err(error) => Err(SignerError::Api {
            action: "create the authority's Secret",
            error,
        }),
    }
}

fn stored(secret: &Secret) -> Result<shadow_identity::Authority, SignerError> {
    let unusable = |reason: String| SignerError::Unusable { reason };
    let text = |key: &str| {
        let bytes = secret.data.as_ref().and_then(|data| data.get(key));
        let bytes = bytes.ok_or_else(|| unusable(format!("it has no key {key}")))?;
        std::str::from_utf8(&bytes.0).map_err(|_| unusable(format!("{key} is not PEM")))
    };
    shadow_identity::Authority::load(text(CERTIFICATE)?, text(KEY)?)
        .map_err(|error| unusable(error.to_string()))
}

async fn publish(client: &Client, ca_pem: &str) -> Result<(), SignerError> {
    let maps = Api::<ConfigMap>::namespaced(client.clone(), names::SYSTEM_NAMESPACE);
    let map = ConfigMap {
        metadata: ObjectMeta {
            name: Some(names::CA_CONFIG_MAP.to_owned()),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(
            shadow_identity::request::CA_KEY.to_owned(),
            ca_pem.to_owned(),
        )])),
        ..ConfigMap::default()
    };
    let ours = PatchParams::apply(names::CONTROLLER_ACCOUNT).force();
    maps.patch(names::CA_CONFIG_MAP, &ours, &Patch::Apply(&map))
        .await
        .map_err(SignerError::api("publish the certificate authority"))?;
    Ok(())
}

/// The controller's own certificate. It is renewed for as long as this process lives; needs a tokio runtime.
pub fn own_identity(authority: &Authority) -> Result<Identity, SignerError> {
    let name = names::controller_identity();
    let parts = authority.0.issue(&name, SystemTime::now(), OWN_LIFE)?;
    let identity = Identity::from_parts(&name, parts)?;
    tokio::spawn(renew(authority.clone(), identity.clone()));
    Ok(identity)
}

async fn renew(authority: Authority, identity: Identity) {
    loop {
        let left = identity
            .renew_at()
            .duration_since(SystemTime::now())
            .unwrap_or_default();
        if !left.is_zero() {
            tokio::time::sleep(left.min(LOOK)).await;
            continue;
        }
        let issued = authority.0.issue(identity.name(), SystemTime::now(), OWN_LIFE);
        if let Err(error) = issued.and_then(|parts| identity.replace(parts)) {
            error!(name = identity.name(), %error, "own certificate not renewed");
            tokio::time::sleep(RETRY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(data: &[(&str, &str)]) -> Secret {
        let data = data
            .iter()
            .map(|(k, v)| ((*k).to_owned(), ByteString(v.as_bytes().to_vec())))
            .collect();
        Secret {
            data: Some(data),
            ..Secret::default()
        }
    }

    #[test]
    fn a_stored_authority_is_taken_up() {
        let made = shadow_identity::Authority::generate(SystemTime::now(), AUTHORITY_LIFE).unwrap();
        let again = stored(&secret(&[
            (CERTIFICATE, made.certificate_pem()),
            (KEY, made.key_pem()),
        ]))
        .unwrap();
        assert_eq!(again.certificate_pem(), made.certificate_pem());
    }

    #[test]
    fn a_secret_without_an_authority_is_named_and_not_replaced() {
        for secret in [
            secret(&[]),
            secret(&[(CERTIFICATE, "x")]),
            secret(&[(CERTIFICATE, "x"), (KEY, "y")]),
        ] {
            let error = stored(&secret).err().unwrap().to_string();
            assert!(error.contains("shadow-system/shadow-ca-key"), "{error}");
        }
    }

    #[tokio::test]
    async fn the_controller_signs_its_own_certificate() {
        let made = shadow_identity::Authority::generate(SystemTime::now(), AUTHORITY_LIFE).unwrap();
        let identity = own_identity(&Authority(Arc::new(made))).unwrap();
        assert_eq!(identity.name(), "controller.shadow-system.shadow");
        assert!(identity.expires_at() > SystemTime::now());
    }
}
