//! The connection that kubectl would use: same files, same context, same namespace, same flags.

mod kubeconfig;
mod kuberc;
mod proxy;
mod reach;

use std::time::Duration;

use http::Uri;
use kube::config::{AuthInfo, Cluster, ExecAuthCluster, ExecConfig};
use kube::{Client, Config};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::cli::{Looks, Place};
use crate::problem::Problem;
use crate::warnings::{self, Warnings};
pub(crate) use reach::Reach;

/// For a connection to the API server and for what is sent to it.
const CONNECTS: Duration = Duration::from_secs(20);
/// For an answer. A watch says something once a minute, even if nothing changes.
const ANSWERS: Duration = Duration::from_secs(90);

const NO_PAIR: &str = "the private key does not belong to the certificate that you log in with. Name both with --client-certificate \
                       FILE and --client-key FILE, or in the kubeconfig";

/// A client and the namespace to work in.
pub struct Connection {
    /// Client.
    pub client: Client,
    /// Namespace given, or that of the context.
    pub namespace: String,
    /// The context, as a person knows it: its name, or the address of the API server.
    pub context: String,
    /// How the terminal is written to.
    pub looks: Looks,
    /// What the API server has warned of so far.
    pub warnings: Warnings,
}

impl Connection {
    /// The same, to work in another namespace.
    #[must_use]
    pub fn within(&self, namespace: &str) -> Self {
        Self {
            client: self.client.clone(),
            namespace: namespace.to_owned(),
            context: self.context.clone(),
            looks: self.looks,
            warnings: self.warnings.clone(),
        }
    }
}

/// Connects as the flags say; nothing is sent yet.
pub async fn open(place: &Place) -> Result<Connection, Problem> {
    let (config, context) = config(place).map_err(Problem::Kubeconfig)?;
    let namespace = place
        .namespace
        .clone()
        .unwrap_or_else(|| config.default_namespace.clone());
    let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
    let plugin = config
        .auth_info
        .exec
        .as_ref()
        .and_then(|exec| exec.command.clone());
    let reach = Reach {
        server: by_way_of(&server, config.proxy_url.as_ref()),
        context: context.clone(),
        limit: place.request_timeout,
    };
    let warnings = Warnings::default();
    let client = warnings::client(limited(config), reach, &warnings).map_err(|error| match plugin {
        _ if are_no_pair(&error) => Problem::Kubeconfig(NO_PAIR.to_owned()),
        Some(plugin) => Problem::Kubeconfig(no_credentials(&plugin, &error)),
        None => Problem::from(error),
    })?;
    Ok(Connection {
        client,
        namespace,
        context: context.unwrap_or(server),
        looks: place.looks(),
        warnings,
    })
}

/// The contexts of the kubeconfig, each with its cluster.
pub(crate) fn contexts(place: &Place) -> Result<Vec<(String, String)>, String> {
    let source = kubeconfig::read(place)?.ok_or_else(kubeconfig::none_found)?;
    let contexts = source.config.contexts.into_iter();
    Ok(contexts
        .map(|named| {
            let cluster = named.context.map(|context| context.cluster);
            (named.name, cluster.unwrap_or_default())
        })
        .collect())
}

/// All that is known of the cluster and the user, and the name of the context.
fn config(place: &Place) -> Result<(Config, Option<String>), String> {
    let source = match kubeconfig::read(place)? {
        Some(source) => source,
        None if place.server.is_some() => kubeconfig::empty(),
        None => {
            // In a pod there is no kubeconfig, and the pod's account is used.
            let mut config = Config::incluster().map_err(|_| kubeconfig::none_found())?;
            config.auth_info = kubeconfig::typed_user(config.auth_info, place)?;
            return Ok((config, None));
        }
    };
    let chosen = kubeconfig::choose(&source, place)?;
    let (name, mut user) = chosen.user;
    if let Some(exec) = &mut user.exec {
        let said = kuberc::Said::here(place.kuberc.clone());
        obey(exec, &said.place()).map_err(|error| format!("user {name:?} of {}: {error}", source.files))?;
    }
    let config = of_cluster(&chosen.cluster, user, chosen.namespace)
        .map_err(|error| format!("{}: {error}", source.files))?;
    Ok((config, chosen.context))
}

