//! `list`.

use clap::Args;

use super::output::Output;
use crate::output::Template;

/// `list`.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = "Examples:
  kubectl shadow list                                              those of the namespace
  kubectl shadow ls -A -o wide                                     those of all namespaces, with verdict and reason
  kubectl shadow list --sort-by=.metadata.creationTimestamp        the newest last
  kubectl shadow list -o jsonpath='{.items[*].status.phase}'       what a script needs

STATE is what kubectl shadow watch shows: STUCK (you decide), HELD (messages wait), UNDOING, MOVING, WAITING (for its turn), \
UNDONE or CANCELLED (the pod stays), INEXACT (moved, see the verdict), EXACT.")]
pub struct List {
    /// List those of all namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// Only those with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<String>,
    /// Print no headings
    #[arg(long)]
    pub no_headers: bool,
    /// Sort by what this JSONPath finds, such as .metadata.creationTimestamp
    #[arg(long, value_parser = Template::parse, value_name = "JSONPATH")]
    pub sort_by: Option<Template>,
    /// `-o`.
    #[command(flatten)]
    pub output: Output,
}
