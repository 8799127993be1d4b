//! Several moves at once: each keeps its own promise; of many for one pod just one is carried out; who is over a limit
//! waits and comes later.

use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::parts::{Away, Part};
use super::{Bench, exact_messages, nothing_left};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Load, Oracle, Sample, Single, capture, get};

const LOAD: Load = Load::of(40);
/// Asked for at once, for one pod.
const RIVALS: u32 = 20;
const TRY_AGAIN: &str = "Nothing was started; try again";
const LIMIT: Duration = Duration::from_secs(120);

/// Two replicas, a Deployment's pod and one that nobody owns; two moves for each node at a time.
pub(super) fn different_pods(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    for single in [Single::Deployment, Single::Pod] {
        single.deploy(cluster)?;
    }
    let pods = [
        "orders-0".to_owned(),
        "orders-1".to_owned(),
        Single::Deployment.pod(cluster)?,
        Single::Pod.pod(cluster)?,
    ];
    let watched = ["orders-0", "lone"]
        .map(|stream| Oracle::start(cluster, &bench.product, stream, LOAD))
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    for oracle in &watched {
        oracle.run_for(Duration::from_secs(3));
    }
    let moving = pods
        .iter()
        .map(|pod| started(bench, pod))
        .collect::<Result<Vec<_>>>()?;
    for (pod, process) in pods.iter().zip(moving) {
        let output = process.wait_with_output().context("wait for kubectl-shadow")?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "the move of {pod} failed: {said}");
        println!("     {}", said.lines().rev().nth(1).unwrap_or_default());
    }
    at_most_two(cluster, pods.len())?;
    for oracle in watched {
        let report = oracle.finish()?;
        println!("     {}", stage::summary(&report));
        exact_messages(&report)?;
    }
    nothing_left(cluster)?;
    Single::Deployment.remove(cluster)?;
    Single::Pod.remove(cluster)
}

/// Every move is from one node to the other, so two at a time are what the controller allows for a node.
fn at_most_two(cluster: &Cluster, moves: usize) -> Result<()> {
    let all = get(cluster, &["statefulmigrations"])?;
    let span = |one: &Value| {
        let steps = one["status"]["steps"].as_array()?;
        let begun = steps.iter().find(|step| step["step"] == "Stage")?["started"].as_str()?;
        let ended = one["status"]["completionTime"].as_str()?;
        Some((begun.parse().ok()?, ended.parse().ok()?))
    };
    let mut spans: Vec<(jiff::Timestamp, jiff::Timestamp)> = all["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(span)
        .collect();
    spans.sort();
    ensure!(
        spans.len() >= moves,
        "only {} moves say when they were made",
        spans.len()
    );
    let last = spans.split_off(spans.len() - moves);
    let during = |at: jiff::Timestamp| last.iter().filter(|(from, to)| *from <= at && at < *to).count();
    let most = last.iter().map(|(begun, _)| during(*begun)).max();
    println!("     at most {most:?} of {moves} at a time");
    ensure!(
        most == Some(2),
        "{most:?} of {moves} moves were made at a time: {last:?}"
    );
    Ok(())
}

/// Begins to move a pod to the other node.
pub(super) fn started(bench: &Bench, pod: &str) -> Result<Child> {
    let target = Sample::other_node(&bench.cluster, pod)?;
    stage::migrate_command(&bench.cluster, &bench.product, pod, target)?
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("start kubectl-shadow")
}

/// All that get past admission at the same moment are looked at at the same moment, too, by a controller that was away;
/// one moves the pod, the others say why they do not.
pub(super) fn one_pod(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let oracle = Oracle::start(cluster, &bench.product, "orders-0", LOAD)?;
    oracle.run_for(Duration::from_secs(2));
    let target = Sample::other_node(cluster, "orders-0")?;
    let away = Away::taken(cluster, Part::Controller)?;
    let refused = ordered_at_once(cluster, target)?;
    away.brought_back()?;
    let all = wait_for("all of them to end", LIMIT, || {
        let ours = get(cluster, &["statefulmigrations", "--selector=test=rivals"])?;
        let ours = ours["items"].as_array().cloned().unwrap_or_default();
        let over = |one: &Value| matches!(one["status"]["phase"].as_str(), Some("Completed" | "Failed"));
        Ok(ours.iter().all(over).then_some(ours))
    })?;
    let moved = all
        .iter()
        .filter(|one| one["status"]["phase"] == "Completed")
        .count();
    println!("     of {RIVALS}: {refused} refused at admission, {moved} moved the pod");
    ensure!(moved == 1, "{moved} of {RIVALS} moved the pod: {}", ends(&all));
    for loser in all.iter().filter(|one| one["status"]["phase"] == "Failed") {
        let rollback = &loser["status"]["rollback"];
        let reason = rollback["reason"].as_str().unwrap_or_default();
        ensure!(
            matches!(reason, "AlreadyMoving" | "Refused"),
            "one failed for another reason: {rollback}"
        );
    }
    ensure!(
        Sample::node(cluster, "orders-0")? == target,
        "orders-0 is not on {target}"
    );
    let report = oracle.finish()?;
    exact_messages(&report)?;
    capture(cluster.kubectl([
        "delete",
        "statefulmigrations",
        "--selector=test=rivals",
        "--wait=true",
    ]))?;
    nothing_left(cluster)
}

/// Says how many were refused at admission.
fn ordered_at_once(cluster: &Cluster, target: &str) -> Result<u32> {
    let rivals: Vec<Value> = (1..=RIVALS).map(|n| rival(n, target)).collect();
    let creating = rivals
        .iter()
        .map(|object| created(cluster, object))
        .collect::<Result<Vec<_>>>()?;
    let mut refused = 0;
    for (object, process) in rivals.iter().zip(creating) {
        let mut output = process.wait_with_output().context("wait for kubectl")?;
        // So many at once may take the API server too long; whoever is told to try again does.
        if String::from_utf8_lossy(&output.stderr).contains(TRY_AGAIN) {
            output = created(cluster, object)?
                .wait_with_output()
                .context("wait for kubectl")?;
        }
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(
                said.contains("is already moving this pod"),
                "refused otherwise: {said}"
            );
            refused += 1;
        }
    }
    Ok(refused)
}

/// How each ended, for whoever reads the failure.
fn ends(all: &[Value]) -> String {
    let end = |one: &Value| {
        let (name, status) = (&one["metadata"]["name"], &one["status"]);
        format!("{name} {} {}", status["phase"], status["rollback"])
    };
    all.iter().map(end).collect::<Vec<_>>().join("; ")
}

fn rival(n: u32, target: &str) -> Value {
    json!({
        "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
        "metadata": {"name": format!("rival-{n}"), "labels": {"test": "rivals"}},
        "spec": {"sourcePod": "orders-0", "targetNode": target},
    })
}

fn created(cluster: &Cluster, object: &Value) -> Result<Child> {
    use std::io::Write;
    let mut process = cluster
        .kubectl(["create", "--filename", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("start kubectl")?;
    let mut input = process.stdin.take().context("kubectl has no standard input")?;
    input
        .write_all(object.to_string().as_bytes())
        .context("give kubectl the manifest")?;
    Ok(process)
}
