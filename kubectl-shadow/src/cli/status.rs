//! `status`.

use clap::Args;

use super::output::Output;
use super::time::{Limit, limit};

/// `status`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  kubectl shadow status orders-0                 the latest migration of a pod
  kubectl shadow status orders-0 -w              the same, followed to its end; the exit code is that of the move
  kubectl shadow status orders-0 -w -o json      one line of JSON for each change
  kubectl shadow status smig/orders-0-x7k2p -o jsonpath='{.status.verdict.exact}'

Without a name it is kubectl shadow list. Without -w it exits with 0 when it could tell, whatever became of the move.")]
pub struct Status {
    /// Migration, or pod (its latest migration) [default: list all]
    #[arg(value_name = "NAME|TYPE/NAME")]
    pub name: Option<String>,
    /// List those of all namespaces
    #[arg(short = 'A', long, conflicts_with_all = ["name", "namespace"])]
    pub all_namespaces: bool,
    /// Follow it to its end
    #[arg(short, long, requires = "name")]
    pub watch: bool,
    /// Stop following after this long, such as 5m; 0 for never
    #[arg(long, default_value = "0", value_parser = limit, value_name = "TIME", requires = "watch")]
    pub timeout: Limit,
    /// `-o`.
    #[command(flatten)]
    pub output: Output,
}
