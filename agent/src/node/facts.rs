//! What a node can do: versions and CPU features, compared before anything is frozen.

use std::fs;
use std::path::Path;
use std::process::Command;

use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};
use nix::sys::utsname::uname;
use sha2::{Digest, Sha256};
use shadow_core::wire::{Cgroups, NodeFacts};

use super::{NodeError, capabilities, runc};
use crate::install;

/// Reads the facts. Runs in the node's namespaces.
pub fn read() -> Result<NodeFacts, NodeError> {
    let system = uname().map_err(NodeError::call("read the kernel's name"))?;
    let criu = runc::find_program("criu", None)?;
    let runc = runc::find()?;
    Ok(NodeFacts {
        agent: env!("CARGO_PKG_VERSION").to_owned(),
        architecture: system.machine().to_string_lossy().into_owned(),
        kernel: system.release().to_string_lossy().into_owned(),
        criu: first_line(&criu)?,
        runtime: first_line(&runc)?,
        cpu_features: cpu_features()?,
        handler: install::is_installed(),
        lacks: capabilities::lacking()?,
        cgroups: Some(cgroups()?),
    })
}

/// Beside hierarchies of v1, one of v2 lies in a folder of its own.
pub fn cgroups() -> Result<Cgroups, NodeError> {
    let mounted = statfs("/sys/fs/cgroup").map_err(NodeError::call("look at /sys/fs/cgroup"))?;
    Ok(if mounted.filesystem_type() == CGROUP2_SUPER_MAGIC {
        Cgroups::V2
    } else {
        Cgroups::V1
    })
}

fn first_line(program: &Path) -> Result<String, NodeError> {
    let output = Command::new(program)
        .arg("--version")
        .output()
        .map_err(NodeError::at("start", program))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().unwrap_or_default().trim();
    Ok(line.trim_start_matches("Version:").trim().to_owned())
}

fn cpu_features() -> Result<String, NodeError> {
    let path = Path::new("/proc/cpuinfo");
    let text = fs::read_to_string(path).map_err(NodeError::at("read", path))?;
    let line = text
        .lines()
        .find(|line| line.starts_with("flags") || line.starts_with("Features"));
    let flags = line
        .and_then(|line| line.split_once(':'))
        .map_or("", |(_, flags)| flags);
    let mut flags: Vec<&str> = flags.split_whitespace().collect();
    flags.sort_unstable();
    Ok(hex::encode(Sha256::digest(flags.join(" "))))
}
