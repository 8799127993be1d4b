//! What needs no cluster: formats, lints, generated files, and all Rust tests, those of the broker protocol against a
//! real RabbitMQ, those of checkpoint images against a real registry.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use xtask_e2e::tally::Tally;
use xtask_lab::broker::server::Broker;
use xtask_lab::cluster;

use crate::{check, registry};

/// Runs all of it.
pub(crate) fn run(tally: &mut Tally) {
    tally.test("the code is formatted", || cargo(&["fmt", "--all", "--check"]));
    tally.test("generated files are up to date", || {
        check::run(check::Args::default())
    });
    tally.test("no lint complains", lints);
    let counted = rust_tests();
    let (passed, outcome) = match counted {
        Ok((passed, 0)) => (passed, Ok(())),
        Ok((passed, failed)) => (
            passed,
            Err(anyhow::anyhow!(
                "{failed} Rust tests failed; their output is above"
            )),
        ),
        Err(error) => (0, Err(error)),
    };
    tally.add_passed(passed);
    tally.note("unit, property and protocol tests", outcome);
}

fn cargo_program() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// Clippy's compiler, which makes programs like the usual one: what it has looked at is what is tested, and nothing is
/// compiled twice. It stands beside cargo.
fn cargo_with_clippy() -> Command {
    let beside = cargo_program().with_file_name("clippy-driver");
    let driver = if beside.exists() {
        beside
    } else {
        "clippy-driver".into()
    };
    let mut command = Command::new(cargo_program());
    command.env("RUSTC_WORKSPACE_WRAPPER", driver);
    command
}

fn cargo(arguments: &[&str]) -> Result<()> {
    let status = Command::new(cargo_program())
        .args(arguments)
        .status()
        .context("run cargo")?;
    if !status.success() {
        bail!("cargo {} ended with {status}", arguments.join(" "));
    }
    Ok(())
}

/// Compiles everything, tests included; whatever the compiler or Clippy says is an error.
fn lints() -> Result<()> {
    let mut build = cargo_with_clippy()
        .args(["test", "--workspace", "--all-targets", "--no-run", "--quiet"])
        .args(["--message-format", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .context("run cargo test --no-run")?;
    let output = build.stdout.take().context("cargo test has no output")?;
    let mut complaints = 0;
    for line in BufReader::new(output).lines() {
        if let Some(complaint) = complaint(&line.context("read what cargo test prints")?) {
            println!("{complaint}");
            complaints += 1;
        }
    }
    let status = build.wait().context("wait for cargo test --no-run")?;
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

/// Passed and failed tests of the workspace.
fn rust_tests() -> Result<(usize, usize)> {
    let broker = Broker::start().context("start RabbitMQ")?;
    let mut tests = cargo_with_clippy()
        .args(["test", "--workspace", "--no-fail-fast"])
        .env("SHADOW_TEST_AMQP_URI", &broker.amqp_uri)
        .env("SHADOW_TEST_MANAGEMENT_URI", &broker.management_uri)
        .env(registry::VARIABLE, cluster::registry_program()?)
        .stdout(Stdio::piped())
        .spawn()
        .context("run cargo test")?;
    let output = tests.stdout.take().context("cargo test has no output")?;
    let (mut passed, mut failed) = (0, 0);
    for line in BufReader::new(output).lines() {
        let line = line.context("read what cargo test prints")?;
        println!("{line}");
        if let Some((p, f)) = counts(&line) {
            passed += p;
            failed += f;
        }
    }
    let status = tests.wait().context("wait for cargo test")?;
    drop(broker);
    if !status.success() && failed == 0 {
        bail!("cargo test ended with {status}");
    }
    Ok((passed, failed))
}

/// `test result: ok. 8 passed; 0 failed; …`
fn counts(line: &str) -> Option<(usize, usize)> {
    let rest = line.strip_prefix("test result: ")?;
    let number = |what: &str| -> Option<usize> {
        let before = rest.split(&format!(" {what}")).next()?;
        before.rsplit([' ', '.']).next()?.parse().ok()
    };
    Some((number("passed")?, number("failed")?))
}

#[cfg(test)]
mod tests {
    use super::{complaint, counts};

    #[test]
    fn what_the_compiler_says_is_a_complaint_and_nothing_else_is() {
        let said =
            r#"{"reason":"compiler-message","message":{"level":"warning","rendered":"warning: unused"}}"#;
        assert_eq!(complaint(said).as_deref(), Some("warning: unused"));
        assert_eq!(complaint(r#"{"reason":"compiler-artifact","target":{}}"#), None);
        assert_eq!(complaint("Compiling xtask"), None);
    }

    #[test]
    fn results_of_cargo_test_are_counted() {
        let line = "test result: FAILED. 7 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(counts(line), Some((7, 2)));
        assert_eq!(
            counts("test result: ok. 12 passed; 0 failed; 0 ignored"),
            Some((12, 0))
        );
        assert_eq!(counts("test a_test ... ok"), None);
    }
}
