//! Every kind of pod that can be moved, each in the way that its owner and its volumes need.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Bench, exact_messages, kept_every_promise, nothing_left};
use xtask_lab::cluster::Cluster;
use xtask_lab::stage::{self, Load, Move, Oracle, Sample, Single, Watch, get};

const LOAD: Load = Load::of(100);
const WARM_UP: Duration = Duration::from_secs(3);
/// There and back.
const MOVES: u32 = 2;

/// Its ReplicaSet adopts the copy, lets the source go, and never has a pod less than it wants.
pub(super) fn of_a_deployment(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let single = Single::Deployment;
    single.deploy(cluster)?;
    let mut pods = BTreeSet::from([single.pod(cluster)?]);
    let selector = format!("--selector=app={}", single.name());
    let available = Watch::start(
        cluster,
        &["deployment", single.name()],
        "{.status.availableReplicas}",
    )?;
    let seen = Watch::start(cluster, &["pods", &selector], "{.metadata.name}")?;
    let oracle = Oracle::start(cluster, &bench.product, single.stream(), LOAD)?;
    oracle.run_for(WARM_UP);
    for _ in 0..MOVES {
        let from = single.pod(cluster)?;
        let moved = moved(bench, &from, &[])?;
        let to = taker(&moved)?;
        ensure!(to != from, "the copy cannot have the source's name");
        adopted(cluster, &to)?;
        pods.insert(to);
    }
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    kept_every_promise(&report)?;
    let seen: BTreeSet<String> = seen.finish()?.into_iter().collect();
    ensure!(
        seen == pods,
        "other pods than the moved ones were started: {seen:?} instead of {pods:?}"
    );
    let available = available.finish()?;
    ensure!(
        !available.is_empty()
            && available
                .iter()
                .all(|replicas| replicas == "1" || replicas == "2"),
        "the Deployment had less than it wants: available replicas were {available:?}"
    );
    nothing_left(cluster)?;
    single.remove(cluster)
}

/// Moved twice, it has its first name again.
pub(super) fn that_nobody_owns(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let single = Single::Pod;
    single.deploy(cluster)?;
    let first = single.pod(cluster)?;
    let oracle = Oracle::start(cluster, &bench.product, single.stream(), LOAD)?;
    oracle.run_for(WARM_UP);
    for _ in 0..MOVES {
        moved(bench, &single.pod(cluster)?, &[])?;
    }
    ensure!(
        single.pod(cluster)? == first,
        "after two moves the pod is called {} instead of {first}",
        single.pod(cluster)?
    );
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    kept_every_promise(&report)?;
    nothing_left(cluster)?;
    single.remove(cluster)
}

/// It speaks no protocol: its single-active queue is held without it.
pub(super) fn that_knows_nothing(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let single = Single::Plain;
    single.deploy(cluster)?;
    let oracle = Oracle::start(cluster, &bench.product, single.stream(), LOAD)?;
    oracle.run_for(WARM_UP);
    for _ in 0..MOVES {
        let moved = moved(bench, &single.pod(cluster)?, &[])?;
        let hold = &moved.object["status"]["plan"]["queue"]["hold"];
        ensure!(hold == "SingleActive", "the queue was held by {hold}");
        let verdict = &moved.object["status"]["verdict"];
        ensure!(verdict["exact"] == true, "the verdict is {verdict}");
    }
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    kept_every_promise(&report)?;
    nothing_left(cluster)?;
    single.remove(cluster)
}

/// The source goes first, as asked. Its Service has nobody meanwhile, so requests may fail.
pub(super) fn sequentially(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    sequential_moves(bench, &["--strategy", "sequential"], "as asked")
}

/// A volume that one node can mount at a time moves with its pod: nobody has to say so.
pub(super) fn with_its_volume(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    deploy_with_volumes(bench, &["--journal", "/data/journal"])?;
    sequential_moves(bench, &[], "volume data (claim data-orders-0)")?;
    let mut cat = cluster.run_on_node(Cluster::node_names()[0], "cat")?;
    cat.arg("/mnt/shared/data-orders-0/journal");
    let journal = stage::capture(cat)?;
    ensure!(
        journal == "started\n",
        "the process was started anew; its journal says {journal:?}"
    );
    Sample::remove_volumes(cluster)
}

