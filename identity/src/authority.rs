//! The certificate authority of one installation: generated and used by the controller only.
//!
//! Guarantee: a certificate is issued for the names that the caller of [`Authority::sign`] decided on; of a signing
//! request nothing but its public key gets into the certificate.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};

use crate::{IdentityError, Parts};

/// A certificate is valid from this much before it is issued, so that clocks may differ.
const BACKDATED: Duration = Duration::from_secs(300);

/// A certificate authority with its key.
pub struct Authority {
    certificate_pem: String,
    key_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new authority that is valid for `life` from `now`.
    pub fn generate(now: SystemTime, life: Duration) -> Result<Self, IdentityError> {
        let action = "generate the certificate authority";
        let key = KeyPair::generate().map_err(IdentityError::generate(action))?;
        let mut params = params(Vec::new(), now, life)?;
        params.distinguished_name.push(DnType::CommonName, subject(&key));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.extended_key_usages = Vec::new();
        let certificate = params
            .self_signed(&key)
            .map_err(IdentityError::generate(action))?;
        Self::load(&certificate.pem(), &key.serialize_pem())
    }

    /// Takes up an authority that was stored.
    pub fn load(certificate_pem: &str, key_pem: &str) -> Result<Self, IdentityError> {
        let action = "load the certificate authority";
        let key = KeyPair::from_pem(key_pem).map_err(IdentityError::generate(action))?;
        let issuer =
            Issuer::from_ca_cert_pem(certificate_pem, key).map_err(IdentityError::generate(action))?;
        Ok(Self {
            certificate_pem: certificate_pem.to_owned(),
            key_pem: key_pem.to_owned(),
            issuer,
        })
    }

    /// Its certificate.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Its private key.
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// Certificate for the public key in `request_pem`, whose signature is verified, and for exactly these names.
    pub fn sign(
        &self,
        request_pem: &str,
        names: &[String],
        now: SystemTime,
        life: Duration,
    ) -> Result<String, IdentityError> {
        let asked = CertificateSigningRequestParams::from_pem(request_pem)
            .map_err(|error| IdentityError::unusable("signing request", error))?;
        let request = CertificateSigningRequestParams {
            params: params(names.to_vec(), now, life)?,
            public_key: asked.public_key,
        };
        let signed = request
            .signed_by(&self.issuer)
            .map_err(IdentityError::generate("sign a certificate"))?;
        Ok(signed.pem())
    }

    /// A key and certificate for `name` that trusts this authority only.
    pub fn issue(&self, name: &str, now: SystemTime, life: Duration) -> Result<Parts, IdentityError> {
        let (request_pem, key_pem) = signing_request(name)?;
        let chain_pem = self.sign(&request_pem, &[name.to_owned()], now, life)?;
        Ok(Parts {
            chain_pem,
            key_pem,
            ca_pem: self.certificate_pem.clone(),
        })
    }
}

/// Names that a signing request asks for; refused when it asks for anything but DNS names.
pub fn requested_names(request_pem: &str) -> Result<Vec<String>, IdentityError> {
    let asked = CertificateSigningRequestParams::from_pem(request_pem)
        .map_err(|error| IdentityError::unusable("signing request", error))?;
    let mut names = Vec::new();
    for name in asked.params.subject_alt_names {
        if let SanType::DnsName(name) = name {
            names.push(name.to_string());
        } else {
            return Err(IdentityError::unusable(
                "signing request",
                "it asks for more than DNS names",
            ));
        }
    }
    Ok(names)
}

/// A fresh P-256 key and a request for a certificate with the DNS name `name`: (request, key), both PEM.
pub(crate) fn signing_request(name: &str) -> Result<(String, String), IdentityError> {
    let action = "make a signing request";
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)
        .map_err(IdentityError::generate("generate a private key"))?;
    let mut params =
        CertificateParams::new(vec![name.to_owned()]).map_err(|_| IdentityError::BadName(name.to_owned()))?;
    params.distinguished_name = DistinguishedName::new();
    let request = params
        .serialize_request(&key)
        .map_err(IdentityError::generate(action))?;
    Ok((
        request.pem().map_err(IdentityError::generate(action))?,
        key.serialize_pem(),
    ))
}

/// Differs from authority to authority, so that a peer of another one is "unknown issuer" and not "bad signature".
fn subject(key: &KeyPair) -> String {
    let tail: String = key
        .public_key_raw()
        .iter()
        .rev()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("kubectl-shadow {tail}")
}

fn params(names: Vec<String>, now: SystemTime, life: Duration) -> Result<CertificateParams, IdentityError> {
    let bad = names.join(", ");
    let mut params = CertificateParams::new(names).map_err(|_| IdentityError::BadName(bad))?;
    params.distinguished_name = DistinguishedName::new();
    params.not_before = (now - BACKDATED).into();
    params.not_after = (now + life).into();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_certificate_holds_the_names_that_were_decided_on_not_those_asked_for() {
        let authority = Authority::generate(SystemTime::now(), HOUR).unwrap();
        let (request, key_pem) = signing_request("greedy.example").unwrap();
        let chain_pem = authority
            .sign(&request, &["modest.example".to_owned()], SystemTime::now(), HOUR)
            .unwrap();
        let parts = Parts {
            chain_pem,
            key_pem,
            ca_pem: authority.certificate_pem().to_owned(),
        };
        let material = crate::material::Material::parse(parts).unwrap();
        assert_eq!(crate::peer_names(&material.key.cert), ["modest.example"]);
    }

    #[test]
    fn the_names_asked_for_can_be_read() {
        let (request, _) = signing_request("node-a.agent.shadow-system.shadow").unwrap();
        assert_eq!(
            requested_names(&request).unwrap(),
            ["node-a.agent.shadow-system.shadow"]
        );
    }

    #[test]
    fn a_request_for_an_address_is_refused() {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["10.0.0.1".to_owned()]).unwrap();
        let request = params.serialize_request(&key).unwrap().pem().unwrap();
        assert!(
            requested_names(&request)
                .unwrap_err()
                .to_string()
                .contains("DNS names")
        );
    }

    #[test]
    fn a_stored_authority_goes_on_signing() {
        let authority = Authority::generate(SystemTime::now(), HOUR).unwrap();
        let again = Authority::load(authority.certificate_pem(), authority.key_pem()).unwrap();
        let parts = again.issue("a.example", SystemTime::now(), HOUR).unwrap();
        assert!(crate::material::Material::parse(parts).is_ok());
    }
}
