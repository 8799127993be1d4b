//! `drain`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::duration;
use super::ways::max_pause;

/// `drain`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 all consumers were moved, 1 refused and nothing begun, 2 a consumer was not moved, 4 not known how it
ends, 5 a memory was lost, 6 a move is not proven exact, 130 stopped by Ctrl-C

Ctrl-C once: no new move begins, what waits is cancelled, what can still be undone is undone, what is committed ends.
Ctrl-C twice: this command ends at once; the moves go on.

Examples:
  kubectl shadow drain node-a --dry-run
  kubectl shadow drain node-a
  kubectl shadow drain node-a --watch --record drain.ndjson
  kubectl shadow drain node-a --evict-rest --delete-emptydir-data"
)]
pub struct Drain {
    /// Node to drain
    pub node: String,
    /// Say what would be done with each pod, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Evict the pods that are not consumers, too, after the moves
    #[arg(long)]
    pub evict_rest: bool,
    /// Give up on a pod whose eviction is refused (by a disruption budget, for example), instead of trying again
    #[arg(long, requires = "evict_rest")]
    pub skip_blocked: bool,
    /// Evict pods with emptyDir volumes, too: their files are lost
    #[arg(long, requires = "evict_rest")]
    pub delete_emptydir_data: bool,
    /// Evict pods that no controller re-creates, too
    #[arg(long, requires = "evict_rest")]
    pub force: bool,
    /// Look at pods with these labels only, such as app=orders
    #[arg(long, value_name = "SELECTOR")]
    pub pod_selector: Option<String>,
    /// Undo a move if messages were held for this long before its commit, such as 1500ms or 2s [default: the deadline]
    #[arg(long, value_parser = max_pause, value_name = "TIME")]
    pub max_pause: Option<String>,
    /// Stop waiting after this long [default: never]
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub timeout: Option<Duration>,
    /// Watch it in the live view. Leaving that ends the drain; the moves go on
    #[arg(long, conflicts_with_all = ["dry_run", "output"])]
    pub watch: bool,
    /// Record what is seen of it into a new file; one that ends in .zst is packed
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub record: Option<PathBuf>,
    /// Write other names for pods, nodes, namespaces and queues into the recording
    #[arg(long, conflicts_with = "dry_run")]
    pub redact: bool,
    /// Draw with ASCII characters only
    #[arg(long, requires = "watch")]
    pub ascii: bool,
    /// Print one JSON document at the end, and nothing else
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<DrainOutput>,
}

/// How the end is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DrainOutput {
    /// One document.
    Json,
}
