//! What takes minutes to make from cold is made while something else is compiled: it waits for the network as much as it
//! computes, and the long builds have the lowest priority.

use std::fs;
use std::process::{Child, Command};

use anyhow::{Context, Result, ensure};
use tempfile::NamedTempFile;

use xtask_lab::cluster::OWN_PROGRAM;

/// Commands of this program that make something for later, and what.
const BROKER: (&str, &[&str]) = ("RabbitMQ is in the cache", &["broker", "fetch"]);
const CLUSTER: (&str, &[&str]) = ("Kubernetes and its nodes are in the cache", &["cluster", "fetch"]);

/// Everything that is being made. Dropped, it goes on.
pub(crate) struct Ahead(Vec<Errand>);

/// One thing that is being made.
pub(crate) struct Errand {
    /// What is true when it is done.
    pub(crate) name: &'static str,
    process: Child,
    said: NamedTempFile,
}

impl Ahead {
    /// Begins all that a cluster needs.
    pub(crate) fn for_a_cluster() -> Result<Self> {
        Self::begin(&[BROKER, CLUSTER])
    }

    /// Begins what the Rust tests need.
    pub(crate) fn for_rust_tests() -> Result<Self> {
        Self::begin(&[BROKER])
    }

    fn begin(errands: &[(&'static str, &[&str])]) -> Result<Self> {
        let begun = errands
            .iter()
            .map(|(name, arguments)| Errand::begin(name, arguments));
        begun.collect::<Result<Vec<_>>>().map(Self)
    }

    /// Each of it, to be waited for.
    pub(crate) fn errands(self) -> Vec<Errand> {
        self.0
    }
}

impl Errand {
    fn begin(name: &'static str, arguments: &[&str]) -> Result<Self> {
        let said = NamedTempFile::new().context("open a file for what is said")?;
        // One position for both: opened twice, one would write over the other.
        let share = || said.as_file().try_clone().context("share a file");
        let process = Command::new(OWN_PROGRAM)
            .args(arguments)
            .stdout(share()?)
            .stderr(share()?)
            .spawn()
            .with_context(|| format!("start {}", arguments.join(" ")))?;
        Ok(Self { name, process, said })
    }

    /// Waits for it, and prints what was said.
    pub(crate) fn finish(mut self) -> Result<()> {
        let status = self.process.wait().context("wait for it")?;
        let said = fs::read(self.said.path()).context("read what was said")?;
        println!("{}", String::from_utf8_lossy(&said).trim_end());
        ensure!(status.success(), "it ended with {status}; its words are above");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errand_that_fails_is_a_failure() {
        // This program is the test's own: it knows how to list its tests.
        let listing = Errand::begin("lists", &["--list", "errand_that_fails"]).unwrap();
        listing.finish().unwrap();
        let failing = Errand::begin("fails", &["--no-such-option"]).unwrap();
        let error = failing.finish().unwrap_err().to_string();
        assert!(error.starts_with("it ended with exit status"), "{error}");
    }
}
