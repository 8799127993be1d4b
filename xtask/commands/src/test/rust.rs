//! All Rust tests side by side, those of the broker protocol against a real RabbitMQ, those of checkpoint images against a
//! real registry.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use xtask::{Profile, Wanted};
use xtask_e2e::tally::Tally;
use xtask_lab::broker::UNLIMITED;
use xtask_lab::broker::server::Broker;
use xtask_lab::broker::trio::Trio;
use xtask_lab::cargo_tools::CargoTool;
use xtask_lab::cluster;

use crate::registry;

/// Runs all of them. Nothing else should run meanwhile: some measure how fast the broker answers.
pub(crate) fn run(tally: &mut Tally) {
    counted(tally, "unit, property and protocol tests", || {
        let broker = Broker::start().context("start RabbitMQ")?;
        on_one(&broker, &Broker::start_unlimited()?)
    });
}

/// Runs the protocol tests that break a broker of three nodes. They take minutes.
pub(crate) fn run_on_three(tally: &mut Tally) {
    counted(tally, "protocol tests on a broker of three nodes", || {
        let trio = Trio::start().context("start RabbitMQ on three nodes")?;
        let mut nextest = nextest()?;
        nextest.args(["--run-ignored", "only", "--filterset", "binary(protocol_trio)"]);
        tested(trio.inside(&nextest))
    });
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
}

fn counted(tally: &mut Tally, name: &str, run: impl FnOnce() -> Result<Counts>) {
    let begun = Instant::now();
    let counted = run();
    tally.took(name, begun.elapsed());
    let outcome = counted.and_then(|counts| {
        tally.add_passed(counts.passed);
        if counts.failed > 0 {
            bail!("{} Rust tests failed; their output is above", counts.failed);
        }
        Ok(())
    });
    tally.note(name, outcome);
}

fn on_one(broker: &Broker, unlimited: &Broker) -> Result<Counts> {
    let mut nextest = nextest()?;
    nextest
        .env("SHADOW_TEST_AMQP_URI", &broker.amqp_uri)
        .env("SHADOW_TEST_MANAGEMENT_URI", &broker.management_uri)
        .env(UNLIMITED, &unlimited.amqp_uri)
        .env(registry::VARIABLE, cluster::registry_program()?);
    tested(nextest)
}

fn nextest() -> Result<Command> {
    let mut nextest = xtask::cargo(&["nextest", "run"], Profile::Verify, Wanted::Everything);
    nextest.env("PATH", path_with(CargoTool::Nextest)?);
    // Its last line is read.
    nextest.args(["--color", "never"]);
    Ok(nextest)
}

fn tested(mut nextest: Command) -> Result<Counts> {
    nextest.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut process = nextest.spawn().context("run cargo nextest")?;
    let output = process.stderr.take().context("cargo nextest says nothing")?;
    let mut counted = None;
    for line in BufReader::new(output).lines() {
        let line = line.context("read what cargo nextest prints")?;
        println!("{line}");
        counted = counts(&line).or(counted);
    }
    let status = process.wait().context("wait for cargo nextest")?;
    match counted {
        Some(counts) if status.success() || counts.failed > 0 => Ok(counts),
        Some(_) | None => bail!("cargo nextest ended with {status}; what it says is above"),
    }
}

/// Cargo finds a command of its own on the path.
fn path_with(tool: CargoTool) -> Result<OsString> {
    let program = tool.path()?;
    let folder = program.parent().context("the tool lies in no folder")?;
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = [folder.to_path_buf()].into_iter().chain(env::split_paths(&path));
    env::join_paths(folders).context("put the tool on the path")
}

/// Passed and failed tests, from nextest's last line:
/// `Summary [  5.1s] 12 tests run: 10 passed (1 slow), 1 failed, 1 timed out, 0 skipped`.
fn counts(line: &str) -> Option<Counts> {
    let (_, rest) = line
        .trim_start()
        .strip_prefix("Summary [")?
        .split_once(" run: ")?;
    let number = |what: &str| -> usize {
        let before = rest.split(what).next().filter(|before| before.len() < rest.len());
        let number = before.and_then(|before| before.trim_end().rsplit([' ', '(']).next()?.parse().ok());
        number.unwrap_or(0)
    };
    let failed = number(" failed") + number(" timed out") + number(" exec failed");
    Some(Counts {
        passed: number(" passed"),
        failed,
    })
}

#[cfg(test)]
mod tests {
    use super::{Counts, counts};

    #[test]
    fn summary_of_nextest_is_counted() {
        let line =
            "     Summary [ 123.456s] 612 tests run: 609 passed (3 slow), 2 failed, 1 timed out, 4 skipped";
        assert_eq!(
            counts(line),
            Some(Counts {
                passed: 609,
                failed: 3
            })
        );
        let line = "     Summary [   0.012s] 3 tests run: 3 passed, 0 skipped";
        assert_eq!(counts(line), Some(Counts { passed: 3, failed: 0 }));
        assert_eq!(counts("        PASS [   0.012s] shadow-core a_test"), None);
    }
}
