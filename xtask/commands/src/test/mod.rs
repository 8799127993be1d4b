//! `cargo xtask test`: everything that has to hold, and a last line that says how much of it did.

mod code;
mod kept;
mod node;
mod premises;
mod rust;

use std::time::Instant;

use anyhow::{Result, bail, ensure};

use xtask_e2e::tally::Tally;
use xtask_e2e::{Selection, Share};
use xtask_lab::cluster::Cluster;
use xtask_lab::yardstick;

use crate::ahead::Ahead;

/// Arguments of the tests.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only what needs no cluster: formats, licences, lints, unit, property and protocol tests.
    #[arg(long, conflicts_with_all = ["only", "all", "part"])]
    no_cluster: bool,
    /// Only the scenarios on the cluster whose name contains this; can be given several times. `node` alone: the node in a virtual
    /// machine, without a cluster.
    #[arg(long, conflicts_with_all = ["all", "part"])]
    only: Vec<String>,
    /// Every scenario on the cluster, not only the fixed core and one fifth of the others.
    #[arg(long)]
    all: bool,
    /// Which fifth of the scenarios outside the fixed core runs, such as `3` (default: the number of commits modulo 5);
    /// with --all the part of everything, such as `2/6`.
    #[arg(long)]
    part: Option<Share>,
    /// Run the scenarios this many times, one after the other on the same cluster.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), requires = "only", value_name = "TIMES")]
    repeat: u32,
    /// With `--only premises`: take each piece of evidence of a verdict for seen, one at a time, and name the test that finds it.
    #[arg(long, requires = "only")]
    mutate: bool,
    /// Only what runs always: the tests without a cluster and the fixed core.
    #[arg(long, conflicts_with_all = ["only", "all", "part", "no_cluster"])]
    core: bool,
    /// Stop at the first failure.
    #[arg(long)]
    fail_fast: bool,
    /// Print the scenarios with their group and their parts, all or those chosen, and stop.
    #[arg(long)]
    list: bool,
    /// Leave the cluster running at the end.
    #[arg(long)]
    keep: bool,
}

/// Runs the tests; an error if one failed.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.mutate {
        ensure!(
            args.only == [premises::NAME],
            "--mutate is known for the premises alone; type: cargo xtask test --only premises --mutate"
        );
        return premises::run();
    }
    if args.only == [node::NAME] {
        return node_alone(args);
    }
    let selection = selection(args)?;
    if args.list {
        print!("{}", xtask_e2e::listed(&selection));
        return Ok(());
    }
    ensure!(
        args.no_cluster || !selection.is_empty(),
        "no scenario has such a name; `cargo xtask test --list` prints all"
    );
    let begun = Instant::now();
    let fixed = yardstick::fixed_compile()?;
    let mut tally = Tally::stopping(args.fail_fast);
    if tests(args, &selection, &mut tally)? && !args.no_cluster && !args.keep {
        tally.note("nothing is left of the cluster", torn_down());
    }
    println!("this run: {}", yardstick::told(begun.elapsed(), fixed));
    if args.all {
        kept::keep(&selection, &tally, begun.elapsed(), fixed)?;
    }
    end(&tally)
}

fn node_alone(args: &Args) -> Result<()> {
    ensure!(
        args.repeat == 1 && !args.list && !args.keep,
        "--only node knows no --repeat, no --list and no --keep; type: cargo xtask test --only node"
    );
    let mut tally = Tally::stopping(args.fail_fast);
    node::run(&mut tally);
    end(&tally)
}

/// Prints the count; an error if a test failed.
fn end(tally: &Tally) -> Result<()> {
    tally.print();
    if tally.failed() > 0 {
        bail!(
            "{} of the tests failed; each is named above with its reason",
            tally.failed()
        );
    }
    Ok(())
}

fn selection(args: &Args) -> Result<Selection> {
    // Which fifth is not asked where no scenario runs.
    if args.core || args.no_cluster {
        return Ok(Selection::Core);
    }
    let is_chosen = !args.only.is_empty() || args.all || args.part.is_some();
    if args.list && !is_chosen {
        return Ok(Selection::All(Share::WHOLE));
    }
    Ok(match (args.only.as_slice(), args.all, args.part) {
        (names @ [_, ..], _, _) => Selection::Named(names.to_vec()),
        ([], true, part) => Selection::All(part.unwrap_or(Share::WHOLE)),
        ([], false, Some(part)) => Selection::CoreAnd(part.fifth()?),
        ([], false, None) => Selection::CoreAnd(Share::by_commits(kept::commits()?)),
    })
}

/// Says whether a cluster may have been started.
fn tests(args: &Args, selection: &Selection, tally: &mut Tally) -> Result<bool> {
    if selection.has_code() {
        let ahead = if args.no_cluster {
            Ahead::for_rust_tests()?
        } else {
            Ahead::for_a_cluster()?
        };
        code::quick(tally);
        let compiled = code::compiles(tally);
        for errand in ahead.errands() {
            tally.test(errand.name, || errand.finish());
        }
        if !compiled || tally.is_over() {
            return Ok(false);
        }
        rust::run(tally);
        if matches!(selection, Selection::All(_)) {
            rust::run_on_three(tally);
            if !tally.is_over() {
                node::run(tally);
            }
        }
    }
    if args.no_cluster || tally.is_over() {
        return Ok(false);
    }
    if selection.has_code() {
        tally.test("half a cluster leaves nothing behind", Cluster::check);
    }
    let scenarios = xtask_e2e::prepare(tally);
    if let Some(scenarios) = scenarios {
        for _ in 0..args.repeat {
            scenarios.run(selection, tally);
        }
    }
    Ok(true)
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
