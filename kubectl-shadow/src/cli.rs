//! What can be typed. Nothing is decided here.

mod bundle;
mod check;
mod explain;
mod report;
mod setup;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

pub use bundle::Bundle;
pub use check::{Check, Format as CheckFormat};
use clap::{Args, Parser, Subcommand, ValueEnum};
pub use explain::Explain;
use jiff::fmt::friendly::SpanParser;
pub use report::{Format as ReportFormat, Report};
pub use setup::{DryRun, Setup};
use shadow_core::api::MigrationStrategy;
pub use watch::{Colour, Watch};

/// Times are told in whole seconds.
const SHORTEST: Duration = Duration::from_secs(1);
/// More cannot be added to every point in time.
const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

/// Moves a running, stateful message consumer to another node: its memory, its place in the message stream
/// and its name.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-shadow",
    bin_name = "kubectl shadow",
    version,
    after_help = "Exit codes: 0 done or moved, 1 refused and nothing begun, 2 undone (the source goes on, \
                  unless it went by itself), 3 cancelled, 4 not known how it ends, 5 moved but the memory was lost, 6 moved and not \
                  proven exact, 130 interrupted (the migration goes on)"
)]
pub struct Cli {
    /// Where.
    #[command(flatten)]
    pub place: Place,
    /// What.
    #[command(subcommand)]
    pub command: Command,
}

/// Which cluster and which namespace.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// Namespace of the pod [default: that of the context]
    #[arg(short, long, global = true)]
    pub namespace: Option<String>,
    /// Context of the kubeconfig
    #[arg(long, global = true)]
    pub context: Option<String>,
    /// Kubeconfig file [default: as kubectl]
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Move a pod to another node
    Migrate(Migrate),
    /// Watch migrations as they go on, record them, or play a recording
    Watch(Watch),
    /// Show what became of a migration
    Status(Status),
    /// Tell the story of one move: steps, messages, premises, verdict, and what is left
    Report(Report),
    /// Undo a migration that has not passed its point of no return
    Cancel(Cancel),
    /// Look whether cluster, nodes or a pod are as a move needs them
    Check(Check),
    /// Say what a code, a word, a step, a reason or an exit code means; no cluster is asked
    Explain(Explain),
    /// Make an archive for a bug report, without secrets
    Bundle(Bundle),
    /// Say on a workload which queue it consumes, let the controller read its Secret, and check its pods
    Setup(Setup),
    /// Let the controller read one broker Secret
    Allow(Allow),
    /// Put kubectl-shadow into the cluster
    Install(Install),
    /// Take kubectl-shadow out of the cluster
    Uninstall(Uninstall),
}

