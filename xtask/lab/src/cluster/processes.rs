//! Finding the processes of a cluster from outside, by what the kernel says of them; nothing is written down.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid};

use super::layout::{Layout, MARKER, NODES, Node};

/// A process as seen from this pid namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub pid: i32,
    pub command: Vec<String>,
}

impl Process {
    /// The process as one line for a person.
    pub(super) fn describe(&self) -> String {
        format!("process {} ({})", self.pid, self.command.join(" "))
    }

    /// What a file of the process's folder in /proc holds, or nothing once it is gone.
    fn file(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(format!("/proc/{}/{name}", self.pid)).ok()
    }

    fn link(&self, name: &str) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/{name}", self.pid)).ok()
    }

    fn is_first_of_namespace(&self) -> bool {
        let status = self.file("status").unwrap_or_default();
        let status = String::from_utf8_lossy(&status);
        let ids = status
            .lines()
            .find_map(|line| line.strip_prefix("NSpid:"))
            .unwrap_or_default();
        let ids: Vec<_> = ids.split_whitespace().collect();
        ids.len() > 1 && ids.last() == Some(&"1")
    }

    fn runs(&self, program: &Path, arguments: &[&str]) -> bool {
        let mut command = self.command.iter();
        command.next().is_some_and(|first| Path::new(first) == program) && command.eq(arguments.iter())
    }
}

/// The first process of the box, if there is one.
pub(super) fn box_init(layout: &Layout) -> anyhow::Result<Option<Process>> {
    init(layout, &["cluster", "box-init"])
}

/// The first process of a node, if there is one.
pub(super) fn node_init(layout: &Layout, node: Node) -> anyhow::Result<Option<Process>> {
    init(layout, &["cluster", "node-init", node.name])
}

/// The process of a program in a node's own namespaces, not in its pods.
pub(super) fn on_node(layout: &Layout, node: Node, program: &Path) -> anyhow::Result<Option<Process>> {
    let Some(init) = node_init(layout, node)? else {
        return Ok(None);
    };
    let (network, ids) = (init.link("ns/net"), init.link("ns/pid"));
    Ok(all()?.into_iter().find(|process| {
        process
            .command
            .first()
            .is_some_and(|first| Path::new(first) == program)
            && process.link("ns/net") == network
            && process.link("ns/pid") == ids
    }))
}

/// Every process that belongs to the cluster: by its environment, its cgroup, or its network namespace.
///
/// The network of a box that is gone has no first process any more; the caller remembers it in `networks`.
pub(super) fn owned(layout: &Layout, networks: &[PathBuf]) -> anyhow::Result<Vec<Process>> {
    let marker = [MARKER.as_bytes(), b"=", layout.run.as_os_str().as_bytes()].concat();
    let cgroups: Vec<_> = NODES
        .iter()
        .map(|node| format!("/{}", layout.cgroup(*node)))
        .collect();
    let spared = ancestry()?;
    let is_owned = |process: &Process| {
        let marked = process
            .file("environ")
            .is_some_and(|all| all.split(|byte| *byte == 0).any(|one| one == marker));
        let inside = process.file("cgroup").is_some_and(|text| {
            let text = String::from_utf8_lossy(&text).into_owned();
            text.lines()
                .filter_map(|line| line.splitn(3, ':').nth(2))
                .any(|path| {
                    cgroups
                        .iter()
                        .any(|ours| path == ours || path.starts_with(&format!("{ours}/")))
                })
        });
        marked
            || inside
            || process
                .link("ns/net")
                .is_some_and(|network| networks.contains(&network))
    };
    Ok(all()?
        .into_iter()
        .filter(|process| !spared.contains(&process.pid))
        .filter(is_owned)
        .collect())
}

/// The network namespaces of the box and its nodes.
pub(super) fn networks(layout: &Layout) -> anyhow::Result<Vec<PathBuf>> {
    let mut inits: Vec<_> = box_init(layout)?.into_iter().collect();
    for node in NODES {
        inits.extend(node_init(layout, node)?);
    }
    let own = fs::read_link("/proc/self/ns/net").context("reading the own network namespace")?;
    Ok(inits
        .iter()
        .filter_map(|init| init.link("ns/net"))
        .filter(|network| *network != own)
        .collect())
}

/// Ends a process at once; one that is gone already is as good.
pub(super) fn end(process: &Process) -> anyhow::Result<()> {
    match kill(Pid::from_raw(process.pid), Signal::SIGKILL) {
        Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("ending {}", process.describe())),
    }
}

fn init(layout: &Layout, arguments: &[&str]) -> anyhow::Result<Option<Process>> {
    let program = layout.program();
    Ok(all()?
        .into_iter()
        .find(|process| process.runs(&program, arguments) && process.is_first_of_namespace()))
}

fn all() -> anyhow::Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("reading /proc")? {
        let name = entry.context("reading /proc")?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process may end while we look at it.
        let Ok(command) = fs::read(format!("/proc/{pid}/cmdline")) else {
            continue;
        };
        let command = command.split(|byte| *byte == 0).filter(|part| !part.is_empty());
        let command: Vec<_> = command
            .map(|part| String::from_utf8_lossy(part).into_owned())
            .collect();
        if !command.is_empty() {
            found.push(Process { pid, command });
        }
    }
    Ok(found)
}

/// This process and those above it: `down` from a shell of the cluster must not end its own caller.
fn ancestry() -> anyhow::Result<Vec<i32>> {
    let mut pid = getpid().as_raw();
    let mut found = Vec::new();
    while pid > 0 {
        found.push(pid);
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else {
            break;
        };
        let parent = status
            .lines()
            .find_map(|line| line.strip_prefix("PPid:"))
            .unwrap_or_default();
        pid = parent.trim().parse().context("reading the parent of a process")?;
    }
    Ok(found)
}
