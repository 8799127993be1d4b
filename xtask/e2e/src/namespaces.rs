//! A namespace that is deleted while a pod of it is moved: it is gone within a minute, whatever the move does then, and what is left
//! at the broker stands in the controller's log.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::lanes::{ended, prepared};
use super::{Bench, nothing_left};
use xtask_lab::cluster::{Cluster, Tenant, wait_for};
use xtask_lab::stage::{self, Product, Sample, capture, get};

const NAMESPACE: &str = "goes";
const POD: &str = "orders-0";
/// Control queues that the applications of the two replicas declare.
const OWN: [&str; 2] = ["ms2m.control.orders-0", "ms2m.control.orders-1"];
/// An undisturbed move takes about as long, ms; it is cut into so many parts, each with one deletion at its begin.
const MOVE: u64 = 4_800;
const PARTS: u64 = 6;
/// As promised.
const GONE: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(30);
const LOG: &str = "something that the move needs is gone for good";

pub(super) fn deleted(bench: &Bench) -> Result<()> {
    let tenants = [NAMESPACE.to_owned()];
    let result = (0..PARTS).try_for_each(|part| deleted_in(bench, &tenants, part));
    let removed = ended(&bench.cluster, &tenants).context("remove the namespace");
    result?;
    removed?;
    nothing_left(&bench.cluster)
}

fn deleted_in(bench: &Bench, tenants: &[String], part: u64) -> Result<()> {
    let _programs = prepared(bench, tenants)?;
    let cluster = bench.cluster.of(Tenant::Named(NAMESPACE.to_owned()));
    Sample::deploy(&cluster, &[])?;
    let target = Sample::other_node(&cluster, POD)?;
    let product = Product::built(bench.product.programs().clone());
    let mut plugin = stage::migrate_command(&cluster, &product, POD, target)?;
    plugin.arg("--no-wait");
    capture(plugin)?;
    wait_for("the plan", SOON, || {
        Ok((!stage::migration(&cluster, POD)?["status"]["plan"].is_null()).then_some(()))
    })?;
    // A moment in the life of the move, not the wait for an event.
    std::thread::sleep(Duration::from_millis(MOVE * part / PARTS));
    let object = stage::migration(&cluster, POD)?;
    let uid = object["metadata"]["uid"]
        .as_str()
        .context("it has no UID")?
        .to_owned();
    let intent = &object["status"]["intent"];
    let step = format!("{} of handoff {}", intent["step"], intent["leg"]);
    let begun = Instant::now();
    capture(
        bench
            .cluster
            .kubectl(["delete", "namespace", NAMESPACE, "--wait=false"]),
    )?;
    wait_for("the namespace to be gone", GONE, || {
        let namespaces = get(&bench.cluster, &["namespaces"])?;
        let mut all = namespaces["items"].as_array().into_iter().flatten();
        Ok((!all.any(|one| one["metadata"]["name"] == NAMESPACE)).then_some(()))
    })
    .with_context(|| format!("deleted in {step}"))?;
    let took = begun.elapsed();
    let left = told(bench, &cluster, &uid).with_context(|| format!("deleted in {step}"))?;
    println!(
        "     deleted in {step}: gone after {:.1} s, left at the broker: {left:?}",
        took.as_secs_f64()
    );
    nothing_in_kubernetes(bench, &uid)
}

/// What is left of ours at the broker, all of which the controller's log names.
fn told(bench: &Bench, cluster: &Cluster, uid: &str) -> Result<Vec<String>> {
    let queues = stage::broker_queues(cluster)?;
    let ours = queues.into_iter().filter(|queue| queue.starts_with("ms2m."));
    let (own, left): (Vec<String>, Vec<String>) = ours.partition(|queue| OWN.contains(&queue.as_str()));
    let log = capture(bench.cluster.kubectl([
        "logs",
        "--namespace=shadow-system",
        "deployment/shadow-controller",
        "--tail=-1",
    ]))?;
    let said: Vec<&str> = log
        .lines()
        .filter(|line| line.contains(LOG) && line.contains(uid))
        .collect();
    for queue in &left {
        ensure!(
            said.iter().any(|line| line.contains(queue.as_str())),
            "queue {queue} is left, and the log does not name it: {said:?}"
        );
        stage::broker_api(cluster, "DELETE", &stage::queue_path(cluster, queue))?;
    }
    // The next one of the name must not read what is left for this one.
    for queue in &own {
        stage::broker_api(cluster, "DELETE", &stage::queue_path(cluster, queue))?;
    }
    Ok(left)
}

fn nothing_in_kubernetes(bench: &Bench, uid: &str) -> Result<()> {
    wait_for("rules and leases to be gone", SOON, || {
        let rules = get(&bench.cluster, &["mutatingwebhookconfigurations"])?;
        let leases = get(&bench.cluster, &["leases", "--namespace=shadow-system"])?;
        let all = json!([rules, leases]).to_string();
        Ok((!all.contains(uid)).then_some(()))
    })
}
