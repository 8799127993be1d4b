//! `cargo xtask broker`: a RabbitMQ on this machine's loopback, for the protocol tests.

mod ports;
pub mod server;
pub mod tree;

use anyhow::{Context, Result, bail};
use server::Broker;
use std::io::{self, Read};
use std::process::Command;
use std::time::Instant;

/// Arguments of `cargo xtask broker`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Unpack RabbitMQ into the cache, if it is not there yet.
    Fetch,
    /// Start a broker, run a command with SHADOW_TEST_AMQP_URI and SHADOW_TEST_MANAGEMENT_URI, stop it.
    Run {
        /// The command and its arguments.
        #[arg(trailing_var_arg = true, required = true)]
        command: Vec<String>,
    },
    /// Start a broker, print how to reach it, stop it at the end of standard input.
    Serve,
}

/// Variable that names a broker without a limit of frames.
pub const UNLIMITED: &str = "SHADOW_TEST_UNLIMITED_AMQP_URI";

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    match args.action {
        Action::Fetch => tree::ensure().map(|tree| println!("{}", tree.display())),
        Action::Run { command } => run_with_broker(&command),
        Action::Serve => serve(),
    }
}

/// The command's own failure is this command's failure.
fn run_with_broker(command: &[String]) -> Result<()> {
    let (program, arguments) = command.split_first().context("name the command to run")?;
    let (broker, unlimited) = (start()?, Broker::start_unlimited()?);
    let status = Command::new(program)
        .args(arguments)
        .env("SHADOW_TEST_AMQP_URI", &broker.amqp_uri)
        .env(UNLIMITED, &unlimited.amqp_uri)
        .env("SHADOW_TEST_MANAGEMENT_URI", &broker.management_uri)
        .status()
        .with_context(|| format!("run {program}"))?;
    drop(broker);
    if !status.success() {
        bail!("{program} ended with {status}");
    }
    Ok(())
}

fn serve() -> Result<()> {
    let broker = start()?;
    println!("SHADOW_TEST_AMQP_URI={}", broker.amqp_uri);
    println!("SHADOW_TEST_MANAGEMENT_URI={}", broker.management_uri);
    io::stdin()
        .read_to_end(&mut Vec::new())
        .context("wait for the end of standard input")?;
    Ok(())
}

fn start() -> Result<Broker> {
    let started = Instant::now();
    let broker = Broker::start()?;
    eprintln!("broker: ready after {:.1} s", started.elapsed().as_secs_f32());
    Ok(broker)
}
