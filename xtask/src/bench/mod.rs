//! `cargo xtask bench`: how long moves take, under which load. Every row is kept; none is replaced, and nothing is
//! purged between them.

mod measure;
mod row;
mod scenario;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cluster::{Addons, Cluster};
use crate::stage::Product;

/// Arguments of the benchmark.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Less than ten minutes: each way once, four moves each.
    #[arg(long)]
    quick: bool,
    /// Moves of each combination [default: 10, or 4 with --quick].
    #[arg(long)]
    moves: Option<u32>,
    /// Only ways whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// Folder for the rows (CSV) and the table.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// Leave the cluster running at the end.
    #[arg(long)]
    keep: bool,
}

/// Measures; an error only if something could not be measured.
pub(crate) fn run(args: Args) -> Result<()> {
    let outcome = measured(&args);
    if !args.keep {
        Cluster::down()?;
    }
    outcome
}

fn measured(args: &Args) -> Result<()> {
    let mut chosen = if args.quick {
        scenario::quick()
    } else {
        scenario::full()
    };
    if let Some(part) = &args.only {
        chosen.retain(|scenario| scenario.mover.name().contains(part.as_str()));
    }
    let moves = args.moves.unwrap_or(if args.quick { 4 } else { 10 });
    fs::create_dir_all(&args.out).with_context(|| format!("make {}", args.out.display()))?;
    let cluster = Cluster::up(Addons::Ready)?;
    let product = Product::build(&cluster)?;
    product.install(&cluster)?;
    let mut rows = Vec::new();
    for (n, scenario) in (1..).zip(&chosen) {
        println!("{n} of {}: {scenario:?}", chosen.len());
        rows.extend(measure::measure(&cluster, &product, scenario, moves)?);
        row::write(&args.out.join("rows.csv"), &rows)?;
    }
    print(&args.out, &rows)
}

fn print(folder: &Path, rows: &[row::Row]) -> Result<()> {
    let table = table::markdown(rows);
    println!("\n{table}");
    let path = folder.join("table.md");
    fs::write(&path, table).with_context(|| format!("write {}", path.display()))?;
    println!("rows and table: {}", folder.display());
    Ok(())
}
