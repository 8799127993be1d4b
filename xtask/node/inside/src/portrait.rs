//! What a container is like, seen from the node.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;
use shadow_agent::layout;
use shadow_agent::node::ContainerId;

use crate::pods::Subject;

const KINDS: [&str; 8] = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];
/// Where the kernel shows itself.
const KERNELS: [&str; 3] = ["/proc", "/sys", "/dev"];
/// Of `/proc/PID/status`: what a process may do.
const RIGHTS: [&str; 11] = [
    "Uid",
    "Gid",
    "Groups",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
    "Seccomp",
    "Seccomp_filters",
];

/// Whose namespace a process is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Node,
    Pod,
    Own,
}

/// A container from outside. What differs between any two containers is told in their own terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Portrait {
    pub(crate) namespaces: BTreeMap<&'static str, Whose>,
    /// Mounts below `/proc`, `/sys` and `/dev`: place, kind, whether read-only, what is shown.
    pub(crate) mounts: BTreeSet<String>,
    /// Rights of each process, by what it runs.
    pub(crate) rights: BTreeMap<String, String>,
    /// Cgroups of its processes that are not the container's.
    pub(crate) strays: Vec<String>,
    /// Limits in the container's cgroup.
    pub(crate) limits: BTreeMap<&'static str, String>,
}

impl Portrait {
    pub(crate) fn of(subject: &Subject) -> Result<Self> {
        let state = State::of(&subject.id)?;
        let pause = State::of(&subject.sandbox)?;
        let process = of_process(state.first);
        let cgroup = own_cgroup(&process)?;
        let mut rights = BTreeMap::new();
        let mut strays = Vec::new();
        for pid in read(&state.cgroup.join("cgroup.procs"))?.lines() {
            let folder = Path::new("/proc").join(pid);
            rights.insert(command(&folder)?, rights_of(&folder)?);
            let its = own_cgroup(&folder)?;
            if its != cgroup {
                strays.push(its);
            }
        }
        let limit = |name: &'static str| Ok((name, read(&state.cgroup.join(name))?.trim().to_owned()));
        Ok(Self {
            namespaces: namespaces(&process, &of_process(pause.first))?,
            mounts: mounts(&read(&process.join("mountinfo"))?, &cgroup),
            rights,
            strays,
            limits: ["memory.max", "cpu.max", "cpu.weight", "pids.max"]
                .into_iter()
                .map(limit)
                .collect::<Result<_>>()?,
        })
    }
}

/// What runc keeps of a container.
pub(crate) struct State {
    pub(crate) first: u64,
    pub(crate) cgroup: PathBuf,
}

impl State {
    pub(crate) fn of(id: &ContainerId) -> Result<Self> {
        let path = layout::runc_state(id);
        let state: Value = serde_json::from_str(&read(&path)?)?;
        let first = state["init_process_pid"].as_u64();
        let cgroup = state["cgroup_paths"][""].as_str();
        Ok(Self {
            first: first.with_context(|| format!("{} names no process", path.display()))?,
            cgroup: cgroup
                .with_context(|| format!("{} names no cgroup of v2", path.display()))?
                .into(),
        })
    }
}

fn of_process(pid: u64) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

fn own_cgroup(process: &Path) -> Result<String> {
    let text = read(&process.join("cgroup"))?;
    let unified = text.lines().find_map(|line| line.strip_prefix("0::"));
    Ok(unified.context("a process has no cgroup of v2")?.to_owned())
}

fn namespaces(process: &Path, pause: &Path) -> Result<BTreeMap<&'static str, Whose>> {
    let of = |process: &Path, kind: &str| {
        let path = process.join("ns").join(kind);
        let found = fs::metadata(&path).with_context(|| format!("look at {}", path.display()))?;
        anyhow::Ok((found.dev(), found.ino()))
    };
    let mut found = BTreeMap::new();
    for kind in KINDS {
        let its = of(process, kind)?;
        let whose = if its == of(Path::new("/proc/1"), kind)? {
            Whose::Node
        } else if its == of(pause, kind)? {
            Whose::Pod
        } else {
            Whose::Own
        };
        found.insert(kind, whose);
    }
    Ok(found)
}

/// The kernel's file systems and what hides parts of them.
fn mounts(mountinfo: &str, cgroup: &str) -> BTreeSet<String> {
    let described = mountinfo.lines().filter_map(|line| {
        let (mount, system) = line.split_once(" - ")?;
        let mount: Vec<&str> = mount.split(' ').collect();
        let (root, at, flags) = (mount.get(3)?, mount.get(4)?, mount.get(5)?);
        let kind = system.split(' ').next()?;
        let options = system.split(' ').nth(2)?;
        if !KERNELS.iter().any(|kernels| at.starts_with(kernels)) {
            return None;
        }
        let is_set = |flag: &str| flags.split(',').chain(options.split(',')).any(|set| set == flag);
        let access = if is_set("ro") { "read-only" } else { "writable" };
        // Volumes of kubelet and files of the sandbox have other paths in each pod.
        let shown = match kind {
            "cgroup2" if *root == cgroup => "its own cgroup",
            "cgroup2" | "proc" | "sysfs" => root,
            _ if *root == "/null" => "null",
            _ => "its own",
        };
        Some(format!("{at} {kind} {access}, shows {shown}"))
    });
    described.collect()
}

fn command(process: &Path) -> Result<String> {
    Ok(read(&process.join("cmdline"))?
        .trim_end_matches('\0')
        .replace('\0', " "))
}

fn rights_of(process: &Path) -> Result<String> {
    let status = read(&process.join("status"))?;
    let mut told: Vec<String> = RIGHTS
        .iter()
        .filter_map(|name| {
            let line = status.lines().find(|line| line.split(':').next() == Some(name))?;
            Some(line.split_whitespace().collect::<Vec<_>>().join(" "))
        })
        .collect();
    told.push(format!(
        "AppArmor: {}",
        read(&process.join("attr/apparmor/current"))?.trim()
    ));
    told.push(format!(
        "oom_score_adj: {}",
        read(&process.join("oom_score_adj"))?.trim()
    ));
    Ok(told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_told_in_terms_of_the_container() {
        let text = "1 0 0:1 / / rw - overlay overlay rw\n2 1 0:2 / /proc rw - proc proc rw\n\
                    4 3 0:4 /kubepods/a /sys/fs/cgroup ro - cgroup2 cgroup rw\n5 2 0:5 /null /proc/kcore rw - tmpfs t rw\n\
                    6 3 0:6 / /sys/firmware rw - tmpfs tmpfs ro\n7 1 8:1 /var/lib/x /dev/termination-log rw - ext4 d rw\n";
        let told: Vec<String> = mounts(text, "/kubepods/a").into_iter().collect();
        assert_eq!(
            told,
            [
                "/dev/termination-log ext4 writable, shows its own",
                "/proc proc writable, shows /",
                "/proc/kcore tmpfs writable, shows null",
                "/sys/firmware tmpfs read-only, shows its own",
                "/sys/fs/cgroup cgroup2 read-only, shows its own cgroup",
            ]
        );
        assert!(
            mounts(text, "/kubepods/b").contains("/sys/fs/cgroup cgroup2 read-only, shows /kubepods/a"),
            "the cgroup of another"
        );
    }
}
