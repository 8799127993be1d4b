//! The same consumer without a word of the migration protocol: what most applications are.

use clap::Parser;
use orders::consumer::PlainSettings;
use orders::process::Process;
use orders::telemetry;

/// A consumer of orders that knows nothing of migrations: one quorum queue with single active consumer, manual
/// acknowledgements, and a new connection when the old one is gone.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    #[command(flatten)]
    settings: PlainSettings,
    #[command(flatten)]
    process: Process,
}

fn main() -> anyhow::Result<()> {
    telemetry::start("info");
    let args = Args::parse();
    args.process.run(args.settings.settings()?)
}
