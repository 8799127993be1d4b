//! What a part presents and whom it trusts, at this moment.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};
use tokio::sync::watch;

use crate::material::{Material, Parts, provider};
use crate::verify::{Expect, Present};
use crate::{IdentityError, request};

/// A part's certificate, key and trusted authorities. Cheap to clone; all clones change together.
#[derive(Clone, Debug)]
pub struct Identity {
    name: Arc<str>,
    pub(crate) present: Present,
}

impl Identity {
    /// Asks the cluster's signer (our controller) for a certificate with this DNS name, waits until it is there,
    /// and keeps it fresh from then on.
    pub async fn request(
        client: kube::Client,
        name: &str,
        role: request::Role,
    ) -> Result<Self, IdentityError> {
        request::obtain(client, name, role).await
    }

    /// An identity from PEM texts: the controller signs its own, tests make theirs.
    pub fn from_parts(name: &str, parts: Parts) -> Result<Self, IdentityError> {
        let (sender, _) = watch::channel(Arc::new(Material::parse(parts)?));
        Ok(Self {
            name: name.into(),
            present: Present(Arc::new(sender)),
        })
    }

    pub(crate) fn of(name: &str, present: Present) -> Self {
        Self {
            name: name.into(),
            present,
        }
    }

    /// Puts a new certificate, key and trust in force; handshakes from now on use them. What does not parse is
    /// refused and the old ones stay.
    pub fn replace(&self, parts: Parts) -> Result<(), IdentityError> {
        let material = Arc::new(Material::parse(parts)?);
        self.present.0.send_replace(material);
        Ok(())
    }

    /// Puts other trusted authorities in force, the certificate stays.
    pub fn trust(&self, ca_pem: &str) -> Result<(), IdentityError> {
        let mut parts = self.present.now().parts.clone();
        parts.ca_pem = ca_pem.to_owned();
        self.replace(parts)
    }

    /// DNS name that this identity was made for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When two thirds of the present certificate's life are over.
    pub fn renew_at(&self) -> SystemTime {
        self.present.now().renew_at()
    }

    /// When the present certificate expires.
    pub fn expires_at(&self) -> SystemTime {
        self.present.now().not_after
    }

    /// When the first of the trusted authorities expires.
    pub fn trust_ends_at(&self) -> SystemTime {
        self.present.now().trust_ends
    }

    /// For servers that our own parts call: a client certificate of our authority is required.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, IdentityError> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(Arc::new(self.present.clone()));
        Ok(Arc::new(unresumed(
            builder.with_cert_resolver(Arc::new(self.present.clone())),
        )))
    }

    /// For the webhook, whose caller is the API server: no client certificate is asked for.
    pub fn anonymous_server_config(&self) -> Result<Arc<ServerConfig>, IdentityError> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth();
        Ok(Arc::new(unresumed(
            builder.with_cert_resolver(Arc::new(self.present.clone())),
        )))
    }

    /// For calls to the part that is called `expected_server_name`, at whatever address.
    pub fn client_config(&self, expected_server_name: &str) -> Result<Arc<ClientConfig>, IdentityError> {
        let name = ServerName::try_from(expected_server_name.to_owned())
            .map_err(|_| IdentityError::BadName(expected_server_name.to_owned()))?;
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Expect {
                present: self.present.clone(),
                name,
            }))
            .with_client_cert_resolver(Arc::new(self.present.clone()));
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }
}

/// A resumed session would carry the checks of an earlier handshake past a rotation.
fn unresumed(mut config: ServerConfig) -> ServerConfig {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config
}
