//! `cargo xtask test`: everything that has to hold, and a last line that says how much of it did.

mod ahead;
mod code;

use anyhow::{Result, bail};

use ahead::Ahead;
use xtask_e2e::tally::Tally;
use xtask_lab::cluster::Cluster;

/// Arguments of the tests.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only what needs no cluster: formats, lints, unit, property and protocol tests.
    #[arg(long, conflicts_with = "only")]
    no_cluster: bool,
    /// Only the tests on the cluster whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// Leave the cluster running at the end.
    #[arg(long)]
    keep: bool,
}

/// Runs the tests; an error if one failed.
pub(crate) fn run(args: Args) -> Result<()> {
    let mut tally = Tally::default();
    if args.only.is_none() {
        let ahead = if args.no_cluster {
            None
        } else {
            Some(Ahead::begin()?)
        };
        code::run(&mut tally);
        if let Some(ahead) = ahead {
            ahead.finish(&mut tally);
        }
    }
    if !args.no_cluster && args.only.is_none() {
        tally.test("half a cluster leaves nothing behind", Cluster::check);
    }
    if !args.no_cluster {
        xtask_e2e::run(&mut tally, args.only.as_deref());
        if !args.keep {
            tally.note("nothing is left of the cluster", torn_down());
        }
    }
    tally.print();
    if tally.failed() > 0 {
        bail!(
            "{} of the tests failed; each is named above with its reason",
            tally.failed()
        );
    }
    Ok(())
}

fn torn_down() -> Result<()> {
    Cluster::down()?;
    let left = Cluster::leftovers()?;
    if left.is_empty() {
        Ok(())
    } else {
        bail!("left behind: {}", left.join(", "))
    }
}
