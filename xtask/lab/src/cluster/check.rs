//! `cargo xtask cluster check`: proves on a cluster of its own that half a cluster is no trouble.
//!
//! `up` is killed at several moments, then processes of the whole cluster are; each time `down` must leave
//! nothing behind, `up` must start anew, and what is supervised must come back.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::deadline::wait_for;
use super::layout::{Layout, NODES};
use super::processes::{self, Process};
use super::progress::step;
use super::{Cluster, cache, startup, status, teardown};

/// Early moments matter most: most is made in the first second.
const MOMENTS: [u64; 8] = [0, 50, 100, 200, 400, 800, 2000, 5000];

/// Runs all checks; the first one that fails is the error.
pub(super) fn run(layout: &Layout) -> anyhow::Result<()> {
    let layout = Layout {
        run: own_run_folder(layout),
        cache: layout.cache.clone(),
    };
    println!(
        "checking start and end on a cluster of its own in {}",
        layout.run.display()
    );
    let lock = startup::lock(&layout)?;
    cache::fill(&layout)?;
    drop(lock);
    teardown::end(&layout)?;
    let checked = killed_starts(&layout).and_then(|()| killed_processes(&layout));
    teardown::end(&layout)?;
    checked
}

/// Its last part names the cgroups, so it must differ from the user's cluster.
fn own_run_folder(layout: &Layout) -> PathBuf {
    let mut name = layout.run.as_os_str().to_owned();
    name.push("-check");
    PathBuf::from(name)
}

fn killed_starts(layout: &Layout) -> anyhow::Result<()> {
    for moment in MOMENTS {
        let line = step(&format!("up killed at {moment} ms"));
        let before = Host::look()?;
        let began = Instant::now();
        let mut up = up(layout)?;
        // A moment in the life of `up`, not the wait for an event.
        thread::sleep(Duration::from_millis(moment).saturating_sub(began.elapsed()));
        up.kill().context("killing `up`")?;
        up.wait().context("waiting for the killed `up`")?;
        let half = teardown::leftovers(layout)?.len();
        ends_clean(layout, &before)?;
        line.done(format!("{half} things were there, none is left"));
    }
    Ok(())
}

fn killed_processes(layout: &Layout) -> anyhow::Result<()> {
    let before = Host::look()?;
    let cluster = Cluster::sole(layout.clone());
    starts(layout, &cluster)?;
    let [node, _] = NODES;
    for (signal, program) in [
        (Signal::SIGTERM, "/usr/bin/containerd"),
        (Signal::SIGKILL, "/opt/kubernetes/kubelet"),
    ] {
        let line = step(&format!(
            "{signal} to {}",
            program.rsplit('/').next().unwrap_or(program)
        ));
        let find = || processes::on_node(layout, node, program.as_ref());
        let former = find()?.with_context(|| format!("{program} does not run on {}", node.name))?;
        send(&former, signal)?;
        let next = wait_for(
            &format!("{program} to be started again"),
            Duration::from_secs(5),
            || Ok(find()?.filter(|found| found.pid != former.pid)),
        )?;
        line.done(format!("process {} took the place of {}", next.pid, former.pid));
    }
    let line = step("kill -9 of a node");
    let init = processes::node_init(layout, node)?.with_context(|| format!("{} does not run", node.name))?;
    send(&init, Signal::SIGKILL)?;
    wait_for("the node to be gone", Duration::from_secs(5), || {
        Ok(processes::node_init(layout, node)?.is_none().then_some(()))
    })?;
    ensure!(
        !status::is_ready(&cluster)?,
        "a cluster without {} passes for ready",
        node.name
    );
    line.done("noticed");
    starts(layout, &cluster)?;
    let line = step("kill -9 of the box");
    let init = processes::box_init(layout)?.context("the box does not run")?;
    send(&init, Signal::SIGKILL)?;
    ends_clean(layout, &before)?;
    line.done("nothing is left");
    Ok(())
}

fn starts(layout: &Layout, cluster: &Cluster) -> anyhow::Result<()> {
    let line = step("up");
    let output = up(layout)?.wait_with_output().context("waiting for `up`")?;
    ensure!(
        output.status.success(),
        "`up` failed:\n{}",
        String::from_utf8_lossy(&output.stdout)
    );
    ensure!(
        status::is_ready(cluster)?,
        "`up` succeeded but the cluster is not ready"
    );
    line.done("ready");
    Ok(())
}

fn up(layout: &Layout) -> anyhow::Result<Child> {
    let mut command = Command::new(startup::OWN_PROGRAM);
    command.args(["cluster", "up", "--bare"]).envs(layout.folders());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().context("starting `up`")
}

fn ends_clean(layout: &Layout, before: &Host) -> anyhow::Result<()> {
    teardown::end(layout)?;
    let left = teardown::leftovers(layout)?;
    if !left.is_empty() {
        bail!("left over after `down`:\n  {}", left.join("\n  "));
    }
    let after = Host::look()?;
    ensure!(
        *before == after,
        "the host changed: before {before:?}, after {after:?}"
    );
    Ok(())
}

fn send(process: &Process, signal: Signal) -> anyhow::Result<()> {
    kill(Pid::from_raw(process.pid), signal)
        .with_context(|| format!("sending {signal} to {}", process.describe()))
}

/// What a cluster could change of the host by mistake.
#[derive(Debug, PartialEq, Eq)]
struct Host {
    mounts: Vec<String>,
    interfaces: Vec<String>,
    cgroups: Vec<String>,
}

impl Host {
    fn look() -> anyhow::Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").context("reading the mounts")?;
        let mounts = mounts
            .lines()
            .filter_map(|line| line.split(' ').nth(4))
            .map(str::to_owned)
            .collect();
        Ok(Self {
            mounts,
            interfaces: names("/sys/class/net")?,
            cgroups: names("/sys/fs/cgroup")?,
        })
    }
}

fn names(folder: &str) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {folder}"))? {
        let name = entry.with_context(|| format!("reading {folder}"))?.file_name();
        names.push(name.to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
