//! `bundle`: an archive for a bug report.

use std::path::PathBuf;

use clap::Args;

/// `bundle`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  kubectl shadow bundle orders-0 -n shop                one move: its objects, its pods, our logs
  kubectl shadow bundle                                 all migrations of the namespace
  kubectl shadow bundle -A -o all.tar.gz                all namespaces, into this file

The file MANIFEST in the archive lists what it holds, what was taken out and what you may not read. Secrets and ConfigMaps are never
read. Look through the archive before you give it away: it holds names of pods, nodes and queues.")]
pub struct Bundle {
    /// Name of the migration, or of a pod (its latest migration) [default: all of the namespace]
    #[arg(conflicts_with = "all_namespaces")]
    pub name: Option<String>,
    /// Take the migrations of all namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// New file to write [default: shadow-bundle-TIME.tar.gz]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