/// `migrate`.
#[derive(Args, Debug)]
pub struct Migrate {
    /// Pod to move
    pub pod: String,
    /// Node to move it to [default: the only other one that fits]
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
    /// Follow the migration to its end (the default)
    #[arg(long, overrides_with = "no_wait")]
    pub wait: bool,
    /// Return as soon as the migration is accepted
    #[arg(long)]
    pub no_wait: bool,
    /// Stop waiting after this long; the migration goes on
    #[arg(long, default_value = "10m", value_parser = duration, value_name = "TIME")]
    pub timeout: Duration,
    /// Watch it in the live view until you leave that; --timeout has no effect then
    #[arg(long, conflicts_with = "no_wait")]
    pub watch: bool,
    /// Record what is seen of it into a new file
    #[arg(long, value_name = "FILE", conflicts_with = "no_wait")]
    pub record: Option<PathBuf>,
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

/// `status`.
#[derive(Args, Debug)]
pub struct Status {
    /// Name of the migration, or of a pod (its latest migration)
    pub name: String,
}

/// `cancel`.
#[derive(Args, Debug)]
pub struct Cancel {
    /// Name of the migration, or of a pod (its latest migration)
    pub name: String,
    /// Of a move that is committed and whose copy cannot be restored: give its memory up for good, and let the pod start from
    /// its image
    #[arg(long)]
    pub give_memory_up: bool,
}

/// `allow`.
#[derive(Args, Debug)]
pub struct Allow {
    /// Secret in the namespace
    #[arg(long)]
    pub secret: String,
}

/// `install`.
#[derive(Args, Debug)]
pub struct Install {
    /// Registry and folder of the images controller, webhook and agent
    #[arg(long, env = "KUBECTL_SHADOW_REGISTRY", hide_env_values = true)]
    pub registry: String,
    /// Tag of the images
    #[arg(long, default_value = concat!("v", env!("CARGO_PKG_VERSION")))]
    pub tag: String,
    /// Let the controller read this broker Secret; can be given several times
    #[arg(long, value_name = "NAMESPACE/SECRET", value_parser = secret)]
    pub allow: Vec<(String, String)>,
    /// Registry that checkpoint images may go to in plain HTTP; can be given several times
    #[arg(long, value_name = "HOST[:PORT]")]
    pub plain_http: Vec<String>,
    /// Leave the container runtimes of the nodes as they are, and take an earlier runtime handler away: copies are restored
    /// from checkpoint images, where the runtime does that
    #[arg(long)]
    pub no_runtime_handler: bool,
    /// Return without waiting until everything works
    #[arg(long)]
    pub no_wait: bool,
    /// Stop waiting after this long
    #[arg(long, default_value = "3m", value_parser = duration, value_name = "TIME")]
    pub timeout: Duration,
}

/// `uninstall`.
#[derive(Args, Debug)]
pub struct Uninstall {
    /// Go on although migrations are under way or migrated pods run
    #[arg(long)]
    pub force: bool,
    /// Delete the migrations and their kind as well
    #[arg(long)]
    pub purge: bool,
    /// Stop waiting for a node after this long
    #[arg(long, default_value = "2m", value_parser = duration, value_name = "TIME")]
    pub timeout: Duration,
}

/// `90`, `90s`, `5m`, `1h30m`. What is said of a wrong one stands behind the option and the text, which clap names.
fn duration(text: &str) -> Result<Duration, String> {
    let is_bare = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let with_unit = if is_bare {
        format!("{text}s")
    } else {
        text.to_owned()
    };
    match SpanParser::new().parse_unsigned_duration(&with_unit) {
        Ok(time) if time >= SHORTEST => Ok(time.min(FOREVER)),
        Ok(_) | Err(_) => Err(
            "give a time of 1s or more in hours, minutes and seconds, such as 90s, 5m or 1h30m".to_owned(),
        ),
    }
}

fn secret(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        Some(_) | None => Err("NAMESPACE/SECRET, such as default/orders-broker".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::ending::Ending;

    #[test]
    fn definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_names_every_exit_code() {
        let help = Cli::command().render_long_help().to_string();
        let (_, codes) = help.split_once("Exit codes: ").unwrap();
        for ending in Ending::ALL {
            let code = ending.code().to_string();
            let named = codes.split([' ', ',']).any(|word| word == code);
            assert!(named, "{ending:?} ({code}) is missing in: {codes}");
        }
    }

    #[test]
    fn times_have_units() {
        let cases = [
            ("90", 90),
            ("90s", 90),
            ("5m", 300),
            ("1h", 3600),
            ("1h30m", 5400),
            ("1.5m", 90),
            ("2 minutes", 120),
            ("5000000h", FOREVER.as_secs()),
        ];
        for (text, seconds) in cases {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in [
            "",
            "0",
            "0s",
            "m",
            "-1",
            "-1s",
            "5d",
            "500ms",
            "5m ago",
            "1.5",
            "99999999999999999999h",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_wrong_time_is_named_with_what_would_be_right() {
        let typed = ["kubectl-shadow", "uninstall", "--timeout", "5 lightyears"];
        let error = Cli::try_parse_from(typed).unwrap_err().to_string();
        for part in ["--timeout", "'5 lightyears'", "such as 90s"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn later_of_wait_and_no_wait_wins() {
        let parse = |flags: &[&str]| {
            let fixed = ["kubectl-shadow", "migrate", "orders-0", "--to", "node-b"];
            let cli = Cli::try_parse_from(fixed.iter().chain(flags)).unwrap();
            let Command::Migrate(migrate) = cli.command else {
                panic!("migrate was not parsed")
            };
            migrate.no_wait
        };
        assert!(!parse(&[]));
        assert!(parse(&["--no-wait"]));
        assert!(!parse(&["--no-wait", "--wait"]));
    }
}
