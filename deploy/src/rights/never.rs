//! What no manifest may grant: rows that say so, and questions whose answer has to be no.

use shadow_core::names::GROUP;

use super::{Holder, Place, Thing};

/// Group, resource and place; for our own identities.
const ACCOUNTS: [(&str, &str, Place); 16] = [
    ("", "secrets", Place::Everywhere),
    ("", "secrets", Place::Theirs),
    ("", "configmaps", Place::Everywhere),
    ("", "pods/exec", Place::Everywhere),
    ("", "pods/attach", Place::Everywhere),
    ("", "pods/portforward", Place::Everywhere),
    ("", "pods/log", Place::Everywhere),
    ("", "pods/eviction", Place::Everywhere),
    ("", "nodes/proxy", Place::Everywhere),
    ("", "serviceaccounts/token", Place::Everywhere),
    ("apps", "deployments", Place::Everywhere),
    ("apps", "daemonsets", Place::Everywhere),
    ("rbac.authorization.k8s.io", "clusterroles", Place::Everywhere),
    (
        "rbac.authorization.k8s.io",
        "clusterrolebindings",
        Place::Everywhere,
    ),
    ("rbac.authorization.k8s.io", "rolebindings", Place::Everywhere),
    (
        "admissionregistration.k8s.io",
        "validatingadmissionpolicies",
        Place::Everywhere,
    ),
];

/// For users: of our own kinds, since the rest is Kubernetes' own.
const USERS: [(&str, Place); 7] = [
    ("statefulmigrations", Place::Everywhere),
    ("statefulmigrations", Place::System),
    ("statefulmigrations/status", Place::Theirs),
    ("statefulmigrations/finalizers", Place::Theirs),
    ("evacuations/status", Place::Theirs),
    ("migrationpolicies", Place::System),
    ("pauses/status", Place::Everywhere),
];

pub(super) fn things(holders: &[Holder]) -> Vec<Thing> {
    let accounts = holders.iter().any(|holder| matches!(holder, Holder::Account(_)));
    let thing = |group: &str, resource: &str, place: Place| Thing {
        group: group.to_owned(),
        resource: resource.to_owned(),
        place,
        name: None,
    };
    if accounts {
        let all = ACCOUNTS.iter();
        all.map(|(group, resource, place)| thing(group, resource, *place))
            .collect()
    } else {
        let all = USERS.iter();
        all.map(|(resource, place)| thing(GROUP, resource, *place))
            .collect()
    }
}
