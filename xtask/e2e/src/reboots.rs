//! A pod that was moved is a pod like any other: it starts again after its node was rebooted, while nothing of the product runs.
//!
//! Of a reboot, what matters is done: all processes of the pod are killed, its sandbox's as well, and what the product keeps in
//! memory on the node is gone. The node's kernel goes on.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use shadow_core::names;

use super::faults::nodes_ready;
use super::parts::{Away, Part};
use super::{Bench, nothing_left};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Sample, capture, get};

const POD: &str = "orders-0";
const SYSTEM: &str = "--namespace=shadow-system";
const AGENTS: &str = "--selector=app.kubernetes.io/name=shadow-agent";
/// In memory, and on the node's disk.
const MEMORY: &str = "/run/shadow";
const MARKERS: &str = "/var/lib/kubectl-shadow/over";
const SOON: Duration = Duration::from_secs(90);

pub(super) fn with_nothing_of_ours(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let target = Sample::other_node(cluster, POD)?;
    let moved = stage::migrate(cluster, &bench.product, POD, target)?;
    ensure!(
        moved.code == 0,
        "the move ended with code {}: {}",
        moved.code,
        moved.said
    );
    let object = get(cluster, &["pod", POD])?;
    let key = object["metadata"]["annotations"][names::RESTORE_KEY].as_str();
    let key = key.context("the moved pod names no restore key")?;
    wait_for("the node to know that the move is over", SOON, || {
        let markers = on_node(cluster, target, &["ls", MARKERS])?;
        Ok(markers.lines().any(|marker| marker == key).then_some(()))
    })?;
    // The controller comes back first, also when this fails half-way: it signs the certificates of the others.
    let agents = NoAgents::now(cluster)?;
    let webhook = Away::taken(cluster, Part::Webhook)?;
    let controller = Away::taken(cluster, Part::Controller)?;
    rebooted(cluster, target)?;
    starts_again(cluster)?;
    controller.brought_back()?;
    webhook.brought_back()?;
    agents.back()?;
    nodes_ready(cluster)?;
    Sample::wait(cluster)?;
    Sample::remove(cluster)?;
    nothing_left(cluster)
}

fn rebooted(cluster: &Cluster, node: &str) -> Result<()> {
    on_node(cluster, node, &["umount", MEMORY])?;
    let left = on_node(cluster, node, &["ls", "-A", MEMORY])?;
    ensure!(left.is_empty(), "{MEMORY} still has {left}");
    let first = stage::container_pid(cluster, cluster.namespace(), POD, "orders")?;
    // All that the pod's shim started: the sandbox, too.
    let shim = parent(first)?;
    let children =
        fs::read_to_string(format!("/proc/{shim}/task/{shim}/children")).context("the shim's children")?;
    for child in children.split_whitespace() {
        let pid = child.parse().context("a process id")?;
        kill(Pid::from_raw(pid), Signal::SIGKILL).with_context(|| format!("kill process {pid}"))?;
    }
    Ok(())
}

/// The same pod, with a new sandbox.
fn starts_again(cluster: &Cluster) -> Result<()> {
    let (before, _) = Sample::incarnation(cluster, POD)?;
    let restarts = wait_for("the moved pod to start again", SOON, || {
        let status = get(cluster, &["pod", POD])?["status"]["containerStatuses"][0].take();
        let restarts = status["restartCount"].as_i64().unwrap_or(0);
        Ok((restarts > 0 && status["ready"] == true).then_some(restarts))
    })?;
    let (after, _) = Sample::incarnation(cluster, POD)?;
    ensure!(before == after, "{POD} was replaced by another pod");
    println!("     restart {restarts} of the container, with nothing of ours running");
    Ok(())
}

fn parent(pid: i32) -> Result<i32> {
    let status =
        fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid}"))?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    parent
        .context("a process without a parent")?
        .trim()
        .parse()
        .context("a process id")
}

fn on_node(cluster: &Cluster, node: &str, command: &[&str]) -> Result<String> {
    let (program, arguments) = command.split_first().context("no command")?;
    let mut run = cluster.run_on_node(node, program)?;
    run.args(arguments);
    capture(run).map(|said| said.trim().to_owned())
}

/// No agent runs on any node until this is gone.
struct NoAgents<'a> {
    cluster: &'a Cluster,
    back: bool,
}

impl<'a> NoAgents<'a> {
    fn now(cluster: &'a Cluster) -> Result<Self> {
        let none = Self { cluster, back: false };
        selected(cluster, &json!("none"))?;
        wait_for("the agents to go", SOON, || {
            let pods = get(cluster, &["pods", SYSTEM, AGENTS])?;
            Ok(pods["items"].as_array().is_some_and(Vec::is_empty).then_some(()))
        })?;
        Ok(none)
    }

    fn back(mut self) -> Result<()> {
        self.back = true;
        selected(self.cluster, &Value::Null)?;
        let rollout = [
            "rollout",
            "status",
            "daemonset/shadow-agent",
            SYSTEM,
            "--timeout=90s",
        ];
        capture(self.cluster.kubectl(rollout)).map(drop)
    }
}

impl Drop for NoAgents<'_> {
    fn drop(&mut self) {
        if !self.back
            && let Err(error) = selected(self.cluster, &Value::Null)
        {
            println!("     the agents could not be brought back: {error:#}");
        }
    }
}

/// On which nodes agents run: those with this host name; on all with null.
fn selected(cluster: &Cluster, host: &Value) -> Result<()> {
    let patch = json!({"spec": {"template": {"spec": {"nodeSelector": {"kubernetes.io/hostname": host}}}}});
    let mut kubectl = cluster.kubectl(["patch", "daemonset", SYSTEM, "shadow-agent", "--patch"]);
    kubectl.arg(patch.to_string());
    capture(kubectl).map(drop)
}
