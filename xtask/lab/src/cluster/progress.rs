//! One printed line per step: what, what came of it, how long it took.

use std::fmt::Display;
use std::io::Write as _;
use std::time::Instant;

/// A step that has begun; `done` ends its line, and dropped without it the line says that it failed.
#[must_use]
pub struct Step {
    started: Instant,
    done: bool,
}

/// Begins a step and prints its name.
pub fn step(name: &str) -> Step {
    print!("  {name:<22} ");
    flush();
    Step {
        started: Instant::now(),
        done: false,
    }
}

impl Step {
    /// Says on the same line what takes long now.
    pub fn doing(&self, what: impl Display) {
        print!("{what} … ");
        flush();
    }

    /// Ends the line with what came of the step.
    pub fn done(mut self, outcome: impl Display) {
        self.done = true;
        println!("{outcome}  ({:.1} s)", self.started.elapsed().as_secs_f64());
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.done {
            println!("failed  ({:.1} s)", self.started.elapsed().as_secs_f64());
        }
    }
}

/// A size as people read it.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        1_000_000_000.. => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

fn flush() {
    if let Err(error) = std::io::stdout().flush() {
        eprintln!("cannot print the progress: {error}");
    }
}
