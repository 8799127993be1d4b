//! What has ended does not stay for ever: the controller deletes it after its own time, or when later ones of its pod take its place.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::reference::{apply, broker_url};
use super::{Bench, nothing_left};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{Sample, capture, get};

const POD: &str = "orders-0";
const CONTROLLER: &str = "--as=system:serviceaccount:shadow-system:shadow-controller";
/// The shortest that the API takes.
const TIME: Duration = Duration::from_secs(30);
/// As many as the controller keeps of one pod unless it is told otherwise.
const KEPT: usize = 10;
/// To be refused, one after the other at worst; and to be found old enough by the next look.
const SOON: Duration = Duration::from_secs(90);

/// Each of them is refused for its queue, so that no pod is touched.
pub(super) fn of_what_has_ended(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    capture(cluster.kubectl(["delete", "statefulmigrations", "--all", "--wait=true"]))?;
    let before = Sample::incarnation(cluster, POD)?;
    after_its_time(cluster)?;
    beyond_the_limit(cluster)?;
    ensure!(
        before == Sample::incarnation(cluster, POD)?,
        "{POD} is another one now"
    );
    not_before_its_end(cluster)?;
    Sample::remove(cluster)?;
    nothing_left(cluster)
}

/// The API server itself refuses it to the controller while a move is under way.
fn not_before_its_end(cluster: &Cluster) -> Result<()> {
    let name = "under-way";
    let manifest = json!({
        "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration", "metadata": {"name": name},
        "spec": {"sourcePod": POD, "ttlSecondsAfterFinished": TIME.as_secs()},
    });
    apply(cluster, &manifest.to_string())?;
    let output = cluster
        .kubectl([
            "delete",
            "statefulmigration",
            name,
            "--dry-run=server",
            CONTROLLER,
        ])
        .output()
        .context("run kubectl")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        !output.status.success() && said.contains("may delete migrations that have ended only"),
        "a move that is under way may be deleted by the controller: {said}"
    );
    let object = format!("statefulmigration/{name}");
    capture(cluster.kubectl(["wait", &object, "--for=condition=Completed", "--timeout=60s"])).map(drop)
}

fn after_its_time(cluster: &Cluster) -> Result<()> {
    // One pod has one migration at a time.
    for (name, time) in [("stays", None), ("goes", Some(TIME.as_secs()))] {
        order(cluster, name, time)?;
        ended(cluster, name)?;
    }
    let seen = Instant::now();
    wait_for("the end of the migration's time", TIME + SOON, || {
        Ok(names(cluster)?.iter().all(|name| name != "goes").then_some(()))
    })?;
    // It was seen to have ended some moments after its end.
    let kept = seen.elapsed();
    ensure!(
        kept + Duration::from_secs(10) >= TIME,
        "it was deleted {kept:?} after its end was seen, and its time is {TIME:?}"
    );
    let left = names(cluster)?;
    ensure!(left == ["stays"], "there are {left:?}");
    capture(cluster.kubectl(["delete", "statefulmigration", "stays"])).map(drop)
}

fn beyond_the_limit(cluster: &Cluster) -> Result<()> {
    let name = |number: usize| format!("history-{number:02}");
    let all: Vec<String> = (0..KEPT + 2).map(name).collect();
    // Each ends before the next one is ordered, so that it is known which is the oldest.
    for name in &all {
        order(cluster, name, None)?;
        ended(cluster, name)?;
    }
    let (oldest, latest) = all.split_at(2);
    wait_for("the history limit", TIME + SOON, || {
        let left = names(cluster)?;
        Ok(oldest.iter().all(|name| !left.contains(name)).then_some(()))
    })?;
    let left = names(cluster)?;
    ensure!(left == latest, "there are {left:?} instead of {latest:?}");
    Ok(())
}

fn order(cluster: &Cluster, name: &str, time: Option<u64>) -> Result<()> {
    let mut manifest = json!({
        "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration", "metadata": {"name": name},
        "spec": {"sourcePod": POD, "messageQueueConfig": {"queueName": "nothing.here", "brokerUrl": broker_url(cluster)}},
    });
    if let Some(time) = time {
        manifest["spec"]["ttlSecondsAfterFinished"] = json!(time);
    }
    apply(cluster, &manifest.to_string()).map(drop)
}

fn ended(cluster: &Cluster, name: &str) -> Result<()> {
    let object = format!("statefulmigration/{name}");
    capture(cluster.kubectl(["wait", &object, "--for=condition=Failed", "--timeout=60s"])).map(drop)
}

/// Of all that are there, in order.
fn names(cluster: &Cluster) -> Result<Vec<String>> {
    let all = get(cluster, &["statefulmigrations"])?;
    let items = all["items"].as_array().into_iter().flatten();
    let mut names: Vec<String> = items
        .filter_map(|one: &Value| Some(one["metadata"]["name"].as_str()?.to_owned()))
        .collect();
    names.sort_unstable();
    Ok(names)
}
