//! A pod that a controller of before has begun to move, as far as its Lease tells: a controller that wakes up late
//! leaves it alone while the holder lives, and takes it over when the holder has ended.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::parts::{Away, Part};
use super::{Bench, exact_messages, nothing_left};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Load, Oracle, Sample, get};

const LOAD: Load = Load::of(40);
const LIMIT: Duration = Duration::from_secs(60);
const POD: &str = "orders-0";
/// Who holds the Lease of `POD`, and has another one to move.
const HOLDER: &str = "holder";
const LATE: &str = "late";

pub(super) fn held_and_left(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let oracle = Oracle::start(cluster, &bench.product, POD, LOAD)?;
    oracle.run_for(Duration::from_secs(2));
    let incarnation = Sample::incarnation(cluster, POD)?;
    let lease = format!("pod-{}", incarnation.0);
    let away = Away::taken(cluster, Part::Controller)?;
    stage::apply(cluster, &ordered(HOLDER, "orders-1", cluster)?)?;
    stage::apply(cluster, &ordered(LATE, POD, cluster)?)?;
    let holder = get(cluster, &["statefulmigration", HOLDER])?;
    let uid = holder["metadata"]["uid"]
        .as_str()
        .context("the holder has no UID")?;
    stage::apply(cluster, &held_by(uid, &lease))?;
    away.brought_back()?;

    let late = ended(cluster, LATE)?;
    let why = late["status"]["rollback"].to_string();
    ensure!(
        late["status"]["phase"] == "Failed" && why.contains(HOLDER) && why.contains(&lease),
        "who came late ended {} {why}",
        late["status"]["phase"]
    );
    ensure!(
        Sample::incarnation(cluster, POD)? == incarnation,
        "{POD} was touched although another migration holds its Lease"
    );
    let holder = ended(cluster, HOLDER)?;
    ensure!(
        holder["status"]["phase"] == "Completed",
        "the holder's own move ended {} {}",
        holder["status"]["phase"],
        holder["status"]["rollback"]
    );

    let target = Sample::other_node(cluster, POD)?;
    let moved = stage::migrate(cluster, &bench.product, POD, target)?;
    ensure!(
        moved.phase() == "Completed",
        "a Lease whose holder has ended was not taken over: {}",
        moved.why()
    );
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    for name in [HOLDER, LATE] {
        stage::delete(cluster, "statefulmigration", name)?;
    }
    nothing_left(cluster)
}

fn ended(cluster: &Cluster, name: &str) -> Result<Value> {
    wait_for(&format!("migration {name} to end"), LIMIT, || {
        let object = get(cluster, &["statefulmigration", name])?;
        let over = matches!(object["status"]["phase"].as_str(), Some("Completed" | "Failed"));
        Ok(over.then_some(object))
    })
}

fn ordered(name: &str, pod: &str, cluster: &Cluster) -> Result<String> {
    let target = Sample::other_node(cluster, pod)?;
    Ok(json!({
        "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
        "metadata": {"name": name},
        "spec": {"sourcePod": pod, "targetNode": target},
    })
    .to_string())
}

fn held_by(uid: &str, lease: &str) -> String {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        // Without the label that ours bear: who takes it over marks it, or it would stay for ever.
        "metadata": {"name": lease, "namespace": "shadow-system"},
        "spec": {"holderIdentity": uid},
    })
    .to_string()
}
