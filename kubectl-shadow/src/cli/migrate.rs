//! `migrate`.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};
use shadow_core::api::MigrationStrategy;

use super::output::Output;
use super::time::{Limit, limit};

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
    /// Pods to move: POD, sts/NAME, deploy/NAME
    #[arg(value_name = "POD|TYPE/NAME", required_unless_present = "selector")]
    pub pods: Vec<String>,
    /// Move the pods with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "pods")]
    pub selector: Option<String>,
    /// Node to move it to [default: the one that fits and has the most room]
    #[arg(long, value_name = "NODE")]
    pub to: Option<String>,
    /// Queue it consumes; {pod} and {ordinal} are filled in [default: the workload's annotation]
    #[arg(long)]
    pub queue: Option<String>,
    /// Secret with the broker's `uri` and `managementUri` [default: the workload's annotation]
    #[arg(long, value_name = "SECRET")]
    pub broker_secret: Option<String>,
    /// Container to move, for pods with several
    #[arg(long)]
    pub container: Option<String>,
    /// Let the copy take over before the source goes, or the source go first [default: what owner and volumes need]
    #[arg(long)]
    pub strategy: Option<Strategy>,
    /// Let the source go on with a copy of the stream while its own copy is made: what it does then counts for nothing
    #[arg(long)]
    pub live: bool,
    /// Registry repository for checkpoint images, host[:port]/path; used with --through-registry and --by-image, and where the
    /// target node has no runtime handler
    #[arg(long, value_name = "REPOSITORY")]
    pub checkpoint_repository: Option<String>,
    /// Secret with the registry's user and password (kubernetes.io/dockerconfigjson)
    #[arg(long, value_name = "SECRET", requires = "checkpoint_repository")]
    pub checkpoint_secret: Option<String>,
    /// Send the memory by way of the registry: for nodes whose agents may not reach each other
    #[arg(long, requires = "checkpoint_repository")]
    pub through_registry: bool,
    /// Let the container runtime restore the copy from a checkpoint image, although the node has a runtime handler
    #[arg(long, requires = "checkpoint_repository")]
    pub by_image: bool,
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

/// How the pod's owner is dealt with.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Strategy {
    /// The copy takes over before the source goes
    ShadowPod,
    /// The source goes before its copy starts (StatefulSets)
    Sequential,
}

impl From<Strategy> for MigrationStrategy {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::ShadowPod => Self::ShadowPod,
            Strategy::Sequential => Self::Sequential,
        }
    }
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
        assert_eq!(migrate.pods, ["orders-0", "orders-1"]);
    }

    #[test]
    fn pods_are_named_or_chosen_by_labels_but_not_both() {
        let parse = |flags: &[&str]| Cli::try_parse_from(["kubectl-shadow", "migrate"].iter().chain(flags));
        assert!(parse(&[]).is_err());
        assert!(parse(&["-l", "app=orders"]).is_ok());
        assert!(parse(&["orders-0", "-l", "app=orders"]).is_err());
    }
}
