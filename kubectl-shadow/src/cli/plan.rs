//! `plan`.

use std::time::Duration;

use clap::Args;

use super::{Strategy, duration};

/// `plan`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 it can be moved, 1 it would be refused, 4 not known

Examples:
  kubectl shadow plan orders-0
  kubectl shadow plan orders-0 --to node-b -n shop"
)]
pub struct Plan {
    /// Pod that would be moved
    pub pod: String,
    /// Node that it would be moved to [default: the one that fits and has the most room]
    #[arg(long, value_name = "NODE")]
    pub to: Option<String>,
    /// Queue it consumes; {pod} and {ordinal} are filled in [default: the workload's annotation]
    #[arg(long)]
    pub queue: Option<String>,
    /// Secret with the broker's `uri` and `managementUri` [default: the workload's annotation]
    #[arg(long, value_name = "SECRET")]
    pub broker_secret: Option<String>,
    /// Container that would be moved, for pods with several
    #[arg(long)]
    pub container: Option<String>,
    /// Let the copy take over before the source goes, or the source go first [default: what owner and volumes need]
    #[arg(long)]
    pub strategy: Option<Strategy>,
    /// Let the source go on with a copy of the stream while its own copy is made
    #[arg(long)]
    pub live: bool,
    /// Stop waiting after this long
    #[arg(long, default_value = "1m", value_parser = duration, value_name = "TIME")]
    pub timeout: Duration,
}
