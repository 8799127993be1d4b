//! `cargo xtask registry`: Docker's registry out of the cache, for the tests of checkpoint images, which start it
//! themselves, each with settings of its own.

use anyhow::{Context, Result, bail};
use std::process::Command;

use xtask_lab::cluster;

/// The variable by which the tests find the program.
pub(crate) const VARIABLE: &str = "SHADOW_TEST_REGISTRY";

/// Arguments of `cargo xtask registry`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Run a command with SHADOW_TEST_REGISTRY, the registry's program.
    Run {
        /// The command and its arguments.
        #[arg(trailing_var_arg = true, required = true)]
        command: Vec<String>,
    },
}

/// Runs the command. The command's own failure is this command's failure.
pub(crate) fn run(args: Args) -> Result<()> {
    let Action::Run { command } = args.action;
    let (program, arguments) = command.split_first().context("name the command to run")?;
    let status = Command::new(program)
        .args(arguments)
        .env(VARIABLE, cluster::registry_program()?)
        .status()
        .with_context(|| format!("run {program}"))?;
    if !status.success() {
        bail!("{program} ended with {status}");
    }
    Ok(())
}
