//! `cargo xtask timed COMMAND …`: how long a command takes, beside a fixed compile of the same minute.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use xtask_lab::yardstick;

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The command and its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<String>,
}

/// Runs the command. Its failure is this command's failure.
pub(crate) fn run(args: &Args) -> Result<()> {
    let (program, arguments) = args.command.split_first().context("name the command to run")?;
    let fixed = yardstick::fixed_compile()?;
    let begun = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .status()
        .with_context(|| format!("run {program}"))?;
    println!(
        "{}: {}",
        args.command.join(" "),
        yardstick::told(begun.elapsed(), fixed)
    );
    if !status.success() {
        bail!("{program} ended with {status}");
    }
    Ok(())
}
