//! Programs that read their standard input.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result};

/// Runs a program with this on its standard input, and takes all that it prints. Whether it succeeded is the caller's to judge.
pub fn fed(command: &mut Command, input: &str) -> Result<Output> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {program}"))?;
    let mut standard_input = process
        .stdin
        .take()
        .with_context(|| format!("{program} has no standard input"))?;
    let written = standard_input.write_all(input.as_bytes());
    drop(standard_input);
    let output = process
        .wait_with_output()
        .with_context(|| format!("wait for {program}"))?;
    // A program that failed says more than a pipe that it closed.
    if output.status.success() {
        written.with_context(|| format!("give {program} its input"))?;
    }
    Ok(output)
}
