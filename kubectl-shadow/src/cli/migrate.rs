//! `migrate`.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use super::output::Output;
use super::time::{Limit, limit};
use super::ways::{Ways, Which};

/// `migrate`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  kubectl shadow migrate orders-0 --to node-b                      one pod
  kubectl shadow migrate sts/orders --to node-b                    all pods of a StatefulSet, the highest ordinal first
  kubectl shadow migrate -l app=orders --to node-b --wait=false    all pods with a label; return as soon as they are accepted
  kubectl shadow migrate orders-0 --to node-b --dry-run=server     what the cluster says of it, warnings included; nothing is begun

Several pods are asked for first: if one of them is refused, no move is begun. The exit code is then the worst of the moves.
With -o json or yaml the object is printed at the end, with its verdict.")]
pub struct Migrate {
    /// Which pods.
    #[command(flatten)]
    pub which: Which,
    /// In which way.
    #[command(flatten)]
    pub ways: Ways,
    /// Print what would be asked for (client), or what the cluster would answer (server); nothing is begun
    #[arg(long, value_name = "WHERE")]
    pub dry_run: Option<DryRun>,
    /// Begin nothing if the cluster warns of something
    #[arg(long)]
    pub warnings_as_errors: bool,
    /// Follow it to its end; =false to return as soon as it is accepted
    #[arg(
        long,
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true",
        overrides_with = "no_wait"
    )]
    pub wait: bool,
    /// The same as --wait=false
    #[arg(long, hide = true)]
    pub no_wait: bool,
    /// Stop waiting after this long, such as 90s or 5m; 0 for never. The migration goes on
    #[arg(long, default_value = "10m", value_parser = limit, value_name = "TIME")]
    pub timeout: Limit,
    /// Watch it in the live view until you leave that; --timeout has no effect then
    #[arg(long, conflicts_with_all = ["no_wait", "dry_run", "format"])]
    pub watch: bool,
    /// Record what is seen of it into a new file; one that ends in .zst is packed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["no_wait", "dry_run", "format"])]
    pub record: Option<PathBuf>,
    /// Write other names for pods, nodes, namespaces and queues into the recording
    #[arg(long, conflicts_with_all = ["no_wait", "dry_run", "format"])]
    pub redact: bool,
    /// `-o`.
    #[command(flatten)]
    pub output: Output,
}

impl Migrate {
    /// Whether to follow it.
    pub fn waits(&self) -> bool {
        self.wait && !self.no_wait
    }
}

/// How far a dry run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DryRun {
    /// Print what would be asked for
    Client,
    /// Ask the cluster, which does all but keep it
    Server,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn migrate(flags: &[&str]) -> Migrate {
        let fixed = ["kubectl-shadow", "migrate", "orders-0", "--to", "node-b"];
        let cli = Cli::try_parse_from(fixed.iter().chain(flags)).unwrap();
        let Command::Migrate(migrate) = cli.command else {
            panic!("migrate was not parsed")
        };
        migrate
    }

    #[test]
    fn later_of_wait_and_no_wait_wins() {
        for (flags, waits) in [
            (&[][..], true),
            (&["--no-wait"], false),
            (&["--wait=false"], false),
            (&["--wait"], true),
            (&["--wait=true"], true),
            (&["--no-wait", "--wait"], true),
            (&["--wait", "--no-wait"], false),
        ] {
            assert_eq!(migrate(flags).waits(), waits, "{flags:?}");
        }
    }

    #[test]
    fn a_pod_may_follow_behind_wait() {
        let migrate = migrate(&["--wait", "orders-1"]);
        assert_eq!(migrate.which.pods, ["orders-0", "orders-1"]);
    }

    #[test]
    fn pods_are_named_or_chosen_by_labels_but_not_both() {
        let parse = |flags: &[&str]| Cli::try_parse_from(["kubectl-shadow", "migrate"].iter().chain(flags));
        assert!(parse(&[]).is_err());
        assert!(parse(&["-l", "app=orders"]).is_ok());
        assert!(parse(&["orders-0", "-l", "app=orders"]).is_err());
    }
}
