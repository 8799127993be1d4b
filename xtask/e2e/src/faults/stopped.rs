//! Processes that stand still for a while, found by what they are.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::super::failures::agent_on;
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage;

pub(super) const KUBELET: &str = "/opt/kubernetes/kubelet";
pub(super) const CONTAINERD: &str = "/usr/bin/containerd";
const API_SERVER: &str = "/opt/kubernetes/kube-apiserver";

/// Goes on when this is dropped, so that a test that fails leaves nothing standing still.
pub struct Stopped(Vec<i32>);

impl Stopped {
    fn these(pids: Vec<i32>) -> Result<Self> {
        let stopped = Self(pids);
        for pid in &stopped.0 {
            kill(Pid::from_raw(*pid), Signal::SIGSTOP).context("stop a process")?;
        }
        Ok(stopped)
    }

    /// The agent of a node, not its helper.
    pub(in super::super) fn agent(cluster: &Cluster, node: &str) -> Result<Self> {
        let pod = agent_on(cluster, node)?;
        Self::these(vec![stage::container_pid(
            cluster,
            "shadow-system",
            &pod,
            "agent",
        )?])
    }

    /// The first process of a container.
    pub(in super::super) fn container(cluster: &Cluster, pod: &str, container: &str) -> Result<Self> {
        let pid = stage::container_pid(cluster, cluster.namespace(), pod, container)?;
        Self::these(vec![pid])
    }

    /// The kubelet of a node: what is created there meanwhile does not start.
    pub fn kubelet(cluster: &Cluster, node: &str) -> Result<Self> {
        Self::these(vec![cluster.process_on_node(node, KUBELET)?])
    }

    /// The API server of the cluster.
    pub fn api_server() -> Result<Self> {
        let runs = |command: &[String]| command.first().is_some_and(|first| first == API_SERVER);
        let pid = find(runs)?.context("the API server does not run")?;
        Self::these(vec![pid])
    }

    /// Every replica of the admission webhook.
    pub fn webhook(cluster: &Cluster) -> Result<Self> {
        let selector = "--selector=app.kubernetes.io/name=shadow-webhook";
        let pods = stage::get(cluster, &["pods", "--namespace=shadow-system", selector])?;
        let names = pods["items"].as_array().into_iter().flatten();
        let pids = names
            .filter_map(|pod| pod["metadata"]["name"].as_str())
            .map(|name| stage::container_pid(cluster, "shadow-system", name, "webhook"))
            .collect::<Result<Vec<_>>>()?;
        Self::these(pids)
    }

    /// The process that waits for the archive of a container, of which there is one.
    pub(in super::super) fn waiting_restore() -> Result<Self> {
        let pid = wait_for("a container that waits for its archive", super::SOON, || {
            let is_waiting = |command: &[String]| {
                let program = command
                    .first()
                    .is_some_and(|first| first.ends_with("shadow-runc"));
                program && command.iter().any(|word| word == "create")
            };
            find(is_waiting)
        })?;
        Self::these(vec![pid])
    }

    /// Everything that acts on a node: agent, helper, kubelet, container runtime.
    pub(in super::super) fn node(cluster: &Cluster, node: &str) -> Result<Self> {
        let pod = agent_on(cluster, node)?;
        let mut pids = vec![
            cluster.process_on_node(node, KUBELET)?,
            cluster.process_on_node(node, CONTAINERD)?,
        ];
        for container in ["agent", "helper"] {
            pids.push(stage::container_pid(cluster, "shadow-system", &pod, container)?);
        }
        Self::these(pids)
    }

    /// Every controller, the leading one as well.
    pub(in super::super) fn controller(cluster: &Cluster) -> Result<Self> {
        let selector = "--selector=app.kubernetes.io/name=shadow-controller";
        let pods = stage::get(cluster, &["pods", "--namespace=shadow-system", selector])?;
        let names = pods["items"].as_array().into_iter().flatten();
        let pids = names
            .filter_map(|pod| pod["metadata"]["name"].as_str())
            .map(|name| stage::container_pid(cluster, "shadow-system", name, "controller"))
            .collect::<Result<Vec<_>>>()?;
        Self::these(pids)
    }

    /// Lets it go on.
    pub fn go_on(self) {
        drop(self);
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        for pid in &self.0 {
            match kill(Pid::from_raw(*pid), Signal::SIGCONT) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(errno) => eprintln!("process {pid} cannot go on: {errno}"),
            }
        }
    }
}

/// Kills the agent or the helper of a node.
pub fn kill_part(cluster: &Cluster, node: &str, part: &str) -> Result<()> {
    let pod = agent_on(cluster, node)?;
    let pid = stage::container_pid(cluster, "shadow-system", &pod, part)?;
    kill(Pid::from_raw(pid), Signal::SIGKILL).with_context(|| format!("kill the {part}"))
}

/// A process by its command line.
fn find(is_meant: impl Fn(&[String]) -> bool) -> Result<Option<i32>> {
    for entry in fs::read_dir("/proc").context("read /proc")? {
        let name = entry.context("read /proc")?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process that has gone meanwhile is not the one.
        let Ok(command) = fs::read_to_string(format!("/proc/{pid}/cmdline")) else {
            continue;
        };
        let words: Vec<String> = command.split('\0').map(str::to_owned).collect();
        if is_meant(&words) {
            return Ok(Some(pid));
        }
    }
    Ok(None)
}

/// Where a process is in the hierarchy of a controller (v1), or in the only one (v2).
pub(in super::super) fn cgroup(pid: i32, controller: &str) -> Result<PathBuf> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).context("read the cgroups of a process")?;
    let path = |named: &str| {
        text.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let listed = parts.next()?.split(',').any(|one| one == named);
            parts
                .next()
                .filter(|_| listed)
                .map(|path| path.trim_start_matches('/'))
        })
    };
    if let Some(path) = path(controller) {
        return Ok(PathBuf::from("/sys/fs/cgroup").join(controller).join(path));
    }
    let path = path("").with_context(|| format!("process {pid} is in no cgroup of {controller}"))?;
    Ok(PathBuf::from("/sys/fs/cgroup").join(path))
}

/// A process in whose cgroups' names this occurs.
pub(in super::super) fn in_cgroup_named(part: &str) -> Result<Option<i32>> {
    for entry in fs::read_dir("/proc").context("read /proc")? {
        let name = entry.context("read /proc")?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|text| text.contains(part)) {
            return Ok(Some(pid));
        }
    }
    Ok(None)
}
