//! Who is at the other end, as its certificate says.

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// DNS names in the verified certificate of the caller; a request extension.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerNames(pub Vec<String>);

impl PeerNames {
    /// Whether the caller is the part with this name.
    pub fn is(&self, name: &str) -> bool {
        self.0.iter().any(|own| own == name)
    }
}

/// DNS names in the leaf of a chain that rustls has verified; none if it holds none that can be read.
pub fn peer_names(chain: &[CertificateDer<'_>]) -> Vec<String> {
    let Some(leaf) = chain.first() else {
        return Vec::new();
    };
    let Ok((_, leaf)) = X509Certificate::from_der(leaf.as_ref()) else {
        return Vec::new();
    };
    let Ok(Some(names)) = leaf.subject_alternative_name() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for name in &names.value.general_names {
        if let GeneralName::DNSName(name) = name {
            found.push((*name).to_owned());
        }
    }
    found
}
