//! Of which version, and on which machine.

use std::fs;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};

use xtask_lab::images::binaries;
use xtask_lab::stage::capture;

/// Stands in every row, so that rows of several runs can be put together.
pub(crate) struct Origin {
    pub(crate) commit: String,
    pub(crate) machine: String,
}

impl Origin {
    /// Of this source tree and this machine.
    pub(crate) fn here() -> Result<Self> {
        let mut git = Command::new("git");
        git.current_dir(binaries::workspace());
        git.args(["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]);
        let commit = capture(git).context("ask git for the commit")?.trim().to_owned();
        let cores = thread::available_parallelism().context("count the cores")?;
        let memory = fs::read_to_string("/proc/meminfo").context("read the size of the memory")?;
        let memory = gigabytes(&memory).context("the size of the memory is not told")?;
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").context("read the kernel's version")?;
        let machine = format!("{cores} cores, {memory} GB, Linux {}", version(&kernel));
        Ok(Self { commit, machine })
    }
}

/// `MemTotal:       24604000 kB`
fn gigabytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((kilobytes + (1 << 19)) >> 20)
}

/// What a vendor adds says where it was built, not what it is.
fn version(release: &str) -> &str {
    release.trim().split('-').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_machine_is_told_in_round_numbers() {
        assert_eq!(
            super::gigabytes("MemTotal:       24604000 kB\nMemFree: 1 kB"),
            Some(23)
        );
        assert_eq!(super::gigabytes("MemFree: 1 kB"), None);
        assert_eq!(super::version("6.18.5-vendor.1\n"), "6.18.5");
    }
}
