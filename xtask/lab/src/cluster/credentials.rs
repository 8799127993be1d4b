//! The certificates and kubeconfigs of one cluster: made anew for each, gone with it.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use super::layout::{self, API_SERVER, BRIDGE, Layout, NODES, SERVICE_OF_API};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// Who a certificate speaks for. Kubernetes reads the organisation as the group.
struct Identity<'a> {
    name: &'a str,
    group: Option<&'a str>,
    addresses: &'a [&'a str],
}

impl<'a> Identity<'a> {
    const fn of(name: &'a str) -> Self {
        Self {
            name,
            group: None,
            addresses: &[],
        }
    }

    const fn in_group(self, group: &'a str) -> Self {
        Self {
            group: Some(group),
            ..self
        }
    }

    const fn at(self, addresses: &'a [&'a str]) -> Self {
        Self { addresses, ..self }
    }
}

/// Where the API server is asked for.
const API_SERVER_NAMES: [&str; 7] = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "localhost",
    "127.0.0.1",
    BRIDGE,
    SERVICE_OF_API,
];

/// Who talks to the API server, by the name of their files.
const CLIENTS: [(&str, Identity<'static>); 5] = [
    (
        "kubelet-client",
        Identity::of("kube-apiserver-kubelet-client").in_group("system:masters"),
    ),
    ("admin", Identity::of("admin").in_group("system:masters")),
    (
        "controller-manager",
        Identity::of("system:kube-controller-manager"),
    ),
    ("scheduler", Identity::of("system:kube-scheduler")),
    ("kube-proxy", Identity::of("system:kube-proxy")),
];

/// Makes the authority, the certificate of every component and their kubeconfigs.
pub(super) fn create(layout: &Layout) -> anyhow::Result<()> {
    let folder = layout.credentials();
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let authority = authority()?;
    secret(&folder.join("ca.crt"), &authority.pem())?;
    secret(&folder.join("ca.key"), &authority.key().serialize_pem())?;
    let tokens = KeyPair::generate().context("making the key that signs service account tokens")?;
    secret(&folder.join("service-accounts.key"), &tokens.serialize_pem())?;
    secret(&folder.join("service-accounts.pub"), &tokens.public_key_pem())?;
    let api_server = Identity::of("kube-apiserver").at(&API_SERVER_NAMES);
    issue(&folder, &authority, "apiserver", &api_server)?;
    issue(
        &folder,
        &authority,
        "registry",
        &Identity::of("registry").at(&[BRIDGE]),
    )?;
    for (file, client) in &CLIENTS {
        issue_with_kubeconfig(layout, &authority, file, client)?;
    }
    for node in NODES {
        let name = format!("system:node:{}", node.name);
        let addresses = [node.name, node.address];
        let kubelet = Identity::of(&name).in_group("system:nodes").at(&addresses);
        issue_with_kubeconfig(layout, &authority, node.name, &kubelet)?;
    }
    Ok(())
}

fn issue_with_kubeconfig(
    layout: &Layout,
    authority: &Authority,
    file: &str,
    identity: &Identity<'_>,
) -> anyhow::Result<()> {
    let folder = layout.credentials();
    issue(&folder, authority, file, identity)?;
    write_kubeconfig(
        layout,
        file,
        API_SERVER,
        &folder.join(format!("{file}.kubeconfig")),
    )
}

/// Writes a kubeconfig with the credentials of `user` in it for the API server at `server`.
pub(super) fn write_kubeconfig(layout: &Layout, user: &str, server: &str, to: &Path) -> anyhow::Result<()> {
    let folder = layout.credentials();
    let encoded = |file: String| -> anyhow::Result<String> {
        let path = folder.join(file);
        let content = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok(STANDARD.encode(content))
    };
    let config = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "kubectl-shadow", "cluster": {
            "server": format!("https://{server}"),
            "certificate-authority-data": encoded("ca.crt".to_owned())?,
        }}],
        "users": [{"name": user, "user": {
            "client-certificate-data": encoded(format!("{user}.crt"))?,
            "client-key-data": encoded(format!("{user}.key"))?,
        }}],
        "contexts": [{"name": "kubectl-shadow", "context": {"cluster": "kubectl-shadow", "user": user}}],
        "current-context": "kubectl-shadow",
    });
    secret(to, &serde_json::to_string_pretty(&config)?)
}

/// The files a node needs, and only those: its own identity, never another's.
pub(super) fn of_node(node: layout::Node) -> [String; 5] {
    [
        "ca.crt".to_owned(),
        "kube-proxy.kubeconfig".to_owned(),
        format!("{}.crt", node.name),
        format!("{}.key", node.name),
        format!("{}.kubeconfig", node.name),
    ]
}

fn authority() -> anyhow::Result<Authority> {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "kubectl-shadow local cluster");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    let key = KeyPair::generate().context("making the authority's key")?;
    CertifiedIssuer::self_signed(params, key).context("making the cluster's certificate authority")
}

fn issue(folder: &Path, authority: &Authority, file: &str, identity: &Identity<'_>) -> anyhow::Result<()> {
    let addresses: Vec<String> = identity
        .addresses
        .iter()
        .map(|&address| address.to_owned())
        .collect();
    let mut params = CertificateParams::new(addresses).with_context(|| format!("the addresses of {file}"))?;
    let mut name = rcgen::DistinguishedName::new();
    name.push(DnType::CommonName, identity.name);
    if let Some(group) = identity.group {
        name.push(DnType::OrganizationName, group);
    }
    params.distinguished_name = name;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().with_context(|| format!("making the key of {file}"))?;
    let certificate = params
        .signed_by(&key, authority)
        .with_context(|| format!("signing the certificate of {file}"))?;
    secret(&folder.join(format!("{file}.crt")), &certificate.pem())?;
    secret(&folder.join(format!("{file}.key")), &key.serialize_pem())
}

/// Writes a file only its owner can read.
fn secret(path: &Path, content: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("creating {}", path.display()))?;
    file.write_all(content.as_bytes())
        .with_context(|| format!("writing {}", path.display()))
}
