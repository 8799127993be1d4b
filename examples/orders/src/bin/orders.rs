//! The sample consumer: reads orders, remembers them, shows what it remembers.

use clap::Parser;
use orders::consumer::Settings;
use orders::process::Process;
use orders::telemetry;

/// A consumer of orders with its state in memory.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    process: Process,
}

fn main() -> anyhow::Result<()> {
    telemetry::start("info");
    let args = Args::parse();
    args.process.run(args.settings)
}
