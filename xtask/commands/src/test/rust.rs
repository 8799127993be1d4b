//! All Rust tests side by side, those of the broker protocol against a real RabbitMQ, those of checkpoint images against a
//! real registry.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};

use xtask::{Profile, Wanted};
use xtask_e2e::tally::Tally;
use xtask_lab::broker::server::Broker;
use xtask_lab::cargo_tools::CargoTool;
use xtask_lab::cluster;

use crate::registry;

/// Rust tests that run while a cluster is started. Most of them wait for the broker.
pub(crate) struct RustTests(JoinHandle<Result<Outcome>>);

struct Outcome {
    passed: usize,
    failed: usize,
    /// Everything that was printed: it is shown when the tests have ended, so that nothing else stands between its lines.
    said: String,
    seconds: f64,
}

impl RustTests {
    /// Begins them.
    pub(crate) fn begin() -> Self {
        Self(thread::spawn(run))
    }

    /// Waits for all of them.
    pub(crate) fn finish(self, tally: &mut Tally) {
        let name = "unit, property and protocol tests";
        let outcome = self
            .0
            .join()
            .unwrap_or_else(|_| Err(anyhow!("the runner panicked")));
        let outcome = outcome.and_then(|outcome| {
            println!("{}", outcome.said.trim_end());
            println!("     {name}: {:.1} s", outcome.seconds);
            tally.add_passed(outcome.passed);
            if outcome.failed > 0 {
                bail!("{} Rust tests failed; their output is above", outcome.failed);
            }
            Ok(())
        });
        tally.note(name, outcome);
    }
}

fn run() -> Result<Outcome> {
    let begun = Instant::now();
    let broker = Broker::start().context("start RabbitMQ")?;
    let mut outcome = with(&broker)?;
    drop(broker);
    outcome.seconds = begun.elapsed().as_secs_f64();
    Ok(outcome)
}

fn with(broker: &Broker) -> Result<Outcome> {
    let mut nextest = xtask::cargo(&["nextest", "run"], Profile::Verify, Wanted::Everything);
    nextest.env("PATH", path_with(CargoTool::Nextest)?);
    nextest
        .env("SHADOW_TEST_AMQP_URI", &broker.amqp_uri)
        .env("SHADOW_TEST_MANAGEMENT_URI", &broker.management_uri)
        .env(registry::VARIABLE, cluster::registry_program()?)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut process = nextest.spawn().context("run cargo nextest")?;
    let output = process.stderr.take().context("cargo nextest says nothing")?;
    let (mut said, mut counted) = (String::new(), None);
    for line in BufReader::new(output).lines() {
        let line = line.context("read what cargo nextest prints")?;
        counted = counts(&line).or(counted);
        said.push_str(&line);
        said.push('\n');
    }
    let status = process.wait().context("wait for cargo nextest")?;
    let Some((passed, failed)) = counted else {
        bail!("cargo nextest ended with {status} and counted nothing:\n{said}");
    };
    if !status.success() && failed == 0 {
        bail!("cargo nextest ended with {status}:\n{said}");
    }
    Ok(Outcome {
        passed,
        failed,
        said,
        seconds: 0.0,
    })
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
fn counts(line: &str) -> Option<(usize, usize)> {
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
    Some((number(" passed"), failed))
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn summary_of_nextest_is_counted() {
        let line =
            "     Summary [ 123.456s] 612 tests run: 609 passed (3 slow), 2 failed, 1 timed out, 4 skipped";
        assert_eq!(counts(line), Some((609, 3)));
        let line = "     Summary [   0.012s] 3 tests run: 3 passed, 0 skipped";
        assert_eq!(counts(line), Some((3, 0)));
        assert_eq!(counts("        PASS [   0.012s] shadow-core a_test"), None);
    }
}
