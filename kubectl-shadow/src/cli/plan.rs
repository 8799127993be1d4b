//! `plan`.

use std::time::Duration;

use clap::Args;

use super::ways::{Ways, Which};
use super::{Output, duration};

/// `plan`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 it can be moved, 1 it would be refused or its rehearsal has failed, 4 not known

Examples:
  kubectl shadow plan orders-0
  kubectl shadow plan orders-0 --to node-b -n shop
  kubectl shadow plan orders-0 --rehearse"
)]
pub struct Plan {
    /// Which pods.
    #[command(flatten)]
    pub which: Which,
    /// In which way.
    #[command(flatten)]
    pub ways: Ways,
    /// Also dump the process once for real, throw the dump away, and say what it cost: the process stands still for it
    #[arg(long)]
    pub rehearse: bool,
    /// Stop waiting after this long
    #[arg(long, default_value = "1m", value_parser = duration, value_name = "TIME")]
    pub timeout: Duration,
    /// `-o`.
    #[command(flatten)]
    pub output: Output,
}
