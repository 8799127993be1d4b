//! Key, certificate chain and trusted authorities, parsed once and then only read.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::IdentityError;

/// An identity as PEM texts.
#[derive(Clone)]
pub struct Parts {
    /// Certificate chain, leaf first.
    pub chain_pem: String,
    /// Private key (PKCS #8).
    pub key_pem: String,
    /// Trusted authorities; several during a rotation.
    pub ca_pem: String,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("chain_pem", &self.chain_pem)
            .finish_non_exhaustive()
    }
}

/// What one handshake needs.
#[derive(Debug)]
pub(crate) struct Material {
    pub(crate) parts: Parts,
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) clients: Arc<dyn ClientCertVerifier>,
    pub(crate) servers: Arc<WebPkiServerVerifier>,
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
    /// Of the trusted authority that expires first.
    pub(crate) trust_ends: SystemTime,
}

impl Material {
    pub(crate) fn parse(parts: Parts) -> Result<Self, IdentityError> {
        let provider = provider();
        let chain = certificates("certificate", &parts.chain_pem)?;
        let (not_before, not_after) = validity(&chain)?;
        let key = PrivateKeyDer::from_pem_slice(parts.key_pem.as_bytes())
            .map_err(|error| IdentityError::unusable("private key", error))?;
        // Refuses a key that does not belong to the certificate.
        let key = CertifiedKey::from_der(chain, key, &provider)?;
        let mut roots = RootCertStore::empty();
        let mut trust_ends = None;
        for root in certificates("certificate authority", &parts.ca_pem)? {
            let (_, ends) = validity(std::slice::from_ref(&root))?;
            trust_ends = Some(trust_ends.map_or(ends, |first: SystemTime| first.min(ends)));
            roots.add(root)?;
        }
        let roots = Arc::new(roots);
        let clients = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone())
            .build()
            .map_err(|error| IdentityError::unusable("certificate authority", error))?;
        let servers = WebPkiServerVerifier::builder_with_provider(roots, provider)
            .build()
            .map_err(|error| IdentityError::unusable("certificate authority", error))?;
        Ok(Self {
            parts,
            key: Arc::new(key),
            clients,
            servers,
            not_before,
            not_after,
            trust_ends: trust_ends.unwrap_or(not_after),
        })
    }

    /// When two thirds of the certificate's life are over.
    pub(crate) fn renew_at(&self) -> SystemTime {
        let life = self
            .not_after
            .duration_since(self.not_before)
            .unwrap_or(Duration::ZERO);
        self.not_before + life * 2 / 3
    }
}

/// The one crypto provider we use; never a process-wide default, so no crate can change it under us.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn certificates(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| IdentityError::unusable(what, error))?;
    if found.is_empty() {
        return Err(IdentityError::unusable(what, "it holds no PEM certificate"));
    }
    Ok(found)
}

fn validity(chain: &[CertificateDer<'_>]) -> Result<(SystemTime, SystemTime), IdentityError> {
    let leaf = chain.first().map(AsRef::as_ref).unwrap_or_default();
    let (_, leaf) =
        X509Certificate::from_der(leaf).map_err(|error| IdentityError::unusable("certificate", error))?;
    let at = |seconds: i64| UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    Ok((
        at(leaf.validity().not_before.timestamp()),
        at(leaf.validity().not_after.timestamp()),
    ))
}
