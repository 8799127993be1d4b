//! The Deployment of the source is scaled down, rolled out or deleted while its pod is moved: what its user wants counts, and
//! the copy goes the way of the pod whose place it has taken.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use super::super::{Bench, ended, nothing_left};
use super::{END, SOON};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Load, Oracle, Sample, Single, capture, get};

const SINGLE: Single = Single::Deployment;
const LOAD: Load = Load::of(50);

pub(in super::super) fn all(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    SINGLE.deploy_late(cluster)?;
    rolled_out_to_the_end(cluster)?;
    let oracle = Oracle::start(cluster, &bench.product, SINGLE.stream(), LOAD)?;
    oracle.run_for(Duration::from_secs(2));
    scaled_to_none(bench)?;
    rolled_out(bench, "staged", |status| {
        let steps = status["steps"].as_array();
        steps.is_some_and(|all| all.iter().any(|one| one["step"] == "Stage"))
    })?;
    rolled_out(bench, "committed", is_committed)?;
    super::all_worked_off(&oracle.finish()?)?;
    deleted(bench)?;
    SINGLE.drop_control_queues(cluster)?;
    nothing_left(cluster)
}

/// Orders a move; returns the pod.
fn ordered(bench: &Bench) -> Result<String> {
    let cluster = &bench.cluster;
    super::nodes_ready(cluster)?;
    let pod = SINGLE.pod(cluster)?;
    let target = Sample::other_node(cluster, &pod)?;
    let mut plugin = stage::migrate_command(cluster, &bench.product, &pod, target)?;
    plugin.arg("--no-wait");
    capture(plugin)?;
    Ok(pod)
}

/// The same; returns when the move is committed. The copy is not ready by then, and its ReplicaSet does not know it.
fn committed(bench: &Bench) -> Result<String> {
    let cluster = &bench.cluster;
    let pod = ordered(bench)?;
    reached(cluster, &pod, "the commit", is_committed)?;
    let copy = &stage::migration(cluster, &pod)?["status"]["legs"][0]["to"]["pod"];
    let copy = get(cluster, &["pod", copy.as_str().unwrap_or_default()])?;
    ensure!(
        copy["metadata"]["labels"]["pod-template-hash"].is_null(),
        "the copy was adopted before it was ready"
    );
    Ok(pod)
}

fn is_committed(status: &serde_json::Value) -> bool {
    !status["legs"][0]["committed"].is_null()
}

fn reached(cluster: &Cluster, pod: &str, what: &str, is_there: fn(&serde_json::Value) -> bool) -> Result<()> {
    wait_for(what, SOON, || {
        let status = &stage::migration(cluster, pod)?["status"];
        Ok(is_there(status).then_some(()))
    })
}

fn over(cluster: &Cluster, pod: &str, fault: &str) -> Result<()> {
    let status = &ended(cluster, pod, END)?["status"];
    let (phase, verdict) = (&status["phase"], &status["verdict"]);
    println!("     {fault}: {phase}: {verdict}");
    // Source or copy, whoever had the memory was sent away.
    ensure!(verdict["exact"] == false, "{fault}: the verdict is {verdict}");
    Ok(())
}

/// The source goes at once, the copy with it.
fn scaled_to_none(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let pod = committed(bench)?;
    scale(cluster, 0)?;
    over(cluster, &pod, "scaled to none after the commit")?;
    none_left(cluster)?;
    scale(cluster, 1)?;
    rolled_out_to_the_end(cluster)
}

fn rolled_out_to_the_end(cluster: &Cluster) -> Result<()> {
    capture(cluster.kubectl(["rollout", "status", "deployment/single", "--timeout=60s"])).map(drop)
}

fn scale(cluster: &Cluster, replicas: u32) -> Result<()> {
    let replicas = format!("--replicas={replicas}");
    capture(cluster.kubectl(["scale", "deployment/single", &replicas])).map(drop)
}

/// One pod of the new template is left, whichever of source and copy had the stream.
fn rolled_out(bench: &Bench, when: &str, is_there: fn(&serde_json::Value) -> bool) -> Result<()> {
    let cluster = &bench.cluster;
    let pod = ordered(bench)?;
    reached(cluster, &pod, when, is_there)?;
    let patch = json!({"spec": {"template": {"metadata": {"annotations": {"test": when}}}}});
    capture(cluster.kubectl(["patch", "deployment", "single", "--patch", &patch.to_string()]))?;
    over(cluster, &pod, &format!("rolled out when {when}"))?;
    rolled_out_to_the_end(cluster)?;
    wait_for("pods of the old template to go", SOON, || {
        let pods = get(cluster, &["pods", "--selector=app=single"])?;
        let new = |pod: &serde_json::Value| pod["metadata"]["annotations"]["test"] == when;
        let pods = pods["items"].as_array();
        Ok(pods
            .is_some_and(|pods| pods.len() == 1 && pods.iter().all(new))
            .then_some(()))
    })
}

/// Nothing of an application stays that was deleted.
fn deleted(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let pod = committed(bench)?;
    capture(cluster.kubectl(["delete", "deployment", "single", "--wait=false"]))?;
    over(cluster, &pod, "deleted after the commit")?;
    none_left(cluster)
}

fn none_left(cluster: &Cluster) -> Result<()> {
    wait_for("source and copy to go", SOON, || {
        let pods = get(cluster, &["pods", "--selector=app=single"])?;
        Ok(pods["items"].as_array().is_some_and(Vec::is_empty).then_some(()))
    })
}
