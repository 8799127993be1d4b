//! What acts on a node goes away: the helper in the middle of a dump, container runtime and kubelet, or everything on the
//! target.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::super::Bench;
use super::super::failures::agent_on;
use super::stopped::{CONTAINERD, KUBELET, Stopped, cgroup};
use super::{POD, SOON, Trial, Undone};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage;

pub(in super::super) fn all(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    helper_ends(&trial, Signal::SIGKILL)?;
    helper_ends(&trial, Signal::SIGTERM)?;
    runtimes_are_killed(&trial)?;
    target_is_gone(&trial)?;
    trial.exact()
}

/// Killed, or asked to end, as when its pod is replaced: whatever becomes of the move, the source does not stay frozen.
fn helper_ends(trial: &Trial<'_>, by: Signal) -> Result<()> {
    let cluster = trial.cluster();
    let (ordered, source_agent) = trial.order_and_hold()?;
    let agent = agent_on(cluster, &ordered.source)?;
    let helper = stage::container_pid(cluster, "shadow-system", &agent, "helper")?;
    let source = stage::container_pid(cluster, cluster.namespace(), POD, "orders")?;
    let freezer = cgroup(source, "freezer")?;
    let frozen = || {
        let v1 =
            fs::read_to_string(freezer.join("freezer.state")).is_ok_and(|state| state.trim() == "FROZEN");
        let v2 = fs::read_to_string(freezer.join("cgroup.events"))
            .is_ok_and(|events| events.lines().any(|line| line == "frozen 1"));
        v1 || v2
    };
    source_agent.go_on();
    let end = Instant::now() + SOON;
    // A dump takes less time than one turn of `wait_for`.
    while !frozen() {
        ensure!(Instant::now() < end, "the source was never frozen");
        thread::sleep(Duration::from_micros(500));
    }
    kill(Pid::from_raw(helper), by).context("end the node helper")?;
    wait_for("the source to go on", Duration::from_secs(15), || {
        Ok((!frozen()).then_some(()))
    })?;
    trial.done_or_undone(
        &ordered,
        &format!("{by} to the helper while the source was frozen"),
    )
}

/// Container runtime and kubelet of both nodes die when the dump begins, and come back: what runs does not notice.
fn runtimes_are_killed(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let (ordered, source_agent) = trial.order_and_hold()?;
    source_agent.go_on();
    for node in Cluster::node_names() {
        for program in [CONTAINERD, KUBELET] {
            let pid = cluster.process_on_node(node, program)?;
            kill(Pid::from_raw(pid), Signal::SIGKILL).with_context(|| format!("kill {program} of {node}"))?;
        }
    }
    trial.done_or_undone(&ordered, "container runtime and kubelet of both nodes killed")
}

/// Nobody on the node answers any more: the source goes on, and the move ends all the same.
fn target_is_gone(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let (ordered, source_agent) = trial.order_and_hold()?;
    let node = Stopped::node(cluster, ordered.target)?;
    source_agent.go_on();
    let expected = Undone {
        fault: "target node gone",
        reason: "AgentUnreachable",
        says: &[ordered.target, "does not answer"],
    };
    let outcome = trial.undone(&ordered, &expected);
    node.go_on();
    outcome
}
