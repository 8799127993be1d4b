//! Certificates through the Kubernetes API: ask and wait.
//!
//! A part generates its key, puts a signing request for our own signer into the cluster and waits for the
//! controller to approve and sign it. When the controller is not there yet, it waits and says so; when the request
//! is denied, it ends with the reason.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::{CertificateSigningRequest, CertificateSigningRequestSpec};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ObjectMeta, PostParams};
use kube::{Client, ResourceExt};
use shadow_core::names;
use tracing::{debug, warn};

use crate::authority::signing_request;
use crate::material::Parts;
use crate::wait::wait_for;
use crate::{Identity, IdentityError, renew};

/// Asked-for life of a certificate.
pub const LIFE: Duration = Duration::from_secs(24 * 3600);
/// Key of the authority in its ConfigMap.
pub const CA_KEY: &str = "ca.crt";

/// Pause after a failed attempt.
pub(crate) const RETRY: Duration = Duration::from_secs(2);

/// Which part asks; becomes the prefix of the request's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The controller.
    Controller,
    /// A node's agent.
    Agent,
    /// The admission webhook.
    Webhook,
}

impl Role {
    fn account(self) -> &'static str {
        match self {
            Self::Controller => names::CONTROLLER_ACCOUNT,
            Self::Agent => names::AGENT_ACCOUNT,
            Self::Webhook => names::WEBHOOK_ACCOUNT,
        }
    }
}

/// See [`Identity::request`].
pub(crate) async fn obtain(client: Client, name: &str, role: Role) -> Result<Identity, IdentityError> {
    let ca_pem = authorities(&client).await;
    let (chain_pem, key_pem) = certificate(&client, name, role).await?;
    let identity = Identity::from_parts(
        name,
        Parts {
            chain_pem,
            key_pem,
            ca_pem,
        },
    )?;
    let present = Arc::downgrade(&identity.present.0);
    tokio::spawn(renew::keep_certificate(
        client.clone(),
        name.to_owned(),
        role,
        present.clone(),
    ));
    tokio::spawn(renew::keep_trust(client, name.to_owned(), present));
    Ok(identity)
}

async fn authorities(client: &Client) -> String {
    let api = Api::<ConfigMap>::namespaced(client.clone(), names::SYSTEM_NAMESPACE);
    wait_for(
        api,
        names::CA_CONFIG_MAP,
        "the controller to publish its certificate authority",
        |map| map.and_then(ca_of),
    )
    .await
}

pub(crate) fn ca_of(map: &ConfigMap) -> Option<String> {
    map.data
        .as_ref()?
        .get(CA_KEY)
        .filter(|pem| !pem.trim().is_empty())
        .cloned()
}

/// What became of a signing request.
enum Answer {
    Signed(String),
    Denied(String),
    /// Removed before it was answered, as Kubernetes does after a while.
    Gone,
}

/// A fresh key and the certificate for it: (chain, key), both PEM.
pub(crate) async fn certificate(
    client: &Client,
    name: &str,
    role: Role,
) -> Result<(String, String), IdentityError> {
    let api = Api::<CertificateSigningRequest>::all(client.clone());
    loop {
        let (request_pem, key_pem) = signing_request(name)?;
        let request = create(&api, &request_object(role, request_pem)).await?;
        let answer = wait_for(
            api.clone(),
            &request,
            "the controller to sign the certificate",
            answer,
        )
        .await;
        match answer {
            Answer::Signed(chain_pem) => {
                // Kubernetes removes answered requests after an hour; sooner is only tidier.
                if let Err(error) = api.delete(&request, &DeleteParams::default()).await {
                    debug!(request, %error, "left the answered signing request to kubernetes");
                }
                return Ok((chain_pem, key_pem));
            }
            Answer::Denied(reason) => {
                return Err(IdentityError::Denied {
                    name: name.to_owned(),
                    reason,
                });
            }
            Answer::Gone => warn!(request, "signing request vanished unanswered, asking again"),
        }
    }
}

fn request_object(role: Role, request_pem: String) -> CertificateSigningRequest {
    let usages = ["digital signature", "server auth", "client auth"];
    CertificateSigningRequest {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", role.account())),
            ..ObjectMeta::default()
        },
        spec: CertificateSigningRequestSpec {
            signer_name: names::SIGNER.to_owned(),
            request: ByteString(request_pem.into_bytes()),
            usages: Some(usages.map(str::to_owned).to_vec()),
            expiration_seconds: i32::try_from(LIFE.as_secs()).ok(),
            ..CertificateSigningRequestSpec::default()
        },
        status: None,
    }
}

fn answer(request: Option<&CertificateSigningRequest>) -> Option<Answer> {
    let Some(request) = request else {
        return Some(Answer::Gone);
    };
    let status = request.status.as_ref()?;
    for condition in status.conditions.iter().flatten() {
        if matches!(condition.type_.as_str(), "Denied" | "Failed") && condition.status == "True" {
            let reason = condition.message.clone().or_else(|| condition.reason.clone());
            return Some(Answer::Denied(
                reason.unwrap_or_else(|| "no reason given".to_owned()),
            ));
        }
    }
    let chain = status.certificate.as_ref()?;
    Some(Answer::Signed(String::from_utf8_lossy(&chain.0).into_owned()))
}

/// Creates the request; an API server that cannot be reached is tried again, one that refuses is not.
async fn create(
    api: &Api<CertificateSigningRequest>,
    request: &CertificateSigningRequest,
) -> Result<String, IdentityError> {
    let action = "create a CertificateSigningRequest";
    loop {
        match api.create(&PostParams::default(), request).await {
            Ok(made) => return Ok(made.name_any()),
            Err(kube::Error::Api(status)) if matches!(status.code, 401 | 403) => {
                return Err(IdentityError::Forbidden {
                    action,
                    reason: status.message,
                });
            }
            Err(source @ kube::Error::Api(_)) if !passing(&source) => {
                return Err(IdentityError::Api {
                    action,
                    source: Box::new(source),
                });
            }
            Err(error) => {
                warn!(%error, "cannot ask for a certificate yet, trying again");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

fn passing(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code >= 500 || matches!(status.code, 408 | 409 | 429))
}
