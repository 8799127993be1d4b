//! What the flags change in a cluster and a user, as kubectl does it.

use std::collections::HashMap;
use std::path::Path;

use kube::config::{AuthInfo, Cluster};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::cli::Place;

/// What is typed about a cluster takes the place of what is written.
pub(super) fn cluster(cluster: &mut Cluster, place: &Place) {
    if let Some(server) = &place.server {
        cluster.server = Some(server.clone());
        // The name that the other server has.
        cluster.tls_server_name = None;
    }
    if let Some(file) = &place.certificate_authority {
        cluster.certificate_authority = Some(absolute(file));
        cluster.certificate_authority_data = None;
        cluster.insecure_skip_tls_verify = None;
    }
    if place.insecure_skip_tls_verify {
        cluster.insecure_skip_tls_verify = Some(true);
        cluster.certificate_authority = None;
        cluster.certificate_authority_data = None;
    }
    if place.tls_server_name.is_some() {
        cluster.tls_server_name.clone_from(&place.tls_server_name);
    }
}

fn absolute(file: &Path) -> String {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    absolute.to_string_lossy().into_owned()
}

/// What is typed about a user, or why that is not enough. A token takes the place of every other way to log in.
pub(in crate::connection) fn user(user: AuthInfo, place: &Place) -> Result<AuthInfo, String> {
    let mut typed = match &place.token {
        None => user,
        Some(token) => AuthInfo {
            token: Some(token.clone().into()),
            impersonate: user.impersonate,
            impersonate_uid: user.impersonate_uid,
            impersonate_groups: user.impersonate_groups,
            impersonate_user_extra: user.impersonate_user_extra,
            ..AuthInfo::default()
        },
    };
    certificate(&mut typed, place)?;
    impersonation(&mut typed, place)?;
    Ok(typed)
}

/// Certificate and key. One alone takes the place of its half, as with kubectl; both have to be there in the end.
fn certificate(user: &mut AuthInfo, place: &Place) -> Result<(), String> {
    if let Some(file) = &place.client_certificate {
        let is_one = |pem: &[u8]| CertificateDer::from_pem_slice(pem).is_ok();
        read("--client-certificate", file, "certificate", is_one)?;
        user.client_certificate = Some(absolute(file));
        user.client_certificate_data = None;
    }
    if let Some(file) = &place.client_key {
        let is_one = |pem: &[u8]| PrivateKeyDer::from_pem_slice(pem).is_ok();
        read("--client-key", file, "private key", is_one)?;
        user.client_key = Some(absolute(file));
        user.client_key_data = None;
    }
    let certificate = user.client_certificate.is_some() || user.client_certificate_data.is_some();
    let key = user.client_key.is_some() || user.client_key_data.is_some();
    match (&place.client_certificate, &place.client_key) {
        (Some(_), None) if !key => {
            Err("--client-certificate needs its private key. Add --client-key FILE".to_owned())
        }
        (None, Some(_)) if !certificate => {
            Err("--client-key needs its certificate. Add --client-certificate FILE".to_owned())
        }
        (_, _) => Ok(()),
    }
}

/// That a file is there and holds what its flag says. It is read for good when the connection is made.
fn read(flag: &str, file: &Path, what: &str, is_one: impl Fn(&[u8]) -> bool) -> Result<(), String> {
    let named = || format!("{flag} {}", file.display());
    let pem =
        std::fs::read(file).map_err(|error| format!("{}: the file cannot be read: {error}", named()))?;
    if is_one(&pem) {
        Ok(())
    } else {
        Err(format!("{}: the file holds no {what} in PEM", named()))
    }
}

/// Whom to act as. What is typed of groups or of more takes the place of all that is written of it.
fn impersonation(user: &mut AuthInfo, place: &Place) -> Result<(), String> {
    if place.as_user.is_some() {
        user.impersonate.clone_from(&place.as_user);
    }
    if place.as_uid.is_some() {
        user.impersonate_uid.clone_from(&place.as_uid);
    }
    if !place.as_group.is_empty() {
        user.impersonate_groups = Some(place.as_group.clone());
    }
    if !place.as_user_extra.is_empty() {
        let mut extra = HashMap::<String, Vec<String>>::new();
        for (key, value) in &place.as_user_extra {
            extra.entry(key.clone()).or_default().push(value.clone());
        }
        user.impersonate_user_extra = Some(extra);
    }
    let typed = [
        ("--as-uid", place.as_uid.is_some()),
        ("--as-group", !place.as_group.is_empty()),
        ("--as-user-extra", !place.as_user_extra.is_empty()),
    ];
    let without_user = user.impersonate.as_ref().is_none_or(String::is_empty);
    match typed.into_iter().find(|(_, typed)| *typed && without_user) {
        Some((flag, _)) => Err(format!("{flag} needs a user to act as. Add --as USER")),
        None => Ok(()),
    }
}
