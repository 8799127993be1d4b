//! What needs no cluster: formats, licences, generated files, lints, and that everything compiles.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use xtask::{Profile, Wanted};
use xtask_e2e::tally::Tally;
use xtask_lab::cargo_tools::CargoTool;

use crate::check;

/// What takes seconds.
pub(crate) fn quick(tally: &mut Tally) {
    tally.test("the code is formatted", || {
        succeeds(cargo().args(["fmt", "--all", "--check"]))
    });
    tally.test("generated files are up to date", || {
        check::run(check::Args::default())
    });
    tally.test("licences, bans and sources of dependencies are allowed", || {
        // Those of other platforms, too: the build fetched only what it needs.
        succeeds(cargo().args(["fetch", "--locked", "--quiet"]))?;
        let mut deny = Command::new(CargoTool::Deny.path()?);
        deny.current_dir(xtask::workspace());
        deny.args(["--locked", "--offline", "check", "licenses", "bans", "sources"]);
        succeeds(&mut deny)
    });
}

/// Compiles everything, tests included; whatever the compiler or Clippy says is an error.
pub(crate) fn compiles(tally: &mut Tally) -> bool {
    tally.test("everything compiles and no lint complains", lints)
}

fn cargo() -> Command {
    let mut cargo = Command::new(xtask::cargo_program());
    cargo.current_dir(xtask::workspace());
    cargo
}

fn succeeds(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("run {}", command.get_program().display()))?;
    if !status.success() {
        bail!("{} ended with {status}", command.get_program().display());
    }
    Ok(())
}

fn lints() -> Result<()> {
    let mut build = xtask::cargo(&["build", "--quiet"], Profile::Verify, Wanted::Everything)
        .args(["--message-format", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .context("run cargo build")?;
    let output = build.stdout.take().context("cargo build has no output")?;
    let mut complaints = 0;
    for line in BufReader::new(output).lines() {
        if let Some(complaint) = complaint(&line.context("read what cargo build prints")?) {
            println!("{complaint}");
            complaints += 1;
        }
    }
    let status = build.wait().context("wait for cargo build")?;
    if complaints > 0 || !status.success() {
        bail!("{complaints} complaints, cargo ended with {status}");
    }
    Ok(())
}

/// What the compiler has to say, for a person: one line of `--message-format json`.
fn complaint(line: &str) -> Option<String> {
    let message: Value = serde_json::from_str(line).ok()?;
    let said = message["reason"] == "compiler-message";
    said.then(|| message["message"]["rendered"].as_str().unwrap_or(line).to_owned())
}

#[cfg(test)]
mod tests {
    use super::complaint;

    #[test]
    fn what_the_compiler_says_is_a_complaint_and_nothing_else_is() {
        let said =
            r#"{"reason":"compiler-message","message":{"level":"warning","rendered":"warning: unused"}}"#;
        assert_eq!(complaint(said).as_deref(), Some("warning: unused"));
        assert_eq!(complaint(r#"{"reason":"compiler-artifact","target":{}}"#), None);
        assert_eq!(complaint("Compiling xtask"), None);
    }
}
