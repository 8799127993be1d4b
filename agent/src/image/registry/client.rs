//! One registry: requests with bounded time and size, answers held against what was asked.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Certificate, Client, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use shadow_core::repository::Repository;
use shadow_core::wire::{Login, RegistryAccess};
use shadow_dialling::GuardedNames;
use shadow_identity::{CappedError, capped};

use super::error::RegistryError;
use super::policy::{Endpoint, Policy};

/// Requests that carry little.
pub(super) const QUICK: Duration = Duration::from_secs(10);
/// A whole layer; the machine's own limit ends little later.
pub(super) const WHOLE_LAYER: Duration = Duration::from_secs(120);
const CONNECT: Duration = Duration::from_secs(5);
/// A connection over which nothing of what we send arrives for so long is given up.
const STALLED: Duration = Duration::from_secs(20);
/// More than any refusal that we could name has.
const MAX_REFUSAL: usize = 16 * 1024;

/// What we want to do there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Push,
    Pull,
    Delete,
}

impl Scope {
    pub(super) fn actions(self) -> &'static str {
        match self {
            Self::Push => "pull,push",
            Self::Pull => "pull",
            Self::Delete => "pull,delete",
        }
    }
}

/// A repository in a registry, with a connection of its own.
pub(crate) struct Registry {
    pub(super) http: Client,
    pub(super) policy: Policy,
    pub(super) endpoint: Endpoint,
    pub(super) path: String,
    pub(super) login: Option<Login>,
    pub(super) scope: Scope,
    authorization: Mutex<Option<HeaderValue>>,
}

/// `{"errors": [{"code": "DENIED", …}]}`.
#[derive(Default, Deserialize)]
struct Refusals {
    #[serde(default)]
    errors: Vec<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
}

impl Registry {
    /// Dials nothing yet.
    pub(crate) fn open(
        policy: &Policy,
        repository: &Repository,
        access: &RegistryAccess,
        scope: Scope,
    ) -> Result<Self, RegistryError> {
        let endpoint = policy.endpoint(repository, access.ca.is_some())?;
        Ok(Self {
            http: client(access.ca.as_deref(), endpoint.names.clone())?,
            endpoint,
            policy: policy.clone(),
            path: repository.path().to_owned(),
            login: access.login.clone(),
            scope,
            authorization: Mutex::default(),
        })
    }

    /// `/v2/<path>/<rest>`. A repository's path holds nothing that would have to be quoted.
    pub(super) fn url(&self, rest: &str) -> Result<Url, RegistryError> {
        let path = format!("/v2/{}/{rest}", self.path);
        self.endpoint
            .base
            .join(&path)
            .map_err(|error| RegistryError::Wrong(format!("{path} is not a valid address: {error}")))
    }

    /// Sends, and once more with credentials if they are asked for. Trouble of the registry itself is an error, any other
    /// answer is handed back.
    pub(super) async fn send(
        &self,
        what: &'static str,
        build: impl Fn(&Client) -> RequestBuilder,
    ) -> Result<Response, RegistryError> {
        let first = self.send_once(what, build(&self.http)).await?;
        if first.status() != StatusCode::UNAUTHORIZED {
            return Ok(first);
        }
        let Some(answer) = self.answer_to(first.headers()).await? else {
            return Ok(first);
        };
        *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        self.send_once(what, build(&self.http)).await
    }

