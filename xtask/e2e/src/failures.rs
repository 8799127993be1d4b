//! Something breaks before the commit: the source goes on and nothing is lost.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::{Bench, ended, exact_messages, nothing_left};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Load, Oracle, Sample, capture, get};

const POD: &str = "orders-0";

/// 25 messages a second are as many as the sample can serve. With more, it soon holds all that its prefetch of 50 allows,
/// and takes two seconds to park, as it works all of it off first: time enough to do damage meanwhile.
const WORK: &str = "40ms";
const RATE: u32 = 40;
/// It keeps up with this: whoever breaks it before the hold need not wait for what it could not serve.
const EASY_RATE: u32 = 20;

/// Ours for what waits during a handoff.
const HOLD_QUEUES: &str = "ms2m.hold.";

/// Deploys, loads with `rate`, orders a move, does the damage as soon as the move is in `step`, and returns both ends.
fn damaged(
    bench: &Bench,
    rate: u32,
    step: &str,
    damage: impl FnOnce(&Bench) -> Result<()>,
) -> Result<(Value, Value)> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &["--work", WORK, "--held", "finish"])?;
    let oracle = Oracle::start(cluster, &bench.product, POD, Load::of(rate))?;
    oracle.run_for(Duration::from_secs(3));
    let target = Sample::other_node(cluster, POD)?;
    let mut plugin = stage::migrate_command(cluster, &bench.product, POD, target)?;
    plugin.arg("--no-wait");
    capture(plugin)?;
    wait_for(
        "the step in which the damage is done",
        Duration::from_secs(30),
        || {
            let status = &stage::migration(cluster, POD)?["status"];
            let reached = status["steps"]
                .as_array()
                .is_some_and(|s| s.iter().any(|s| s["step"] == step));
            Ok(reached.then_some(()))
        },
    )?;
    damage(bench)?;
    let object = ended(cluster, POD, Duration::from_secs(150))?;
    println!(
        "     {}: {}",
        object["status"]["phase"],
        object["status"]["rollback"]["message"]
            .as_str()
            .unwrap_or("it was not undone")
    );
    Ok((object, oracle.finish()?))
}

/// Kubernetes restarts the container as it would have without us; memory is lost as ever, and the move is undone.
pub(super) fn source_crashes(bench: &Bench) -> Result<()> {
    let (object, report) = damaged(bench, EASY_RATE, "Stage", |bench| {
        let pid = stage::container_pid(&bench.cluster, bench.cluster.namespace(), POD, "orders")?;
        kill(Pid::from_raw(pid), Signal::SIGKILL).context("kill the source")
    })?;
    ensure!(
        object["status"]["phase"] == "Failed",
        "a move of a crashed source ended {}",
        object["status"]["phase"]
    );
    ensure!(
        object["status"]["rollback"]["reason"] == "SourceChanged",
        "the reason is {}",
        object["status"]["rollback"]["reason"]
    );
    let (_, restarts) = Sample::incarnation(&bench.cluster, POD)?;
    ensure!(
        restarts == 1,
        "the container was restarted {restarts} times instead of once"
    );
    ensure!(
        report["leftInQueue"] == 0,
        "{} messages were not worked off",
        report["leftInQueue"]
    );
    nothing_left(&bench.cluster)
}

/// Name of the agent's pod on a node.
pub(super) fn agent_on(cluster: &Cluster, node: &str) -> Result<String> {
    let selector = "--selector=app.kubernetes.io/name=shadow-agent";
    let pods = get(cluster, &["pods", "--namespace=shadow-system", selector])?;
    let agent = pods["items"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|p| p["spec"]["nodeName"] == node);
    agent
        .and_then(|p| p["metadata"]["name"].as_str())
        .map(str::to_owned)
        .with_context(|| format!("no agent runs on {node}"))
}

pub(super) fn agent_dies(bench: &Bench) -> Result<()> {
    let (object, report) = damaged(bench, RATE, "Hold", |bench| {
        let node = Sample::node(&bench.cluster, POD)?;
        let agent = agent_on(&bench.cluster, &node)?;
        let pid = stage::container_pid(&bench.cluster, "shadow-system", &agent, "agent")?;
        kill(Pid::from_raw(pid), Signal::SIGKILL).context("kill the agent")
    })?;
    let phase = object["status"]["phase"].as_str().unwrap_or("");
    ensure!(matches!(phase, "Completed" | "Failed"), "it ended {phase}");
    exact_messages(&report)?;
    nothing_left(&bench.cluster)
}

/// All of the controller's connections are closed by the broker.
pub(super) fn broker_connection_is_cut(bench: &Bench) -> Result<()> {
    let (object, report) = damaged(bench, RATE, "Hold", |bench| {
        stage::broker_api(&bench.cluster, "DELETE", "connections/username/shadow").map(drop)
    })?;
    at_least_once(&object, &report)?;
    nothing_left(&bench.cluster)
}

/// The broker itself is killed while the application finishes what it holds, and comes back with what it had stored.
pub(super) fn broker_dies(bench: &Bench) -> Result<()> {
    let mut killed = jiff::Timestamp::MAX;
    let (object, report) = damaged(bench, RATE, "Hold", |bench| {
        wait_for("the hold queue", Duration::from_secs(30), || {
            let queues = stage::broker_queues(&bench.cluster)?;
            Ok(queues
                .iter()
                .any(|queue| queue.starts_with(HOLD_QUEUES))
                .then_some(()))
        })?;
        let pid = stage::container_pid(&bench.cluster, "rabbitmq", "rabbitmq-0", "rabbitmq")?;
        kill(Pid::from_raw(pid), Signal::SIGKILL).context("kill the broker")?;
        killed = jiff::Timestamp::now();
        Ok(())
    })?;
    at_least_once(&object, &report)?;
    let (leg, verdict) = (&object["status"]["legs"][0], &object["status"]["verdict"]);
    let after = |at: &Value| {
        at.as_str()
            .is_none_or(|at| at.parse().is_ok_and(|at| killed < at))
    };
    let (asked, parked) = (&leg["parkSent"], &leg["parked"]);
    println!("     asked to park {asked}, broker killed {killed}, parked {parked}; {verdict}");
    ensure!(
        after(parked),
        "the hold was proven at {parked}, before the broker was killed at {killed}"
    );
    ensure!(
        object["status"]["phase"] == "Failed" || verdict["exact"] == false,
        "every connection was lost during the hold, and the verdict is {verdict}"
    );
    nothing_left(&bench.cluster)
}

/// Deliveries whose acknowledgement was lost with a connection come again, as brokers promise; nothing worse happens.
fn at_least_once(object: &Value, report: &Value) -> Result<()> {
    let phase = object["status"]["phase"].as_str().unwrap_or("");
    ensure!(matches!(phase, "Completed" | "Failed"), "it ended {phase}");
    let comparison = &report["comparison"];
    ensure!(
        comparison["missing"] == 0 && comparison["reordered"] == 0,
        "{}",
        stage::summary(report)
    );
    Ok(())
}
