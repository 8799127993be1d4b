//! The load generator: publishes numbered orders and writes down what became of each.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use orders::load::{LoadPlan, LoadProgress, run};
use orders::{stop, telemetry};

/// Publishes orders until the count, the duration or SIGTERM, then tells which were confirmed.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    #[command(flatten)]
    plan: LoadPlan,
    /// Where to write the ledger as JSON [default: standard output].
    #[arg(long)]
    ledger: Option<PathBuf>,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<ExitCode> {
    telemetry::start("info");
    let args = Args::parse();
    let signalled = stop::on_signal().context("cannot listen for SIGTERM")?;
    let (stopping, stop) = stop::channel();
    tokio::spawn(async move {
        signalled.await;
        stopping.stop();
    });
    let ledger = run(args.plan, Arc::new(LoadProgress::default()), stop).await?;
    let json = serde_json::to_string_pretty(&ledger)?;
    match args.ledger {
        Some(path) => {
            std::fs::write(&path, json).with_context(|| format!("cannot write {}", path.display()))?
        }
        None => println!("{json}"),
    }
    // Unconfirmed or unroutable messages are worth an exit code of their own.
    Ok(if ledger.uncertain() + ledger.returned() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(3)
    })
}
