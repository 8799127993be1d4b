//! `cargo xtask soak`: moves different applications at random under faults, many times, in stretches. Every move is a line that
//! stays. What counts is of one plan (the seed) and one engine: after a commit that changes the engine the count restarts.

mod application;
mod chance;
mod ending;
mod engine;
mod fault;
mod group;
mod harm;
mod judge;
mod kept;
mod moved;
mod plan;
mod row;
mod rows;
mod stretch;
mod summary;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use engine::Engine;
use plan::{Planned, planned};
use summary::Summary;
use xtask_lab::cluster::Cluster;
use xtask_lab::stage::Product;

const ROWS: &str = "moves.csv";

/// Arguments of the soak.
#[derive(clap::Args)]
pub struct Args {
    /// Moves in all; those that the folder has lines of are not made again.
    #[arg(long, default_value_t = 1_000)]
    moves: u32,
    /// Decides what is moved, how, and what goes wrong meanwhile.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The stretch ends with the group of moves that is under way after so many minutes.
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u64).range(1..=150))]
    minutes: u64,
    /// Folder for the lines (moves.csv).
    #[arg(long, default_value = "docs/measurements/soak")]
    out: PathBuf,
    /// Folder for what is kept of a group that was not as it should be.
    #[arg(long, default_value = "target/soak-kept")]
    kept: PathBuf,
    /// Print what would be moved, and stop.
    #[arg(long)]
    list: bool,
    /// End at the first group that was not as it should be.
    #[arg(long)]
    stop: bool,
    /// Leave the cluster running at the end.
    #[arg(long)]
    keep: bool,
}

/// What all moves share.
pub(crate) struct Soak<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) product: &'a Product,
    pub(crate) engine: &'a Engine,
    pub(crate) seed: u64,
}

/// Runs a stretch.
///
/// # Errors
/// When something was lost, applied twice, reordered or told wrongly, in this stretch or in one before; or when the soak itself
/// could not go on.
pub fn run(args: &Args) -> Result<()> {
    let engine = Engine::here()?;
    let path = args.out.join(ROWS);
    let known = rows::of(rows::read(&path)?, args.seed, &engine);
    let moves: Vec<Planned> = rows::missing(&known, args.moves)
        .into_iter()
        .map(|index| planned(args.seed, index))
        .collect();
    if args.list {
        list(&moves);
        return Ok(());
    }
    println!(
        "engine {} (commit {}), seed {}: {} of {} moves are still to be made",
        engine.name,
        engine.commit,
        args.seed,
        moves.len(),
        args.moves
    );
    if !engine.is_committed() {
        println!(
            "the engine has changes that are not committed: these lines will not count in a later stretch"
        );
    }
    let before = known.len();
    let mut written = Vec::new();
    let outcome = if moves.is_empty() {
        Ok(())
    } else {
        fs::create_dir_all(&args.out).with_context(|| format!("make {}", args.out.display()))?;
        let outcome = stretch::run(args, &engine, &moves, &path, &mut written);
        let down = if args.keep { Ok(()) } else { Cluster::down() };
        outcome.and(down)
    };
    let all: Vec<row::Row> = known.into_iter().chain(written).collect();
    let summary = Summary::of(&all);
    println!(
        "\n{} lines of before, {} new: {}\n{summary}",
        before,
        all.len() - before,
        path.display()
    );
    outcome?;
    ensure!(
        summary.is_good(),
        "the product cannot be trusted: see the lines with `wrong`, and the figures above"
    );
    Ok(())
}

fn list(moves: &[Planned]) {
    for one in moves {
        let trouble = one
            .trouble
            .map_or_else(String::new, |(fault, moment)| format!(", {fault} {moment}"));
        let setting = &one.setting;
        println!(
            "{} {} {} at {}/s [{}]{trouble}",
            one.index,
            setting.application,
            one.way,
            setting.rate,
            setting.consumer.join(" ")
        );
    }
}
