//! `report`: the story of one move.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `report`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  kubectl shadow report orders-0                                       the latest move of a pod
  kubectl shadow report orders-0-x7k2p -o html --file move.html        one file with pictures, for a ticket
  kubectl shadow report --from orders.ndjson                           of a recording; no cluster is asked
  kubectl shadow report --from drain.ndjson -o json                    of a recorded drain: all its pods (docs/report.md)

It exits with 0 when the report could be made. How the move ended is in the report.")]
pub struct Report {
    /// Name of the migration, or of a pod (its latest migration); may be left out for a recording of one move or of a drain
    #[arg(required_unless_present = "from")]
    pub name: Option<String>,
    /// Take the move from a recording; no cluster is asked
    #[arg(long, value_name = "RECORDING")]
    pub from: Option<PathBuf>,
    /// How it is written
    #[arg(short, long, default_value = "text", value_name = "FORMAT")]
    pub output: Format,
    /// Write it into a new file
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal
    Text,
    /// For a program
    Json,
    /// One file with pictures and tables, without anything from outside
    Html,
}
