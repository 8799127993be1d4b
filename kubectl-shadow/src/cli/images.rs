//! `images`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::VersionFormat;
use super::secret;

/// The release that this plugin is of.
pub(crate) const TAG: &str = concat!("v", env!("CARGO_PKG_VERSION"));

/// `images`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  kubectl shadow images list                                what lies in the folder images of the release
  kubectl shadow images push ghcr.io/me                     ghcr.io/me/controller, webhook and agent
  kubectl shadow images push 10.0.0.5:5000 --plain-http     a registry without TLS

The cluster is asked for nothing but the Secret of --registry-secret, and no container engine is needed.")]
pub struct Images {
    /// What to do.
    #[command(subcommand)]
    pub command: ImagesCommand,
}

/// What can be done with them.
#[derive(Clone, Debug, Subcommand)]
pub enum ImagesCommand {
    /// Push them to a registry; what is there already is not sent again
    Push(PushImages),
    /// Say what the archives are, and hold them against their digests
    List(ListImages),
}

/// `images push`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  kubectl shadow images push ghcr.io/me                                     as the user of docker login, if there is one
  kubectl shadow images push ghcr.io/me --registry-secret shop/push         as the user of a Secret of the cluster
  kubectl shadow images push ghcr.io/me --username me --password-stdin      as this user, with the password on standard input

Of Docker's file (~/.docker/config.json, or in DOCKER_CONFIG) only users that stand in it are read: no program that keeps passwords \
is run. The registry is asked from this machine. HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE count.")]
pub struct PushImages {
    /// Registry, and folder in it if any
    #[arg(value_name = "REGISTRY[/PATH]")]
    pub registry: String,
    /// Folder of controller.tar, webhook.tar and agent.tar [default: images beside this program, else here]
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Tag to push them under
    #[arg(long, default_value = TAG)]
    pub tag: String,
    /// Speak plain HTTP with the registry: anyone on the way can read the password and change the images
    #[arg(long)]
    pub plain_http: bool,
    /// Who to be there.
    #[command(flatten)]
    pub login: RegistryLogin,
}

/// Who to be at the registry. Nothing given: the user of Docker's file.
#[derive(Args, Clone, Debug, Default)]
pub struct RegistryLogin {
    /// Secret with the user and password to push with (kubernetes.io/dockerconfigjson)
    #[arg(long, value_name = "NAMESPACE/SECRET", value_parser = secret)]
    pub registry_secret: Option<(String, String)>,
    /// User to push as
    #[arg(
        long,
        value_name = "USER",
        requires = "password_stdin",
        conflicts_with = "registry_secret"
    )]
    pub username: Option<String>,
    /// Read the password of --username from standard input
    #[arg(long, requires = "username")]
    pub password_stdin: bool,
}

/// `images list`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  kubectl shadow images list
  kubectl shadow images list --from target/images -o json")]
pub struct ListImages {
    /// Folder of controller.tar, webhook.tar and agent.tar [default: images beside this program, else here]
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// How to print it [default: text]
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<VersionFormat>,
}
