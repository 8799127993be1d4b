//! What needs no cluster: formats, lints, generated files, and all Rust tests, those of the broker protocol against a
//! real RabbitMQ, those of checkpoint images against a real registry.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::tally::Tally;
use crate::broker::server::Broker;
use crate::{check, cluster, registry};

/// Runs all of it.
pub(crate) fn run(tally: &mut Tally) {
    tally.test("the code is formatted", || cargo(&["fmt", "--all", "--check"]));
    tally.test("generated files are up to date", || {
        check::run(check::Args::default())
    });
    tally.test("no lint complains", || {
        cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "--deny",
            "warnings",
        ])
    });
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

fn cargo_command() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn cargo(arguments: &[&str]) -> Result<()> {
    let status = cargo_command().args(arguments).status().context("run cargo")?;
    if !status.success() {
        bail!("cargo {} ended with {status}", arguments.join(" "));
    }
    Ok(())
}

/// Passed and failed tests of the workspace.
fn rust_tests() -> Result<(usize, usize)> {
    let broker = Broker::start().context("start RabbitMQ")?;
    let mut tests = cargo_command()
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
    use super::counts;

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
