//! The command lines of the control plane; paths are below the box's root.

use super::layout::{BRIDGE, GUARDED_REGISTRY, REGISTRY, SECURE_REGISTRY, SERVICE_RANGE};

/// Where the registry finds its configuration.
pub(super) const REGISTRY_CONFIG: &str = "/etc/registry.yml";
/// Where its twin that speaks HTTPS finds its own.
pub(super) const SECURE_REGISTRY_CONFIG: &str = "/etc/registry-secure.yml";
/// And the one that asks for a password.
pub(super) const GUARDED_REGISTRY_CONFIG: &str = "/etc/registry-guarded.yml";
/// Its users.
pub(super) const REGISTRY_USERS: &str = "/etc/registry-users";
/// `robot` with the password `topsecret`, which bcrypt was given 32 rounds to hide.
pub(super) const ROBOT: &str = "robot:$2b$05$abcdefghijklmnopqrstuudks0cx3ry4eykejzEdjJRiLcs8hlf/a\n";

fn program(name: &str, arguments: &[&str]) -> Vec<String> {
    std::iter::once(name)
        .chain(arguments.iter().copied())
        .map(str::to_owned)
        .collect()
}

/// The store, in memory.
pub(super) fn etcd() -> Vec<String> {
    program(
        "/usr/bin/etcd",
        &[
            "--data-dir=/var/lib/etcd/data",
            // The data lives in memory and ends with the cluster: there is nothing to sync to.
            "--unsafe-no-fsync",
            "--listen-client-urls=http://127.0.0.1:2379",
            "--advertise-client-urls=http://127.0.0.1:2379",
            "--listen-peer-urls=http://127.0.0.1:2380",
        ],
    )
}

/// The API server.
pub(super) fn api_server() -> Vec<String> {
    let mut arguments = program(
        "/opt/kubernetes/kube-apiserver",
        &[
            "--etcd-servers=http://127.0.0.1:2379",
            "--secure-port=6443",
            "--tls-cert-file=/etc/kubernetes/apiserver.crt",
            "--tls-private-key-file=/etc/kubernetes/apiserver.key",
            "--client-ca-file=/etc/kubernetes/ca.crt",
            "--service-account-key-file=/etc/kubernetes/service-accounts.pub",
            "--service-account-signing-key-file=/etc/kubernetes/service-accounts.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--kubelet-client-certificate=/etc/kubernetes/kubelet-client.crt",
            "--kubelet-client-key=/etc/kubernetes/kubelet-client.key",
            "--kubelet-certificate-authority=/etc/kubernetes/ca.crt",
            // Node names do not resolve here.
            "--kubelet-preferred-address-types=InternalIP",
            // No kube-proxy runs beside the API server: webhooks are called by endpoint.
            "--enable-aggregator-routing=true",
            "--allow-privileged=true",
        ],
    );
    arguments.push(format!("--advertise-address={BRIDGE}"));
    arguments.push(format!("--service-cluster-ip-range={SERVICE_RANGE}"));
    arguments
}

/// The controllers.
pub(super) fn controller_manager() -> Vec<String> {
    program(
        "/opt/kubernetes/kube-controller-manager",
        &[
            "--kubeconfig=/etc/kubernetes/controller-manager.kubeconfig",
            "--service-account-private-key-file=/etc/kubernetes/service-accounts.key",
            "--root-ca-file=/etc/kubernetes/ca.crt",
            "--use-service-account-credentials",
            "--cluster-signing-cert-file=/etc/kubernetes/ca.crt",
            "--cluster-signing-key-file=/etc/kubernetes/ca.key",
            "--controllers=*,bootstrapsigner",
            "--leader-elect=false",
            // Each controller fetches a token of its own first; with the usual 20 requests a second that takes 7 s.
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
        ],
    )
}

/// The scheduler.
pub(super) fn scheduler() -> Vec<String> {
    program(
        "/opt/kubernetes/kube-scheduler",
        &[
            "--kubeconfig=/etc/kubernetes/scheduler.kubeconfig",
            "--leader-elect=false",
        ],
    )
}

/// The image registry.
pub(super) fn registry() -> Vec<String> {
    program("/usr/bin/docker-registry", &["serve", REGISTRY_CONFIG])
}

/// The same images over HTTPS.
pub(super) fn secure_registry() -> Vec<String> {
    program("/usr/bin/docker-registry", &["serve", SECURE_REGISTRY_CONFIG])
}

/// The same for those who have a password.
pub(super) fn guarded_registry() -> Vec<String> {
    program("/usr/bin/docker-registry", &["serve", GUARDED_REGISTRY_CONFIG])
}

/// The registry's configuration file.
pub(super) fn registry_config() -> String {
    format!("{REGISTRY_STORAGE}http: {{addr: \"{REGISTRY}\"}}\n")
}

/// The configuration file of its twin.
pub(super) fn secure_registry_config() -> String {
    over_https(SECURE_REGISTRY)
}

/// The configuration file of the one that asks for a password.
pub(super) fn guarded_registry_config() -> String {
    let config = over_https(GUARDED_REGISTRY);
    format!("{config}auth: {{htpasswd: {{realm: cluster, path: {REGISTRY_USERS}}}}}\n")
}

fn over_https(address: &str) -> String {
    format!(
        "{REGISTRY_STORAGE}http:\n  addr: \"{address}\"\n  \
         tls: {{certificate: /etc/kubernetes/registry.crt, key: /etc/kubernetes/registry.key}}\n"
    )
}

const REGISTRY_STORAGE: &str =
    "version: 0.1\nstorage: {filesystem: {rootdirectory: /var/lib/registry}, delete: {enabled: true}}\n";
