//! What can be typed. Nothing is decided here.

mod bundle;
mod cancel;
mod check;
mod completion;
mod drain;
mod explain;
mod images;
mod install;
mod list;
mod logs;
mod migrate;
mod output;
mod pause;
mod place;
mod plan;
mod policy;
mod report;
mod setup;
mod status;
mod time;
mod version;
mod watch;
mod ways;

use std::time::Duration;

pub use bundle::Bundle;
pub use cancel::Cancel;
pub use check::{Check, Format as CheckFormat};
use clap::{Args, Parser, Subcommand};
pub use completion::{Completion, Shell};
pub use drain::{Drain, DrainOutput};
pub use explain::Explain;
pub(crate) use images::TAG;
pub use images::{Images, ImagesCommand, ListImages, PushImages, RegistryLogin};
pub use install::{Install, InstallDryRun, InstallFormat};
use jiff::fmt::friendly::SpanParser;
pub use list::List;
pub use logs::Logs;
pub use migrate::{DryRun, Migrate};
pub use output::Output;
pub use pause::{Pause, Resume};
pub use place::Place;
pub use plan::Plan;
pub use policy::{Policy, PolicyCommand, TestPolicy};
pub use report::{Format as ReportFormat, Report};
pub use setup::Setup;
pub use status::Status;
pub(crate) use time::FOREVER;
pub use time::Limit;
pub use version::{Version, VersionFormat};
pub use watch::{Background, Colour, Looks, Watch};
pub use ways::{Strategy, Ways, Which};

/// Times are told in whole seconds.
const SHORTEST: Duration = Duration::from_secs(1);

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

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Move pods to another node
    Migrate(Migrate),
    /// Say what a move would do, or why it would be refused, and move nothing
    Plan(Plan),
    /// Move the consumers of a node away, and evict the rest if asked to
    Drain(Drain),
    /// Watch migrations as they go on, record them, or play a recording
    Watch(Watch),
    /// List migrations
    #[command(visible_alias = "ls")]
    List(List),
    /// Show what became of a migration, or follow it
    Status(Status),
    /// Tell the story of one move: steps, messages, premises, verdict, and what is left
    Report(Report),
    /// Undo a migration that has not passed its point of no return
    Cancel(Cancel),
    /// Stop all new moves of the cluster, with a reason
    Pause(Pause),
    /// Let moves begin again
    Resume(Resume),
    /// Say what policies would have decided about the migrations that are there
    Policy(Policy),
    /// Show what controller, webhook and agents say of a migration
    Logs(Logs),
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
    /// Push the images of a release to a registry, without a container engine
    Images(Images),
    /// Take kubectl-shadow out of the cluster
    Uninstall(Uninstall),
    /// Show versions, and whether they fit
    Version(Version),
    /// Print what completes commands, flags and names
    Completion(Completion),
}

/// `allow`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  kubectl shadow allow --secret orders-broker            in the namespace of the context
  kubectl shadow allow --secret orders-broker -n shop    in another one

It makes a Role and a RoleBinding for this one Secret, and says how to take them back.")]
pub struct Allow {
    /// Secret in the namespace
    #[arg(long)]
    pub secret: String,
}

/// `uninstall`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  kubectl shadow uninstall            unless migrations are under way or migrated pods run
  kubectl shadow uninstall --purge    and delete the migrations, too")]
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
}
