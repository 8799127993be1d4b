//! Disks that are full and archives that are damaged.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, anyhow};
use nix::mount::{MntFlags, umount2};
use nix::sched::{CloneFlags, setns, unshare};

use super::super::Bench;
use super::super::failures::agent_on;
use super::stopped::Stopped;
use super::{SOON, Trial, Undone};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Sample, capture};

/// Where archives are.
const ARCHIVES: &str = "/run/shadow/keys";
const ENOUGH: &str = "size=64m";
/// Enough for the states of two keys, not for an archive.
const TINY: &str = "size=128k";
/// The memory of a dumped process.
const MEMORY: &str = "archive/images/pages-1.img";
/// Its registers and the like, which CRIU reads first. That memory was cut short it finds out so late that the restore may
/// have been given up before.
const STATE: &str = "core-1.img";

pub(in super::super) fn all(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    target_has_no_room(&trial)?;
    target_fills_up(&trial)?;
    source_fills_up(&trial)?;
    damaged_on_the_way(&trial)?;
    damaged_on_the_target(&trial)?;
    trial.exact()
}

/// Found before anything is touched.
fn target_has_no_room(trial: &Trial<'_>) -> Result<()> {
    let target = Sample::other_node(trial.cluster(), super::POD)?;
    let small = Small::over_archives(target_agent(trial, target)?)?;
    small.shrink()?;
    let ordered = trial.order()?;
    let expected = Undone {
        fault: "no room on the target",
        reason: "DiskFull",
        says: &["room for 0.", "/run/shadow", target],
    };
    trial.undone(&ordered, &expected)
}

fn target_fills_up(trial: &Trial<'_>) -> Result<()> {
    let target = Sample::other_node(trial.cluster(), super::POD)?;
    let small = Small::over_archives(target_agent(trial, target)?)?;
    let (ordered, source_agent) = trial.order_and_hold()?;
    small.shrink()?;
    source_agent.go_on();
    let expected = Undone {
        fault: "disk of the target full",
        reason: "DiskFull",
        says: &["No space left", "/run/shadow", target],
    };
    trial.undone(&ordered, &expected)
}

fn target_agent(trial: &Trial<'_>, node: &str) -> Result<i32> {
    let agent = agent_on(trial.cluster(), node)?;
    stage::container_pid(trial.cluster(), "shadow-system", &agent, "agent")
}

/// What dumps works in the node's own view.
fn source_fills_up(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let source = Sample::node(cluster, super::POD)?;
    let small = Small::over_archives(cluster.node_pid(&source)?)?;
    let (ordered, source_agent) = trial.order_and_hold()?;
    small.shrink()?;
    source_agent.go_on();
    let expected = Undone {
        fault: "disk of the source full",
        reason: "DiskFull",
        says: &["the container goes on", "/run/shadow", &source],
    };
    trial.undone(&ordered, &expected)
}

fn damaged_on_the_way(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let (ordered, source_agent) = trial.order_and_hold()?;
    let target_agent = Stopped::agent(cluster, ordered.target)?;
    source_agent.go_on();
    let memory = arrived(cluster, &ordered.source)?;
    let file = OpenOptions::new().read(true).write(true).open(&memory);
    let file = file.with_context(|| format!("open {}", memory.display()))?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, 0).context("read the archive")?;
    file.write_all_at(&[byte[0] ^ 1], 0)
        .context("damage the archive")?;
    target_agent.go_on();
    let expected = Undone {
        fault: "one bit of the archive flipped",
        reason: "DigestMismatch",
        says: &["pages-1.img", "manifest"],
    };
    trial.undone(&ordered, &expected)
}

fn damaged_on_the_target(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let (ordered, source_agent) = trial.order_and_hold()?;
    let restore = Stopped::waiting_restore()?;
    source_agent.go_on();
    let state = arrived(cluster, ordered.target)?.with_file_name(STATE);
    let file = OpenOptions::new().write(true).open(&state);
    file.and_then(|file| file.set_len(16))
        .with_context(|| format!("truncate {}", state.display()))?;
    restore.go_on();
    let expected = Undone {
        fault: "archive cut short on the target",
        reason: "RestoreFailed",
        says: &["CRIU says"],
    };
    trial.undone(&ordered, &expected)
}

/// The memory in the archive on a node, when it is complete there.
fn arrived(cluster: &Cluster, node: &str) -> Result<PathBuf> {
    let keys = PathBuf::from(format!("/proc/{}/root{ARCHIVES}", cluster.node_pid(node)?));
    wait_for("the archive", SOON, || {
        for key in fs::read_dir(&keys).with_context(|| format!("read {}", keys.display()))? {
            let memory = key.context("read the folder of a key")?.path().join(MEMORY);
            if memory.exists() {
                return Ok(Some(memory));
            }
        }
        Ok(None)
    })
}

/// A small file system mounted over the archives in the view of one process.
struct Small(i32);

impl Small {
    fn over_archives(pid: i32) -> Result<Self> {
        mount(
            pid,
            &["-t", "tmpfs", "-o", &format!("mode=700,{ENOUGH}"), "small"],
        )?;
        Ok(Self(pid))
    }

    /// From now on it holds no archive.
    fn shrink(&self) -> Result<()> {
        mount(self.0, &["-o", &format!("remount,{TINY}")])
    }
}

fn mount(pid: i32, arguments: &[&str]) -> Result<()> {
    let mut mount = Command::new("mount");
    mount
        .args(["--namespace", &pid.to_string()])
        .args(arguments)
        .arg(ARCHIVES);
    capture(mount).map(drop)
}

impl Drop for Small {
    fn drop(&mut self) {
        if let Err(error) = uncover(self.0) {
            eprintln!("the small disk stays: {error:#}");
        }
    }
}

/// In the process's own view. By system calls: `umount --namespace` looks for the path in ours as well.
fn uncover(pid: i32) -> Result<()> {
    let view = File::open(format!("/proc/{pid}/ns/mnt")).context("open the process's view of the disk")?;
    let thread = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_FS)?;
        setns(view, CloneFlags::CLONE_NEWNS)?;
        umount2(ARCHIVES, MntFlags::MNT_DETACH)
    });
    let ended = thread.join().map_err(|_| anyhow!("the thread ended by itself"))?;
    ended.with_context(|| format!("unmount {ARCHIVES} of process {pid}"))
}
