//! `cancel`.

use clap::{ArgAction, Args};

use super::time::{Limit, limit};

/// `cancel`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  kubectl shadow cancel orders-0                   undo the latest migration of a pod, and wait for its end
  kubectl shadow cancel orders-0-x7k2p --wait=false
  kubectl shadow cancel orders-0 --give-memory-up  of a committed move whose copy cannot be restored

Until its commit a move can be undone: the source goes on with its memory. After the commit there is only forward, and this \
command says so. The exit code is that of the move: 3 cancelled; 0 or 6 if it committed at that moment and was moved.")]
pub struct Cancel {
    /// Migration, or pod (its latest migration)
    #[arg(value_name = "NAME|TYPE/NAME")]
    pub name: String,
    /// Of a move that is committed and whose copy cannot be restored: give its memory up for good, and let the pod start from
    /// its image
    #[arg(long)]
    pub give_memory_up: bool,
    /// Wait for the end of the move; =false to return at once
    #[arg(
        long,
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true"
    )]
    pub wait: bool,
    /// Stop waiting after this long, such as 90s or 5m; 0 for never
    #[arg(long, default_value = "10m", value_parser = limit, value_name = "TIME")]
    pub timeout: Limit,
}
