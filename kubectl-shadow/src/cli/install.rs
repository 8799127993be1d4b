//! `install`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::images::{RegistryLogin, TAG};
use super::{duration, secret};

/// `install`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  kubectl shadow install --registry ghcr.io/me                                  images ghcr.io/me/controller, webhook and agent
  kubectl shadow install --registry ghcr.io/me --images                         push them first: for a registry without them
  kubectl shadow install --registry ghcr.io/me --pull-secret shop/pull          a private registry
  kubectl shadow install --registry ghcr.io/me --dry-run=client -o yaml         print all objects, for kubectl apply -f -

It says what it will change. On a terminal it asks then; --yes answers. Where there is no terminal it goes on without asking. Doing it \
again with the same flags changes nothing.")]
pub struct Install {
    /// Registry and folder of the images controller, webhook and agent
    #[arg(long, env = "KUBECTL_SHADOW_REGISTRY", hide_env_values = true)]
    pub registry: String,
    /// Tag of the images
    #[arg(long, default_value = TAG)]
    pub tag: String,
    /// Push the images to the registry first [default of DIR: images beside this program, else here]
    #[arg(long, value_name = "DIR", num_args = 0..=1)]
    pub images: Option<Option<PathBuf>>,
    /// Who to be at the registry, for --images.
    #[command(flatten)]
    pub login: RegistryLogin,
    /// With what the nodes pull the images: a Secret, or a Docker configuration such as ~/.docker/config.json, of which the user of
    /// this registry is put into a Secret in namespace shadow-system
    #[arg(long, value_name = "NAMESPACE/SECRET|FILE")]
    pub pull_secret: Option<String>,
    /// Let the controller read this broker Secret; can be given several times
    #[arg(long, value_name = "NAMESPACE/SECRET", value_parser = secret)]
    pub allow: Vec<(String, String)>,
    /// Registry that checkpoint images, and those of --images, may go to in plain HTTP; can be given several times
    #[arg(long, value_name = "HOST[:PORT]")]
    pub plain_http: Vec<String>,
    /// Which brokers and registries are dialled.
    #[command(flatten)]
    pub dialling: Dialled,
    /// Leave the container runtimes of the nodes as they are, and take an earlier runtime handler away: copies are restored
    /// from checkpoint images, where the runtime does that
    #[arg(long)]
    pub no_runtime_handler: bool,
    /// Print what would be applied, and change nothing; no cluster is asked
    #[arg(long, value_name = "WHERE", conflicts_with = "images")]
    pub dry_run: Option<InstallDryRun>,
    /// How to print it [default: yaml]
    #[arg(short, long, value_name = "FORMAT", requires = "dry_run")]
    pub output: Option<InstallFormat>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Return without waiting until everything works
    #[arg(long)]
    pub no_wait: bool,
    /// Stop waiting after this long
    #[arg(long, default_value = "3m", value_parser = duration, value_name = "TIME")]
    pub timeout: Duration,
}

/// Which hosts that users name are dialled, by controller and agents.
#[derive(Args, Debug)]
pub struct Dialled {
    /// Dial no other brokers: a host (*.ZONE for all of a zone) or a block of addresses; can be given several times
    #[arg(long, value_name = "HOST[:PORT]|CIDR")]
    pub allow_broker: Vec<String>,
    /// Let checkpoint images go to no other registries; can be given several times
    #[arg(long, value_name = "HOST[:PORT]|CIDR")]
    pub allow_registry: Vec<String>,
    /// Dial this address, too, although it is a node's, the API server's, link-local or loopback; can be given several times
    #[arg(long, value_name = "ADDRESS|CIDR")]
    pub allow_address: Vec<String>,
    /// Refuse brokers, management APIs and registries without TLS
    #[arg(long)]
    pub require_tls: bool,
}

/// How far a dry run goes. The API server refuses objects of a namespace that a dry run has not made, so it ends here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InstallDryRun {
    /// Print the objects
    Client,
}

/// Formats of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InstallFormat {
    /// One document for each
    Yaml,
    /// One list
    Json,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn images(flags: &[&str]) -> Option<Option<PathBuf>> {
        let fixed = ["kubectl-shadow", "install", "--registry", "r"];
        let cli = Cli::try_parse_from(fixed.iter().chain(flags)).unwrap();
        let Command::Install(install) = cli.command else {
            panic!("install was not parsed")
        };
        install.images
    }

    #[test]
    fn images_are_pushed_from_a_folder_or_from_the_usual_one() {
        assert_eq!(images(&[]), None);
        assert_eq!(images(&["--images"]), Some(None));
        assert_eq!(images(&["--images", "--yes"]), Some(None));
        assert_eq!(images(&["--images", "/x"]), Some(Some(PathBuf::from("/x"))));
    }
}
