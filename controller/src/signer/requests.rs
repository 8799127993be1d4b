//! Answers the CertificateSigningRequests that are addressed to us.
//!
//! A request is approved and signed, or denied with the reason; either way once, since an answered request is left
//! alone. An answer that fails (API server away, conflict) is given again from the fresh object.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::StreamExt;
use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition, CertificateSigningRequestStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use shadow_core::names;
use shadow_identity::authority::requested_names;
use tracing::{debug, info, warn};

use super::decision::{Decision, decide};
use super::{Authority, SignerError};

/// Pause before an answer that failed is given again.
const RETRY: Duration = Duration::from_secs(1);
/// Why, in a condition; machine-readable.
const REASON: &str = "ShadowSigner";

struct Signer {
    api: Api<CertificateSigningRequest>,
    authority: Authority,
}

/// Signs and denies requests for our signer name until the future is dropped; restarts its watch by itself.
pub async fn serve(client: Client, authority: Authority) {
    let api = Api::<CertificateSigningRequest>::all(client);
    let ours = watcher::Config::default().fields(&format!("spec.signerName={}", names::SIGNER));
    let signer = Arc::new(Signer {
        api: api.clone(),
        authority,
    });
    Controller::new(api, ours)
        .run(answer, |request, error, _| again(&request, error), signer)
        .for_each(|answered| async move {
            if let Err(error) = answered {
                debug!(%error, "signing request not answered");
            }
        })
        .await;
}

fn again(request: &CertificateSigningRequest, error: &SignerError) -> Action {
    warn!(request = request.name_any(), %error, "cannot answer a signing request, trying again");
    Action::requeue(RETRY)
}

async fn answer(request: Arc<CertificateSigningRequest>, signer: Arc<Signer>) -> Result<Action, SignerError> {
    // The watch may lag behind our own answer.
    let Some(request) = signer.read(&request.name_any()).await? else {
        return Ok(Action::await_change());
    };
    // The watch is restricted by the API server; a certificate is worth a second look.
    if request.spec.signer_name == names::SIGNER && !is_answered(request.status.as_ref()) {
        let pem = String::from_utf8_lossy(&request.spec.request.0).into_owned();
        match verdict(&request, &pem) {
            Decision::Sign { name, life } => signer.sign(&request, &pem, &name, life).await?,
            Decision::Deny(reason) => signer.deny(&request, &reason).await?,
        }
    }
    Ok(Action::await_change())
}

fn verdict(request: &CertificateSigningRequest, pem: &str) -> Decision {
    match requested_names(pem) {
        Ok(asked_for) => decide(&request.spec, &asked_for),
        Err(error) => Decision::Deny(error.to_string()),
    }
}

fn is_answered(status: Option<&CertificateSigningRequestStatus>) -> bool {
    let Some(status) = status else { return false };
    let refused = |c: &CertificateSigningRequestCondition| matches!(c.type_.as_str(), "Denied" | "Failed");
    status.certificate.is_some() || status.conditions.iter().flatten().any(refused)
}

impl Signer {
    async fn read(&self, name: &str) -> Result<Option<CertificateSigningRequest>, SignerError> {
        self.api
            .get_opt(name)
            .await
            .map_err(SignerError::api("read a signing request"))
    }

    async fn sign(
        &self,
        request: &CertificateSigningRequest,
        pem: &str,
        name: &str,
        life: Duration,
    ) -> Result<(), SignerError> {
        let certificate = self
            .authority
            .0
            .sign(pem, &[name.to_owned()], SystemTime::now(), life)?;
        self.conclude(request, "Approved", &format!("the API server vouches for {name}"))
            .await?;
        let signed = json!({"status": {"certificate": ByteString(certificate.into_bytes())}});
        self.api
            .patch_status(
                &request.name_any(),
                &PatchParams::default(),
                &Patch::Merge(&signed),
            )
            .await
            .map_err(SignerError::api("put a certificate into its request"))?;
        info!(
            request = request.name_any(),
            name,
            life_seconds = life.as_secs(),
            "certificate signed"
        );
        Ok(())
    }

    async fn deny(&self, request: &CertificateSigningRequest, reason: &str) -> Result<(), SignerError> {
        self.conclude(request, "Denied", reason).await?;
        warn!(
            request = request.name_any(),
            user = request.spec.username,
            reason,
            "certificate denied"
        );
        Ok(())
    }

    /// Adds a condition, unless it is there already. Somebody else's change in between is a conflict.
    async fn conclude(
        &self,
        request: &CertificateSigningRequest,
        conclusion: &str,
        message: &str,
    ) -> Result<(), SignerError> {
        let conditions = request
            .status
            .as_ref()
            .and_then(|s| s.conditions.clone())
            .unwrap_or_default();
        if conditions.iter().any(|condition| condition.type_ == conclusion) {
            return Ok(());
        }
        let patch = concluded(request.resource_version(), conditions, conclusion, message);
        self.api
            .patch_approval(
                &request.name_any(),
                &PatchParams::default(),
                &Patch::Merge(&patch),
            )
            .await
            .map_err(SignerError::api("approve or deny a signing request"))?;
        Ok(())
    }
}

/// A merge patch replaces lists as a whole, so the conditions that are there go with it.
fn concluded(
    resource_version: Option<String>,
    mut conditions: Vec<CertificateSigningRequestCondition>,
    conclusion: &str,
    message: &str,
) -> serde_json::Value {
    let now = Time(Timestamp::now());
    conditions.push(CertificateSigningRequestCondition {
        type_: conclusion.to_owned(),
        status: "True".to_owned(),
        reason: Some(REASON.to_owned()),
        message: Some(message.to_owned()),
        last_update_time: Some(now.clone()),
        last_transition_time: Some(now),
    });
    json!({"metadata": {"resourceVersion": resource_version}, "status": {"conditions": conditions}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(type_: &str) -> CertificateSigningRequestCondition {
        CertificateSigningRequestCondition {
            type_: type_.to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn only_open_requests_are_answered() {
        let of = |conditions: &[&str], certificate: bool| CertificateSigningRequestStatus {
            conditions: Some(conditions.iter().map(|c| condition(c)).collect()),
            certificate: certificate.then(|| ByteString(b"pem".to_vec())),
        };
        assert!(!is_answered(None));
        assert!(!is_answered(Some(&of(&[], false))));
        // Approved, and we died before the certificate was there.
        assert!(!is_answered(Some(&of(&["Approved"], false))));
        assert!(is_answered(Some(&of(&["Approved"], true))));
        assert!(is_answered(Some(&of(&["Denied"], false))));
        assert!(is_answered(Some(&of(&["Failed"], false))));
    }

    #[test]
    fn a_conclusion_keeps_other_conditions_and_guards_against_other_writers() {
        let patch = concluded(
            Some("7".to_owned()),
            vec![condition("Failed")],
            "Denied",
            "because",
        );
        assert_eq!(patch["metadata"]["resourceVersion"], "7");
        assert_eq!(patch["status"]["conditions"][0]["type"], "Failed");
        assert_eq!(patch["status"]["conditions"][1]["type"], "Denied");
        assert_eq!(patch["status"]["conditions"][1]["message"], "because");
    }

    #[test]
    fn what_is_not_a_request_is_denied() {
        let request = CertificateSigningRequest::default();
        assert!(matches!(verdict(&request, "garbage"), Decision::Deny(_)));
    }
}
