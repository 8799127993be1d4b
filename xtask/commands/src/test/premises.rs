//! `cargo xtask test --only premises --mutate`: takes one piece of evidence after the other for seen, and shows which test misses
//! it. One that no test misses guards nothing, and is this command's failure.
//!
//! The faults are in the unit tests of the core alone (`core/src/premise/mutant.rs`), so the tests are compiled once.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// What `--only` has to name.
pub(super) const NAME: &str = "premises";
/// Names the fault that is put in.
const VARIABLE: &str = "SHADOW_TAKE_FOR_SEEN";

/// Puts in every fault and prints what found it.
pub(super) fn run() -> Result<()> {
    let clean = tests(None, &[])?;
    ensure!(
        clean.failed.is_empty(),
        "without any fault these tests fail: {}",
        clean.failed.join(", ")
    );
    let faults = faults()?;
    let width = faults.iter().map(String::len).max().unwrap_or_default();
    println!("{:width$}  test that fails when it is taken for seen", "evidence");
    let mut survivors = Vec::new();
    for fault in &faults {
        let found = tests(Some(fault), &[])?.failed;
        let (first, more) = match found.as_slice() {
            [] => ("NONE", 0),
            [first, more @ ..] => (first.as_str(), more.len()),
        };
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        println!("{fault:width$}  {first}{more}");
        if found.is_empty() {
            survivors.push(fault.as_str());
        }
    }
    ensure!(survivors.is_empty(), "no test misses {}", survivors.join(", "));
    println!("{} pieces of evidence, each is missed by a test", faults.len());
    Ok(())
}

/// What a run of the tests came to.
struct Ran {
    failed: Vec<String>,
    said: String,
}

fn tests(fault: Option<&str>, more: &[&str]) -> Result<Ran> {
    let mut cargo = Command::new(xtask::cargo_program());
    cargo.current_dir(xtask::workspace());
    cargo.args([
        "test",
        "--quiet",
        "--package",
        "shadow-core",
        "--lib",
        "--",
        "premise::",
    ]);
    cargo.args(["--format", "pretty"]).args(more);
    match fault {
        Some(fault) => cargo.env(VARIABLE, fault),
        None => cargo.env_remove(VARIABLE),
    };
    let output = cargo.output().context("run the unit tests of the core")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed: Vec<String> = said.lines().filter_map(failed_test).collect();
    if !output.status.success() && failed.is_empty() {
        bail!(
            "the tests ended with {} and none of them failed:\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(Ran { failed, said })
}

/// As the tests themselves list them.
fn faults() -> Result<Vec<String>> {
    let said = tests(None, &["--nocapture"])?.said;
    let faults: Vec<String> = said.lines().filter_map(listed).collect();
    ensure!(!faults.is_empty(), "the unit tests of the core list no fault");
    Ok(faults)
}

fn failed_test(line: &str) -> Option<String> {
    let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
    Some(name.to_owned())
}

/// With other output of the tests before it on its line, perhaps.
fn listed(line: &str) -> Option<String> {
    Some(line.split_once("fault: ")?.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_tests_and_listed_faults_are_read() {
        let line = "test premise::tests::nothing_false_and_nothing_unseen_is_exact ... FAILED";
        assert_eq!(
            failed_test(line).as_deref(),
            Some("premise::tests::nothing_false_and_nothing_unseen_is_exact")
        );
        assert_eq!(failed_test("test premise::tests::x ... ok"), None);
        assert_eq!(listed("fault: the image").as_deref(), Some("the image"));
        assert_eq!(
            listed("test premise::mutant::faults_are_listed ... fault: OnlyConsumer").as_deref(),
            Some("OnlyConsumer")
        );
        assert_eq!(listed("test result: ok. 12 passed"), None);
    }
}
