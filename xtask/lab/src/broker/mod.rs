//! `cargo xtask broker`: a RabbitMQ on this machine's loopback, for the protocol tests.

mod ports;
mod process;
pub mod server;
pub mod tree;
pub mod trio;

use anyhow::{Context, Result, bail};
use server::Broker;
use std::io::{self, Read};
use std::process::Command;
use std::time::Instant;
use trio::{Fault, Trio, Yard};

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
        /// Three nodes as one cluster instead, in a network of their own, in which the command runs.
        #[arg(long, value_name = "NUMBER", value_parser = ["1", "3"], default_value = "1")]
        nodes: String,
        /// The command and its arguments.
        #[arg(trailing_var_arg = true, required = true)]
        command: Vec<String>,
    },
    /// Start a broker, print how to reach it, stop it at the end of standard input.
    Serve,
    /// Do something to a node of three, as the protocol tests do.
    Node {
        /// The process that the nodes end with; SHADOW_TEST_TRIO_NODE_COMMAND names it.
        #[arg(long)]
        yard: u32,
        /// one, two or three.
        node: String,
        #[command(subcommand)]
        fault: Fault,
    },
}

/// Variable that names a broker without a limit of frames.
pub const UNLIMITED: &str = "SHADOW_TEST_UNLIMITED_AMQP_URI";

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    match args.action {
        Action::Fetch => tree::ensure().map(|tree| println!("{}", tree.display())),
        Action::Run { nodes, command } if nodes == "3" => run_with_three(&command),
        Action::Run { command, .. } => run_with_broker(&command),
        Action::Serve => serve(),
        Action::Node { yard, node, fault } => {
            print!("{}", Yard::of(yard).act(&node, &fault)?);
            Ok(())
        }
    }
}

fn run_with_broker(command: &[String]) -> Result<()> {
    let (program, arguments) = words(command)?;
    let (broker, unlimited) = (started(Broker::start)?, Broker::start_unlimited()?);
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("SHADOW_TEST_AMQP_URI", &broker.amqp_uri)
        .env(UNLIMITED, &unlimited.amqp_uri)
        .env("SHADOW_TEST_MANAGEMENT_URI", &broker.management_uri);
    ran(program, command)
}

fn run_with_three(command: &[String]) -> Result<()> {
    let (program, arguments) = words(command)?;
    let trio = started(Trio::start)?;
    let mut command = Command::new(program);
    command.args(arguments);
    ran(program, trio.inside(&command))
}

fn words(command: &[String]) -> Result<(&String, &[String])> {
    command.split_first().context("name the command to run")
}

/// The command's own failure is this command's failure.
fn ran(program: &str, mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| format!("run {program}"))?;
    if !status.success() {
        bail!("{program} ended with {status}");
    }
    Ok(())
}

fn serve() -> Result<()> {
    let broker = started(Broker::start)?;
    println!("SHADOW_TEST_AMQP_URI={}", broker.amqp_uri);
    println!("SHADOW_TEST_MANAGEMENT_URI={}", broker.management_uri);
    io::stdin()
        .read_to_end(&mut Vec::new())
        .context("wait for the end of standard input")?;
    Ok(())
}

fn started<T>(start: impl FnOnce() -> Result<T>) -> Result<T> {
    let begun = Instant::now();
    let broker = start()?;
    eprintln!("broker: ready after {:.1} s", begun.elapsed().as_secs_f32());
    Ok(broker)
}
