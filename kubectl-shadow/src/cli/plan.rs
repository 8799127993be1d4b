//! `plan`.

use std::time::Duration;

use clap::Args;

use super::ways::{Ways, Which};
use super::{Output, duration};

/// `plan`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 it can be moved, 1 it would be refused, 4 not known

Examples:
  kubectl shadow plan orders-0
  kubectl shadow plan orders-0 --to node-b -n shop"
)]
pub struct Plan {
    /// Which pods.
    #[command(flatten)]
    pub which: Which,
    /// In which way.
    #[command(flatten)]
    pub ways: Ways,
    /// Stop waiting after this long
    #[arg(long, default_value = "1m", value_parser = duration, value_name = "TIME")]
    pub timeout: Duration,
    /// `-o`.
    #[command(flatten)]
    pub output: Output,
}
