//! Counts what passed and what did not.

use std::time::{Duration, Instant};

use anyhow::Result;

/// The count.
#[derive(Default)]
pub struct Tally {
    passed: usize,
    failures: Vec<String>,
    stops: bool,
}

impl Tally {
    /// One that is over at the first failure, if so wanted.
    #[must_use]
    pub fn stopping(stops: bool) -> Self {
        Self {
            stops,
            ..Self::default()
        }
    }

    /// Whether nothing more is to be run.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stops && self.failed() > 0
    }

    /// Runs one named test. Says whether it passed.
    pub fn test(&mut self, name: &str, test: impl FnOnce() -> Result<()>) -> bool {
        println!("test {name} ...");
        let started = Instant::now();
        let outcome = test();
        self.took(name, started.elapsed());
        let passed = outcome.is_ok();
        self.note(name, outcome);
        passed
    }

    /// Says how long a test took.
    pub fn took(&mut self, name: &str, time: Duration) {
        println!("     {name}: {:.1} s", time.as_secs_f64());
    }

    /// Takes in one outcome.
    pub fn note(&mut self, name: &str, outcome: Result<()>) {
        match outcome {
            Ok(()) => {
                println!("  ok {name}");
                self.passed += 1;
            }
            Err(error) => {
                println!("FAIL {name}: {error:#}");
                self.failures.push(format!("{name}: {error:#}"));
            }
        }
    }

    /// Takes in what another runner counted.
    pub fn add_passed(&mut self, passed: usize) {
        self.passed += passed;
    }

    /// How many passed.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.passed
    }

    /// Every failure with its reason.
    #[must_use]
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// How many failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.failures.len()
    }

    /// The failures again, and the count as the last line.
    pub fn print(&self) {
        println!();
        for failure in &self.failures {
            println!("FAIL {failure}");
        }
        println!("{} passed, {} failed", self.passed, self.failures.len());
    }
}
