//! What CRIU really prints when it fails: small processes that it cannot dump or restore, dumped and restored by the CRIU of the
//! local cluster's nodes.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cluster;

/// The processes, and what is done to them.
const PRINT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/criu/print.py");

/// A failure as CRIU logged it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// What was wrong, and whether the dump or the restore failed: `mptcp.dump`.
    pub name: String,
    /// All that CRIU said.
    pub text: String,
}

/// Version of that CRIU.
///
/// # Errors
///
/// It cannot be fetched or does not run.
pub fn version() -> Result<String> {
    let tree = cluster::debian_tree()?;
    let mut program = Command::new(tree.join("lib64/ld-linux-x86-64.so.2"));
    program
        .arg("--library-path")
        .arg(tree.join("usr/lib/x86_64-linux-gnu"));
    let output = program
        .arg(tree.join("usr/sbin/criu"))
        .arg("--version")
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.lines().find_map(|line| line.strip_prefix("Version: "));
    version.map(str::to_owned).context("criu --version says nothing")
}

/// Lets CRIU fail in every way that is known, in a network of its own.
///
/// # Errors
///
/// A process could not be made, or CRIU did not fail.
pub fn print() -> Result<Vec<Log>> {
    let folder = tempfile::tempdir().context("make a folder for CRIU's logs")?;
    let mut command = Command::new("unshare");
    command.args(["--net", "python3", PRINT]);
    command.arg(cluster::debian_tree()?).arg(folder.path());
    let output = command.output().context("run python3 in a network of its own")?;
    if !output.status.success() {
        bail!(
            "{PRINT} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let mut logs = Vec::new();
    for entry in fs::read_dir(folder.path()).context("read CRIU's logs")? {
        let entry = entry.context("read CRIU's logs")?;
        let text = fs::read(entry.path()).with_context(|| format!("read {}", entry.path().display()))?;
        logs.push(Log {
            name: entry.file_name().to_string_lossy().into_owned(),
            text: String::from_utf8_lossy(&text).into_owned(),
        });
    }
    logs.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(logs)
}
