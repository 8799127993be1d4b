//! `policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `policy`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  kubectl shadow policy test -f policy.yaml            about the migrations of the namespace
  kubectl shadow policy test -f policy.yaml -A         about the migrations of all namespaces")]
pub struct Policy {
    /// What to do.
    #[command(subcommand)]
    pub command: PolicyCommand,
}

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub enum PolicyCommand {
    /// Say what policies of a file would have decided about the migrations that are there
    Test(TestPolicy),
}

/// `policy test`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  kubectl shadow policy test -f policy.yaml            about the migrations of the namespace
  kubectl shadow policy test -f policy.yaml -A         about those of all namespaces
  cat a.yaml b.yaml | kubectl shadow policy test -f -  two policies together

Of each migration it says: allowed, refused and why, or not selected; and what would have been filled in. Only the policies of the file
count, together. Nothing is changed in the cluster. The exit code is 0 whatever they decide.")]
pub struct TestPolicy {
    /// File with MigrationPolicies and ClusterMigrationPolicies (YAML or JSON); - for standard input
    #[arg(short, long, value_name = "FILE")]
    pub filename: PathBuf,
    /// Judge the migrations of all namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
}
