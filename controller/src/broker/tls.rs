//! Whom we believe when a broker shows its certificate.
//!
//! Guarantee: without a verified certificate nothing is said to the broker.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Whether public authorities are believed besides the one that the Secret names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Public {
    /// As for `amqps` URIs everywhere.
    Trusted,
    /// Only what the Secret names.
    Ignored,
}

/// A client's settings; the error says what is wrong with `ca`, the PEM of an authority.
pub(super) fn client(ca: Option<&str>, public: Public) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    if public == Public::Trusted {
        let known = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned();
        roots.add_parsable_certificates(known);
    }
    for certificate in CertificateDer::pem_slice_iter(ca.unwrap_or_default().as_bytes()) {
        let certificate = certificate.map_err(|e| format!("ca.crt is not PEM: {e}"))?;
        roots
            .add(certificate)
            .map_err(|e| format!("ca.crt is not a certificate: {e}"))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
