//! Developer commands: the local cluster, the images, the demo and the tests.

mod ahead;
mod check;
mod criu;
mod demo;
mod mutants;
mod package;
mod registry;
mod test;
mod timed;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask_lab::{addons, broker, cluster, images};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer commands of kubectl-shadow", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set everything up, move a pod under load, and say whether it was exact.
    Demo(demo::Args),
    /// Format, lints, unit, property and protocol tests, end-to-end tests on the cluster.
    Test(test::Args),
    /// Measure moves of every kind under load.
    Bench(xtask_bench::Args),
    /// Move applications at random under faults, many times, and count what was lost, doubled, reordered or told wrongly.
    Soak(xtask_soak::Args),
    /// The local two-node Kubernetes cluster.
    Cluster(cluster::Args),
    /// Build the images of our parts and samples and push them to the local registry.
    Images(images::Args),
    /// Make what is published: an archive with plugin and images, checksums, and a manifest for krew.
    Package(package::Args),
    /// A RabbitMQ on this machine, for the protocol tests.
    Broker(broker::Args),
    /// An image registry on this machine, for the tests of checkpoint images.
    Registry(registry::Args),
    /// Let CRIU fail in every known way, and compare what it prints with what the product translates.
    Criu(criu::Args),
    /// Apply cluster DNS and RabbitMQ to the local cluster.
    Addons(addons::Args),
    /// Compare generated files with the committed ones.
    Check(check::Args),
    /// Put faults into a copy of the product and prove that the fixed core finds them.
    Mutants(mutants::Args),
    /// Run a command and say how long it took, in seconds and as a multiple of a fixed compile.
    Timed(timed::Args),
    /// One scenario of the tests, beside others.
    #[command(hide = true)]
    Scenario(xtask_e2e::One),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The causes in one line; where in our code it happened helps nobody who runs this.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Test(args) => test::run(&args),
        Command::Demo(args) => demo::run(args),
        Command::Bench(args) => xtask_bench::run(args),
        Command::Soak(args) => xtask_soak::run(&args),
        Command::Cluster(args) => cluster::run(args),
        Command::Images(args) => images::run(args),
        Command::Package(args) => package::run(args),
        Command::Broker(args) => broker::run(args),
        Command::Registry(args) => registry::run(args),
        Command::Criu(args) => criu::run(&args),
        Command::Addons(args) => addons::run(args),
        Command::Check(args) => check::run(args),
        Command::Mutants(args) => mutants::run(&args),
        Command::Timed(args) => timed::run(&args),
        Command::Scenario(args) => xtask_e2e::one(&args),
    }
}