    /// The same without a second try; for bodies that cannot be sent twice.
    pub(super) async fn send_once(
        &self,
        what: &'static str,
        mut request: RequestBuilder,
    ) -> Result<Response, RegistryError> {
        let authorization = self
            .authorization
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        // Places of uploads carry state that is nobody else's business.
        let sent = request.send().await;
        let answer = sent
            .map_err(|error| RegistryError::unreachable(&self.endpoint.name, what, &error.without_url()))?;
        let status = answer.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(RegistryError::Busy {
                host: self.endpoint.name.clone(),
                what,
                status: status.as_u16(),
            });
        }
        Ok(answer)
    }

    /// Hands the answer back if it has this status.
    pub(super) async fn expect(
        &self,
        what: &'static str,
        answer: Response,
        expected: StatusCode,
    ) -> Result<Response, RegistryError> {
        if answer.status() == expected {
            return Ok(answer);
        }
        Err(self.refusal(what, answer).await)
    }

    /// What an unwelcome answer means, and the way out.
    pub(super) async fn refusal(&self, what: &'static str, answer: Response) -> RegistryError {
        let status = answer.status();
        let host = self.endpoint.name.clone();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            let status = status.as_u16();
            return RegistryError::Busy { host, what, status };
        }
        let advice = self.advice(status);
        let body = read_capped(answer, MAX_REFUSAL, &host, what).await;
        RegistryError::Refused {
            host,
            what,
            status: status.as_u16(),
            code: body.map(|body| code(&body)).unwrap_or_default(),
            advice,
        }
    }

    fn advice(&self, status: StatusCode) -> String {
        let path = &self.path;
        match status {
            StatusCode::UNAUTHORIZED if self.login.is_some() => {
                "it does not accept user and password; correct the Secret in spec.checkpointImageSecretRef".to_owned()
            }
            StatusCode::UNAUTHORIZED => "it needs a login; name a Secret of type kubernetes.io/dockerconfigjson in \
                spec.checkpointImageSecretRef. To let the controller read it, type: kubectl shadow allow -n NAMESPACE \
                --secret SECRET"
                .to_owned(),
            StatusCode::FORBIDDEN => {
                let actions = self.scope.actions();
                format!("allow its user {actions} on repository {path}, or name the Secret of another user")
            }
            StatusCode::NOT_FOUND => format!(
                "it does not find this in repository {path}; check spec.checkpointImageRepository, and create the \
                 repository if the registry does not create it by itself"
            ),
            StatusCode::METHOD_NOT_ALLOWED => "it does not allow this operation".to_owned(),
            StatusCode::PAYLOAD_TOO_LARGE => "the archive is larger than it accepts; raise its limit (or that of a proxy \
                before it), or use transferMode: Direct"
                .to_owned(),
            other if other.is_redirection() => {
                "it redirects to another address, which is followed for downloads only; name the registry itself in \
                 spec.checkpointImageRepository".to_owned()
            }
            _ => "read the registry's log".to_owned(),
        }
    }
}

/// A client that follows nothing by itself and dials no address that a registry cannot have.
fn client(ca: Option<&str>, names: GuardedNames) -> Result<Client, RegistryError> {
    let unusable = |error: reqwest::Error| RegistryError::Secret(format!("ca.crt: {}", error.without_url()));
    let mut authorities = Vec::new();
    for der in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        authorities.push(Certificate::from_der(der).map_err(unusable)?);
    }
    if let Some(pem) = ca {
        authorities.extend(Certificate::from_pem_bundle(pem.as_bytes()).map_err(unusable)?);
    }
    Client::builder()
        .tls_certs_only(authorities)
        .dns_resolver(names)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT)
        .tcp_user_timeout(STALLED)
        .user_agent(concat!("kubectl-shadow/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(unusable)
}

/// A body of at most `most` bytes; a longer one is refused before it is held.
pub(super) async fn read_capped(
    answer: Response,
    most: usize,
    host: &str,
    what: &'static str,
) -> Result<Vec<u8>, RegistryError> {
    capped(answer, most).await.map_err(|error| match error {
        CappedError::TooLong(most) => RegistryError::Wrong(format!(
            "{host} answered with more than {most} bytes to the request to {what}"
        )),
        CappedError::Broken(error) => RegistryError::unreachable(host, what, &error.without_url()),
    })
}

/// The registry's own word for a refusal, if it is one of the specification's kind.
fn code(body: &[u8]) -> String {
    let refusals: Refusals = serde_json::from_slice(body).unwrap_or_default();
    let lawful = |code: &str| {
        (1..=40).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    };
    match refusals.errors.into_iter().find(|refusal| lawful(&refusal.code)) {
        Some(refusal) => format!(" {}", refusal.code),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use shadow_core::dialling::{Peer, Rules};
    use shadow_dialling::Guard;

    use super::*;

    #[test]
    fn only_a_registrys_own_words_are_repeated() {
        assert_eq!(
            code(br#"{"errors":[{"code":"DENIED","message":"secret"}]}"#),
            " DENIED"
        );
        for other in [
            &br#"{"AccessKeyId":"AKIA"}"#[..],
            br#"{"errors":[{"code":"aws-secret-key"}]}"#,
            br#"{"errors":"x"}"#,
            b"<html>",
            b"",
        ] {
            assert_eq!(code(other), "");
        }
    }

    #[tokio::test]
    async fn a_certificate_authority_that_is_none_is_the_secrets_fault() {
        drop(rustls::crypto::ring::default_provider().install_default());
        let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let names = GuardedNames::of(Guard::new(Rules::of(Peer::Registry)), "r", 443);
        let error = client(Some(bad), names).map(drop).unwrap_err().to_string();
        assert!(
            error.contains("checkpointImageSecretRef") && error.contains("ca.crt"),
            "{error}"
        );
    }
}
