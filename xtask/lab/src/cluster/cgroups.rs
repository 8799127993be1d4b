//! The nodes' cgroups: one top-level cgroup per node in every hierarchy, nothing outside of them is touched.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::errno::Errno;

use super::layout::{Layout, NODES, Node};

const MOUNTED: &str = "/sys/fs/cgroup";

/// Makes the node's cgroup in every hierarchy the kubelet uses.
pub(super) fn create(layout: &Layout, node: Node) -> anyhow::Result<()> {
    for hierarchy in hierarchies()? {
        // A unified hierarchy beside others has no controllers: the kubelet does not look at it.
        if hierarchy.ends_with("unified") {
            continue;
        }
        let cgroup = hierarchy.join(layout.cgroup(node));
        fs::create_dir_all(&cgroup).with_context(|| format!("creating the cgroup {}", cgroup.display()))?;
        // A new cpuset has no processors and no memory, and nothing can run in it.
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let (from, to) = (hierarchy.join(file), cgroup.join(file));
            if from.exists() {
                let value =
                    fs::read_to_string(&from).with_context(|| format!("reading {}", from.display()))?;
                fs::write(&to, value.trim()).with_context(|| format!("writing {}", to.display()))?;
            }
        }
    }
    Ok(())
}

/// The top-level cgroups of ours that exist.
pub(super) fn existing(layout: &Layout) -> anyhow::Result<Vec<PathBuf>> {
    let ours = NODES.into_iter().map(|node| layout.cgroup(node));
    let hierarchies = hierarchies()?;
    Ok(ours
        .flat_map(|name| hierarchies.iter().map(move |hierarchy| hierarchy.join(&name)))
        .filter(|cgroup| cgroup.exists())
        .collect())
}

/// Removes our cgroups; says whether all are gone (one is busy as long as a process in it is dying).
pub(super) fn remove(layout: &Layout) -> anyhow::Result<bool> {
    let mut all = true;
    for cgroup in existing(layout)? {
        all &= remove_tree(&cgroup)?;
    }
    Ok(all)
}

/// Children first: the kernel removes only a cgroup without any.
fn remove_tree(cgroup: &Path) -> anyhow::Result<bool> {
    let entries = match fs::read_dir(cgroup) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error).with_context(|| format!("reading the cgroup {}", cgroup.display())),
    };
    let mut all = true;
    for entry in entries {
        let entry = entry.with_context(|| format!("reading the cgroup {}", cgroup.display()))?;
        if entry
            .file_type()
            .with_context(|| format!("looking at {}", entry.path().display()))?
            .is_dir()
        {
            all &= remove_tree(&entry.path())?;
        }
    }
    match fs::remove_dir(cgroup) {
        Ok(()) => Ok(all),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(all),
        Err(error) if error.raw_os_error() == Some(Errno::EBUSY as i32) => Ok(false),
        Err(error) => Err(error).with_context(|| format!("removing the cgroup {}", cgroup.display())),
    }
}

/// The hierarchies: one folder per controller of version 1, or the one folder of version 2.
fn hierarchies() -> anyhow::Result<Vec<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").context("reading the mounts")?;
    let mut found = Vec::new();
    for line in mounts.lines() {
        let at = line.split(' ').nth(4).unwrap_or_default();
        let kind = line
            .split(" - ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next())
            .unwrap_or_default();
        if at.starts_with(MOUNTED) && matches!(kind, "cgroup" | "cgroup2") {
            found.push(PathBuf::from(at));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}
