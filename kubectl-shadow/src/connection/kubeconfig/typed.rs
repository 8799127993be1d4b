//! What the flags change in a cluster and a user, as kubectl does it.

use std::path::Path;

use kube::config::{AuthInfo, Cluster};

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

/// What is typed about a user. A token takes the place of every other way to log in.
pub(in crate::connection) fn user(user: AuthInfo, place: &Place) -> AuthInfo {
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
    if place.as_user.is_some() {
        typed.impersonate.clone_from(&place.as_user);
    }
    if place.as_uid.is_some() {
        typed.impersonate_uid.clone_from(&place.as_uid);
    }
    if !place.as_group.is_empty() {
        typed.impersonate_groups = Some(place.as_group.clone());
    }
    typed
}