/// What the library would make of it, but for the proxy: the library reads the environment otherwise than kubectl.
fn of_cluster(cluster: &Cluster, mut user: AuthInfo, namespace: Option<String>) -> Result<Config, String> {
    let server = cluster.server.clone().unwrap_or_default();
    let address: Uri = server
        .parse()
        .map_err(|error| format!("the address {server:?} of the API server cannot be read: {error}"))?;
    let told = ExecAuthCluster::try_from(cluster).map_err(|error| error.to_string())?;
    let proxy = proxy::of(
        cluster.proxy_url.as_deref(),
        &address,
        &proxy::Environment::here(),
    )?;
    let mut config = Config::new(address);
    if let Some(namespace) = namespace {
        config.default_namespace = namespace;
    }
    let authority = told.certificate_authority_data.as_deref();
    config.root_cert = authority.map(certificates).transpose()?;
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or_default();
    config.tls_server_name.clone_from(&cluster.tls_server_name);
    config.disable_compression = cluster.disable_compression.unwrap_or_default();
    config.proxy_url = proxy;
    if let Some(exec) = user.exec.as_mut().filter(|exec| exec.provide_cluster_info) {
        exec.cluster = Some(told);
    }
    config.auth_info = user;
    Ok(config)
}

/// Those of a PEM file.
fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let all: Result<Vec<Vec<u8>>, _> = CertificateDer::pem_slice_iter(pem)
        .map(|one| one.map(|one| one.to_vec()))
        .collect();
    match all {
        Ok(all) if all.is_empty() => Err("the certificate authority holds no certificate".to_owned()),
        Ok(all) => Ok(all),
        Err(error) => Err(format!("the certificate authority cannot be read: {error}")),
    }
}

/// Lets a credential plugin run only if kubectl would run it.
fn obey(exec: &mut ExecConfig, place: &kuberc::Place) -> Result<(), String> {
    let Some(command) = exec.command.clone() else {
        return Ok(());
    };
    let way_out = |error: String| {
        format!("{error}. To allow the plugin, change the kuberc; to log in without it, add --token TOKEN")
    };
    let policy = kuberc::policy(place).map_err(way_out)?;
    if let Some(program) = kuberc::allowed(&policy, &command, kuberc::in_path).map_err(way_out)? {
        exec.command = Some(program.to_string_lossy().into_owned());
    }
    Ok(())
}

/// Whether certificate and key were read, and are not of one another.
fn are_no_pair(error: &kube::Error) -> bool {
    let first = error as &(dyn std::error::Error + 'static);
    let mut causes = std::iter::successors(Some(first), |cause| cause.source());
    let is_such = |cause: &(dyn std::error::Error + 'static)| {
        matches!(cause.downcast_ref(), Some(rustls::Error::InconsistentKeys(_)))
    };
    causes.any(is_such)
}

fn no_credentials(plugin: &str, error: &kube::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    format!("credential plugin {plugin:?} gave no credentials: {cause}")
}

/// The server, and the proxy without user and password.
fn by_way_of(server: &str, proxy: Option<&Uri>) -> String {
    let host = proxy.and_then(|proxy| {
        let port = proxy.port().map(|port| format!(":{port}")).unwrap_or_default();
        Some(format!("{}://{}{port}", proxy.scheme_str()?, proxy.host()?))
    });
    match host {
        Some(host) => format!("{server} by way of proxy {host}"),
        None => server.to_owned(),
    }
}

/// A question to a silent API server has an end. A watch is begun again then. What changes something is sent once: a 504 may have been
/// carried out, and the 429 of an eviction is a disruption budget's answer to the user.
fn limited(mut config: Config) -> Config {
    config.default_retry = false;
    config.connect_timeout = Some(CONNECTS);
    config.write_timeout = Some(CONNECTS);
    config.read_timeout = Some(ANSWERS);
    config.reset_reader_on_write = true;
    config
}
