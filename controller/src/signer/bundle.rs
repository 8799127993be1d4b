//! Puts the certificate authority into our own webhook configurations, so that the API server trusts the webhook.
//!
//! The manifests cannot know it. It is put in when the configurations appear and again whenever it is not there.

use std::fmt::Debug;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shadow_core::names;
use tracing::{info, warn};

use super::{Authority, SignerError};

/// How often it is looked whether the authority is still there. By reading, since the controller may watch only what
/// it must.
const LOOK: Duration = Duration::from_secs(2);

/// Keeps the `caBundle` of our static webhook configurations set until the future is dropped.
pub async fn inject_ca_bundle(client: Client, authority: Authority) {
    let ca = ByteString(authority.ca_pem().as_bytes().to_vec());
    let mutating = Api::<MutatingWebhookConfiguration>::all(client.clone());
    let validating = Api::<ValidatingWebhookConfiguration>::all(client);
    loop {
        report("mutating", inject(&mutating, &ca).await);
        report("validating", inject(&validating, &ca).await);
        tokio::time::sleep(LOOK).await;
    }
}

fn report(kind: &str, injected: Result<bool, SignerError>) {
    match injected {
        Ok(true) => info!(
            kind,
            configuration = names::WEBHOOK_SERVICE,
            "certificate authority put in"
        ),
        Ok(false) => {}
        Err(error) => warn!(kind, %error, "certificate authority not put in, trying again"),
    }
}

/// A webhook configuration, whichever kind.
trait Webhooks {
    /// Name and client of each webhook.
    fn webhooks(&self) -> Vec<(&str, &WebhookClientConfig)>;
}

impl Webhooks for MutatingWebhookConfiguration {
    fn webhooks(&self) -> Vec<(&str, &WebhookClientConfig)> {
        self.webhooks
            .iter()
            .flatten()
            .map(|w| (w.name.as_str(), &w.client_config))
            .collect()
    }
}

impl Webhooks for ValidatingWebhookConfiguration {
    fn webhooks(&self) -> Vec<(&str, &WebhookClientConfig)> {
        self.webhooks
            .iter()
            .flatten()
            .map(|w| (w.name.as_str(), &w.client_config))
            .collect()
    }
}

/// `true` when something had to be put in. A configuration that is not there (yet) is left alone.
async fn inject<K>(api: &Api<K>, ca: &ByteString) -> Result<bool, SignerError>
where
    K: Resource + Webhooks + Clone + Debug + DeserializeOwned,
{
    let found = api
        .get_opt(names::WEBHOOK_SERVICE)
        .await
        .map_err(SignerError::api("read a webhook configuration"))?;
    let Some(patch) = found.and_then(|configuration| missing(&configuration.webhooks(), ca)) else {
        return Ok(false);
    };
    // Strategic: webhooks are told apart by name, and all else in them stays.
    api.patch(
        names::WEBHOOK_SERVICE,
        &PatchParams::default(),
        &Patch::Strategic(&patch),
    )
    .await
    .map_err(SignerError::api(
        "put the certificate authority into a webhook configuration",
    ))?;
    Ok(true)
}

/// What has to be patched, if anything.
fn missing(webhooks: &[(&str, &WebhookClientConfig)], ca: &ByteString) -> Option<Value> {
    let without: Vec<Value> = webhooks
        .iter()
        .filter(|(_, client)| client.ca_bundle.as_ref() != Some(ca))
        .map(|(name, _)| json!({"name": name, "clientConfig": {"caBundle": ca}}))
        .collect();
    (!without.is_empty()).then(|| json!({"webhooks": without}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(ca: Option<&str>) -> WebhookClientConfig {
        WebhookClientConfig {
            ca_bundle: ca.map(|ca| ByteString(ca.into())),
            ..WebhookClientConfig::default()
        }
    }

    #[test]
    fn only_webhooks_without_our_authority_are_patched() {
        let ca = ByteString(b"ours".to_vec());
        let (empty, other, ours) = (client(None), client(Some("old")), client(Some("ours")));
        assert_eq!(missing(&[("c", &ours)], &ca), None);
        let patch = missing(&[("a", &empty), ("b", &other), ("c", &ours)], &ca).unwrap();
        let put = |name: &str| json!({"name": name, "clientConfig": {"caBundle": "b3Vycw=="}});
        assert_eq!(patch, json!({"webhooks": [put("a"), put("b")]}));
    }
}
