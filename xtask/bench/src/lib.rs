//! `cargo xtask bench`: how long moves take, under which load. Every row is kept; none is replaced, and nothing is
//! purged between them.

mod agents;
mod figures;
mod foretold;
mod measure;
mod origin;
mod outage;
mod page;
mod pairs;
mod plain_start;
mod portion;
mod queued;
mod replay;
mod row;
mod rows;
mod scenario;
mod shape;
mod steps;
mod table;
mod targets;
mod watched;
mod way;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use measure::Bench;
use origin::Origin;
use portion::Portion;
use xtask_lab::cluster::{Addons, Cluster};
use xtask_lab::images::binaries::{self, Profile};
use xtask_lab::stage::Product;

/// Arguments of the benchmark.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    portion: Portion,
    /// Folder for the rows (rows.csv) and the table (table.md). Rows that are there stay, and what they hold is not
    /// measured again, so that a long run can be done in portions [default: a new one below target/bench].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Print the names of what would be measured, and stop.
    #[arg(long)]
    list: bool,
    /// Run nothing: write docs/results.md and its drawings from the rows in this folder.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["out", "list", "keep"])]
    page: Option<PathBuf>,
    /// Run nothing: draw docs/pictures/drain-metrics.svg from the series that the scenario with Prometheus has kept in this file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["out", "list", "keep", "page"])]
    drain_picture: Option<PathBuf>,
    /// Measure nothing but what sixty moves in line cost the one under way, in so many pairs; rows that are in the folder count.
    #[arg(long, value_name = "PAIRS", conflicts_with_all = ["list", "page"])]
    queued: Option<u32>,
    /// Measure nothing but what ten users who watch cost a move, in so many pairs; rows that are in the folder count.
    #[arg(long, value_name = "PAIRS", conflicts_with_all = ["list", "page", "queued"])]
    watched: Option<u32>,
    /// Measure nothing but how near `kubectl shadow plan` comes, in so many rounds of three applications.
    #[arg(long, value_name = "ROUNDS", conflicts_with_all = ["list", "page", "queued", "watched"])]
    foretold: Option<u32>,
    /// Leave the cluster running at the end.
    #[arg(long)]
    keep: bool,
}

const ROWS: &str = "rows.csv";
const TABLE: &str = "table.md";

/// Measures; an error only if something could not be measured.
pub fn run(args: Args) -> Result<()> {
    if let Some(rows) = &args.page {
        return page::write(rows, &docs());
    }
    if let Some(series) = &args.drain_picture {
        return page::drain::write(series, &docs());
    }
    ensure!(
        !args.portion.wanted().is_empty(),
        "no scenario has such a name: `cargo xtask bench --list` prints them"
    );
    let folder = args.out.clone().unwrap_or_else(fresh);
    let alone: [(Option<u32>, Measure); 3] = [
        (args.queued, queued::run),
        (args.watched, watched::run),
        (args.foretold, foretold::run),
    ];
    if let Some((count, measure)) = alone.into_iter().find_map(|(count, run)| Some((count?, run))) {
        return by_itself(&args, &folder, count, measure);
    }
    let known = rows::read(&folder.join(ROWS))?;
    let chosen = args.portion.chosen(&known);
    if args.list {
        for scenario in &chosen {
            println!("{}", scenario.shape());
        }
        return Ok(());
    }
    if chosen.is_empty() {
        println!("everything is measured already; --again measures it once more");
        return print(&folder, &known);
    }
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    rows::fit_columns(&folder.join(ROWS))?;
    let outcome = measured(&args, &folder, &chosen);
    if !args.keep {
        Cluster::down()?;
    }
    outcome
}

fn docs() -> PathBuf {
    binaries::workspace().join("docs")
}

/// Compares the page of results with the rows beside it.
pub fn check() -> Result<()> {
    let Some(stale) = page::stale(&docs())? else {
        return Ok(());
    };
    ensure!(
        stale.is_empty(),
        "docs/{} is not what docs/results/{ROWS} says: run `cargo xtask bench --page docs/results` and commit it",
        stale.join(", docs/")
    );
    println!("docs/results.md is up to date");
    Ok(())
}

fn fresh() -> PathBuf {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%d-%H%M%S");
    Path::new("target/bench").join(now.to_string())
}

/// A measurement with rows of its own: so many of them, into the folder.
type Measure = fn(&Bench, &Path, u32) -> Result<()>;

fn by_itself(args: &Args, folder: &Path, count: u32, measure: Measure) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let outcome = installed().and_then(|bench| measure(&bench, folder, count));
    if !args.keep {
        Cluster::down()?;
    }
    outcome
}

fn installed() -> Result<Bench> {
    // Before the cluster takes minutes to start.
    let origin = Origin::here()?;
    let cluster = Cluster::up(Addons::Ready)?;
    let product = Product::build(&cluster, Profile::Release)?;
    product.install(&cluster)?;
    Ok(Bench {
        cluster,
        product,
        origin,
    })
}

fn measured(args: &Args, folder: &Path, chosen: &[scenario::Scenario]) -> Result<()> {
    let bench = installed()?;
    let path = folder.join(ROWS);
    let mut failed = Vec::new();
    for (n, scenario) in (1..).zip(chosen) {
        println!("{n} of {}: {}", chosen.len(), scenario.shape());
        let rows = bench.measure(scenario, args.portion.moves());
        rows::append(&path, &rows)?;
        if rows.iter().any(row::Row::is_error) {
            failed.push(scenario.shape().to_string());
        }
    }
    print(folder, &rows::read(&path)?)?;
    ensure!(
        failed.is_empty(),
        "could not be measured (their rows say why): {}",
        failed.join("; ")
    );
    Ok(())
}

fn print(folder: &Path, rows: &[row::Row]) -> Result<()> {
    let table = table::markdown(rows);
    println!("\n{table}");
    let path = folder.join(TABLE);
    fs::write(&path, table).with_context(|| format!("write {}", path.display()))?;
    println!("rows and table: {}", folder.display());
    Ok(())
}
