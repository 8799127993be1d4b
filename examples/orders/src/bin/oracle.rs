//! The oracle: load, control and prober in one process, and a verdict as the exit code.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use orders::oracle::{Report, RunPlan, run};
use orders::stop::{self, StopSender};
use orders::telemetry;

/// Judges a consumer of orders under load.
///
/// Exit codes: 0 exact and no request failed, 1 not exact, 2 wrong usage, 3 exact but requests failed,
/// 4 could not judge.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Publish, follow and ask until told to stop; then compare.
    Run {
        #[command(flatten)]
        plan: Box<RunPlan>,
        /// Where to write the report as JSON.
        #[arg(long)]
        report: Option<PathBuf>,
        /// End the load when standard input ends, besides SIGTERM.
        #[arg(long)]
        stop_on_eof: bool,
    },
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    telemetry::start("warn");
    let Command::Run {
        plan,
        report: path,
        stop_on_eof,
    } = Args::parse().command;
    match judge(*plan, path, stop_on_eof).await {
        Ok(report) => {
            println!("{report}");
            ExitCode::from(report.exit_code())
        }
        Err(error) => {
            eprintln!("orders-oracle: {error:#}");
            ExitCode::from(4)
        }
    }
}

async fn judge(plan: RunPlan, path: Option<PathBuf>, stop_on_eof: bool) -> anyhow::Result<Report> {
    let signalled = stop::on_signal().context("cannot listen for SIGTERM")?;
    let (stopping, stop) = stop::channel();
    let (ended, input_ended) = tokio::sync::oneshot::channel();
    // Kept even if nobody watches the input: a dropped sender would look like its end.
    let unwatched = if stop_on_eof {
        watch_input(ended);
        None
    } else {
        Some(ended)
    };
    tokio::spawn(stop_on_first(stopping, signalled, input_ended));
    let report = run(plan, stop).await?;
    drop(unwatched);
    if let Some(path) = path {
        let json = serde_json::to_string_pretty(&report).context("cannot write the report as JSON")?;
        std::fs::write(&path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(report)
}

async fn stop_on_first(
    stopping: StopSender,
    signalled: impl Future<Output = ()>,
    input_ended: tokio::sync::oneshot::Receiver<()>,
) {
    tokio::select! {
        () = signalled => {}
        _ = input_ended => {}
    }
    stopping.stop();
}

/// Drops `ended` when standard input ends. A thread of its own: a read cannot be called off, and must
/// not keep the process from ending.
fn watch_input(ended: tokio::sync::oneshot::Sender<()>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 256];
        while std::io::stdin().read(&mut buffer).is_ok_and(|read| read > 0) {}
        drop(ended);
    });
}
