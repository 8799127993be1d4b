//! The copy has no quota, no room, is evicted, or does not get the memory that it needs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::Bench;
use super::stopped::{cgroup, in_cgroup_named};
use super::{SOON, Trial, Undone, evict};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Sample, get};

const COPY: &str = "orders-0-shadow";
/// Takes what the target node has left.
const HOG: &str = "hog";
/// Less than a replica of the sample asks for, thousandths of a processor.
const LEFT: u64 = 10;
const QUOTA: &str = "no-more-pods";
/// What the copy gets beyond what its pod uses before the restore, bytes.
const TOO_LITTLE: u64 = 512 * 1024;

pub(in super::super) fn all(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    no_quota(&trial)?;
    no_room(&trial)?;
    evicted(&trial)?;
    out_of_memory(&trial)?;
    trial.exact()
}

/// The namespace may have no more pods than it has.
fn no_quota(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let pods = get(cluster, &["pods"])?["items"].as_array().map_or(0, Vec::len);
    let limit = pods.to_string();
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": QUOTA},
        "spec": {"hard": {"pods": limit}},
    });
    stage::apply(cluster, &quota.to_string())?;
    wait_for("the quota to be counted", SOON, || {
        let used = &get(cluster, &["resourcequota", QUOTA])?["status"]["used"]["pods"];
        Ok((used.as_str() == Some(limit.as_str())).then_some(()))
    })?;
    let ordered = trial.order()?;
    let expected = Undone {
        fault: "no quota for the copy",
        reason: "ApiServerRefused",
        says: &["exceeded quota", QUOTA],
    };
    let outcome = trial.undone(&ordered, &expected);
    stage::delete(cluster, "resourcequota", QUOTA)?;
    outcome
}

fn no_room(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let target = Sample::other_node(cluster, super::POD)?;
    fill(cluster, target)?;
    let ordered = trial.order()?;
    let expected = Undone {
        fault: "no room on the target",
        reason: "TargetRejected",
        says: &["Insufficient cpu", target],
    };
    let outcome = trial.undone(&ordered, &expected);
    stage::delete(cluster, "pod", HOG)?;
    outcome
}

/// A pod asks for all processors of the node but a few thousandths.
fn fill(cluster: &Cluster, node: &str) -> Result<()> {
    let free = millis(&get(cluster, &["node", node])?["status"]["allocatable"]["cpu"])?;
    let field = format!("--field-selector=spec.nodeName={node}");
    let pods = get(cluster, &["pods", "--all-namespaces", &field])?;
    let containers = pods["items"].as_array().into_iter().flatten();
    let containers = containers.flat_map(|pod| pod["spec"]["containers"].as_array().into_iter().flatten());
    let requests = containers.map(|container| &container["resources"]["requests"]["cpu"]);
    let used: u64 = requests
        .filter(|cpu| !cpu.is_null())
        .map(millis)
        .sum::<Result<u64>>()?;
    let cpu = format!("{}m", free.saturating_sub(used + LEFT));
    let hog = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": HOG},
        "spec": {
            "terminationGracePeriodSeconds": 0, "restartPolicy": "Never",
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]},
            ]}}},
            // One that ends takes no room any more; this one never starts.
            "containers": [{"name": HOG, "image": "none.invalid/none:1", "resources": {"requests": {"cpu": cpu}}}],
        },
    });
    stage::apply(cluster, &hog.to_string())?;
    wait_for("the room on the node to be taken", SOON, || {
        let pod = get(cluster, &["pod", HOG])?;
        Ok((pod["spec"]["nodeName"] == node).then_some(()))
    })
}

/// `2` and `150m`, in thousandths.
fn millis(cpu: &Value) -> Result<u64> {
    let text = cpu.as_str().context("the number of processors is no text")?;
    match text.strip_suffix('m') {
        Some(millis) => millis.parse().context("read thousandths of a processor"),
        None => Ok(text.parse::<u64>().context("read a number of processors")? * 1000),
    }
}

fn evicted(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let (ordered, source_agent) = trial.order_and_hold()?;
    evict(cluster, COPY)?;
    source_agent.go_on();
    let expected = Undone {
        fault: "copy evicted before it woke up",
        reason: "TargetRejected",
        says: &[COPY, "Eviction"],
    };
    trial.undone(&ordered, &expected)
}

fn out_of_memory(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let (ordered, source_agent) = trial.order_and_hold()?;
    let uid = Sample::incarnation(cluster, COPY)?.0;
    let pause = in_cgroup_named(&format!("pod{uid}"))?.context("the copy's pod has no process yet")?;
    let sandbox = cgroup(pause, "memory")?;
    starve(sandbox.parent().context("the sandbox has no cgroup above it")?)?;
    source_agent.go_on();
    // Killed by the kernel, or by us where the kernel lets it wait for memory.
    let expected = Undone {
        fault: "copy without the memory it needs",
        reason: "RestoreFailed",
        says: &["memory limit"],
    };
    trial.undone(&ordered, &expected)
}

/// Version 1 and version 2 name the two files differently.
fn starve(pod: &Path) -> Result<()> {
    let files = [
        ("memory.usage_in_bytes", "memory.limit_in_bytes"),
        ("memory.current", "memory.max"),
    ];
    let (used, limit) = files
        .into_iter()
        .map(|(used, limit)| (pod.join(used), pod.join(limit)))
        .find(|(used, _)| used.exists())
        .with_context(|| format!("{} limits no memory", pod.display()))?;
    let text = fs::read_to_string(&used).with_context(|| format!("read {}", used.display()))?;
    let used: u64 = text.trim().parse().context("read how much memory is used")?;
    ensure!(
        used > 0,
        "the pod uses no memory: {} is not its cgroup",
        pod.display()
    );
    fs::write(&limit, (used + TOO_LITTLE).to_string()).with_context(|| format!("write {}", limit.display()))
}
