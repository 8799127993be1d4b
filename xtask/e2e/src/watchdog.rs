//! No test waits for ever: what one has started is ended when it takes longer than any does, so that it fails with a
//! reason and the others still run.

use std::collections::BTreeSet;
use std::fs;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Between two looks at a test that was told to end: it may have started something else.
const AGAIN: Duration = Duration::from_secs(5);

/// Runs `test`. After `limit` it prints what the test waits for and what `seen` tells, and ends every process that the test has
/// started. The test then fails, whatever it returns.
pub(super) fn watched(
    limit: Duration,
    seen: impl FnOnce() -> String + Send,
    test: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let before = children()?;
    let (ended, end) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let watchdog = scope.spawn(move || match end.recv_timeout(limit) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => false,
            Err(RecvTimeoutError::Timeout) => {
                println!("     it has run for {} s:\n{}", limit.as_secs(), seen());
                while let Err(RecvTimeoutError::Timeout) = end.recv_timeout(AGAIN) {
                    end_children_but(&before);
                }
                true
            }
        });
        let outcome = test();
        drop(ended);
        let late = watchdog.join().map_err(|_| anyhow!("the watchdog panicked"))?;
        match (late, outcome) {
            (false, outcome) => outcome,
            (true, Ok(())) => Err(anyhow!("it took longer than {} s", limit.as_secs())),
            (true, Err(error)) => Err(error.context(format!(
                "it was ended because it had run for {} s",
                limit.as_secs()
            ))),
        }
    })
}

fn end_children_but(before: &BTreeSet<i32>) {
    let now = match children() {
        Ok(now) => now,
        Err(error) => return println!("     {error:#}"),
    };
    for child in now.difference(before) {
        let command = fs::read_to_string(format!("/proc/{child}/cmdline")).unwrap_or_default();
        println!("     ending {child}: {}", command.replace('\0', " "));
        if let Err(error) = kill(Pid::from_raw(*child), Signal::SIGKILL) {
            println!("     process {child} cannot be ended: {error}");
        }
    }
}

/// Processes that any thread of this process has started and that are not waited for yet.
fn children() -> Result<BTreeSet<i32>> {
    let mut found = BTreeSet::new();
    for thread in fs::read_dir("/proc/self/task").context("list the threads of this process")? {
        // A thread that ended in between has handed its children on.
        let listed = fs::read_to_string(thread?.path().join("children")).unwrap_or_default();
        found.extend(
            listed
                .split_whitespace()
                .filter_map(|pid| pid.parse::<i32>().ok()),
        );
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use anyhow::{Context, ensure};

    use super::watched;

    #[test]
    fn what_is_in_time_keeps_its_outcome() {
        let limit = Duration::from_secs(60);
        watched(limit, String::new, || Ok(())).unwrap();
        let error = watched(limit, String::new, || anyhow::bail!("broken")).unwrap_err();
        assert_eq!(error.to_string(), "broken");
    }

    #[test]
    fn a_test_that_waits_for_a_process_is_ended_with_it() {
        let started = Instant::now();
        let error = watched(Duration::from_millis(50), String::new, || {
            let status = Command::new("sleep").arg("600").status().context("run sleep")?;
            ensure!(status.success(), "sleep ended with {status}");
            Ok(())
        })
        .unwrap_err();
        let told = format!("{error:#}");
        assert!(
            told.contains("had run for 0 s") && told.contains("signal: 9"),
            "{told}"
        );
        assert!(started.elapsed() < Duration::from_secs(60));
    }
}