/// The sample with a volume for each replica, which is empty.
pub(super) fn deploy_with_volumes(bench: &Bench, arguments: &[&str]) -> Result<()> {
    let cluster = &bench.cluster;
    for pod in ["orders-0", "orders-1"] {
        // What an earlier run wrote stays on the disk.
        let mut clear = cluster.run_on_node(Cluster::node_names()[0], "rm")?;
        clear.args(["-rf", &format!("/mnt/shared/data-{pod}")]);
        stage::capture(clear)?;
        stage::apply(cluster, &volume(cluster.namespace(), pod).to_string())?;
    }
    Sample::deploy_with_volume(cluster, arguments)
}

fn sequential_moves(bench: &Bench, arguments: &[&str], reason: &str) -> Result<()> {
    let cluster = &bench.cluster;
    let bystander = Sample::incarnation(cluster, "orders-1")?;
    let oracle = Oracle::start(cluster, &bench.product, "orders-0", LOAD)?;
    oracle.run_for(WARM_UP);
    for _ in 0..MOVES {
        let moved = moved(bench, "orders-0", arguments)?;
        let plan = &moved.object["status"]["plan"];
        ensure!(
            plan["strategy"] == "Sequential",
            "the strategy was {}",
            plan["strategy"]
        );
        let because = plan["because"].as_str().unwrap_or_default();
        ensure!(
            because.contains(reason),
            "the plan says {because:?}, not {reason:?}"
        );
        Sample::check_own_spec(cluster, "orders-0")?;
    }
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    ensure!(
        Sample::incarnation(cluster, "orders-1")? == bystander,
        "orders-1 was restarted or replaced"
    );
    nothing_left(cluster)
}

/// A StatefulSet that starts its pods one after the other: the one in the middle moves, the others stay.
pub(super) fn of_an_ordered_set(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let (pod, others) = ("orders-1", ["orders-0", "orders-2"]);
    Sample::deploy_ordered(cluster, 3)?;
    let before: Vec<_> = others
        .iter()
        .map(|other| Sample::incarnation(cluster, other))
        .collect::<Result<_>>()?;
    let oracle = Oracle::start(cluster, &bench.product, pod, LOAD)?;
    oracle.run_for(WARM_UP);
    moved(bench, pod, &[])?;
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    kept_every_promise(&report)?;
    for (other, before) in others.iter().zip(before) {
        ensure!(
            Sample::incarnation(cluster, other)? == before,
            "{other} was restarted or replaced while {pod} was moved"
        );
    }
    nothing_left(cluster)?;
    Sample::remove(cluster)
}

/// Moves a pod to the other node, which has to work.
pub(super) fn moved(bench: &Bench, pod: &str, arguments: &[&str]) -> Result<Move> {
    let cluster = &bench.cluster;
    let target = Sample::other_node(cluster, pod)?;
    let moved = stage::migrate_with(cluster, &bench.product, pod, target, arguments)?;
    ensure!(
        moved.phase() == "Completed" && moved.code == 0,
        "the move of {pod} ended {}: {}",
        moved.phase(),
        moved.why()
    );
    let to = taker(&moved)?;
    ensure!(Sample::node(cluster, &to)? == target, "{to} is not on {target}");
    println!(
        "     {pod} to {to} on {target}: total {} ms, longest pause {}",
        moved.wall.as_millis(),
        moved.object["status"]["pause"].as_str().unwrap_or("?")
    );
    Ok(moved)
}

/// Pod that has the stream at the end.
fn taker(moved: &Move) -> Result<String> {
    let legs = moved.object["status"]["legs"].as_array();
    let last = legs
        .and_then(|legs| legs.last())
        .context("the move had no handoff")?;
    last["to"]["pod"]
        .as_str()
        .map(str::to_owned)
        .context("the handoff names no pod")
}

fn adopted(cluster: &Cluster, pod: &str) -> Result<()> {
    let pod = get(cluster, &["pod", pod])?;
    let owner = &pod["metadata"]["ownerReferences"][0];
    ensure!(
        owner["kind"] == "ReplicaSet" && owner["controller"] == true,
        "nobody adopted it: {owner}"
    );
    ensure!(
        !pod["metadata"]["labels"]["pod-template-hash"].is_null(),
        "it lacks its ReplicaSet's label"
    );
    Ok(())
}

/// On the shared disk, which every node can mount.
fn volume(namespace: &str, pod: &str) -> Value {
    let name = format!("data-{pod}");
    json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "",
            "claimRef": {"namespace": namespace, "name": name},
            "flexVolume": {"driver": "kubectl-shadow/shared", "options": {"folder": name}},
        },
    })
}
