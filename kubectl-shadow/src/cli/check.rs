//! `check`: whether all is as a move needs it.

use clap::{Args, ValueEnum};

/// `check`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  kubectl shadow check                   the installation and all nodes
  kubectl shadow check orders-0 -n shop  a pod: can it be moved, and to which nodes?
  kubectl shadow check node/node-a       one node, with the last words of its agent
  kubectl shadow check --pre -o short    before an installation: what is in the way

It changes nothing. Exit code 0: nothing is in the way; 1: something is. `kubectl shadow explain SH104` says more of a line.")]
pub struct Check {
    /// What to look at: cluster, nodes, node/NAME, pod/NAME, or the name of a pod [default: cluster and nodes]
    #[arg(value_name = "WHAT", conflicts_with = "pre")]
    pub what: Option<String>,
    /// Look at what an installation needs, before there is one
    #[arg(long)]
    pub pre: bool,
    /// How it is written
    #[arg(short, long, default_value = "text", value_name = "FORMAT")]
    pub output: Format,
}

/// How findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Every line, with what to type
    Text,
    /// Only what does not pass
    Short,
    /// For a program
    Json,
}
