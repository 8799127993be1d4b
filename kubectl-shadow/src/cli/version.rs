//! `version`.

use clap::{Args, ValueEnum};

/// `version`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  kubectl shadow version             of this plugin and of what runs in the cluster
  kubectl shadow version --client    of this plugin; no file is read and no cluster is asked
  kubectl shadow version -o json     for scripts

It exits with 0 when it could tell, also if the versions differ.")]
pub struct Version {
    /// Only that of this plugin
    #[arg(long)]
    pub client: bool,
    /// How to print it [default: text]
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<VersionFormat>,
}

/// Formats of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VersionFormat {
    /// JSON
    Json,
    /// YAML
    Yaml,
}
