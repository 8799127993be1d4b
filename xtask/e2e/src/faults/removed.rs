//! An administrator takes the finalizer off and deletes a migration whose first handoff is committed: its memory is with the stand-in
//! alone, and no object is left by which the pod of the old name could get it.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::super::Bench;
use super::dead_ends::patched;
use super::{POD, SHADOW, SOON, Trial, reached_second_handoff};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Sample, capture};

/// Before the command.
const TO_TYPE: &str = "To delete it and lose that, type: kubectl ";

/// A pod serves again at once; the log says what is left and what to type, and after that nothing is.
pub(in super::super) fn after_the_commit(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    let cluster = trial.cluster();
    trial.order()?;
    reached_second_handoff(cluster)?;
    let object = stage::migration(cluster, POD)?;
    let name = object["metadata"]["name"].as_str();
    let name = name.context("the migration has no name")?;
    // In this order: to an object that is being deleted the controller cannot add its finalizer again.
    capture(cluster.kubectl(["delete", "statefulmigration", name, "--wait=false"]))?;
    patched(cluster, name, &[], "/metadata/finalizers")?;
    wait_for("the queue to be consumed", SOON, || {
        let queue = stage::consumed_queue(cluster, POD)?;
        Ok((queue.as_deref() == Some("orders.orders-0")).then_some(()))
    })?;
    let told = told(cluster, name)?;
    typed(cluster, &told)?;
    deleted_at_the_broker(cluster, &told)?;
    Sample::wait(cluster)?;
    trial.worked_off()
}

/// The line of the log that says what is left.
fn told(cluster: &Cluster, name: &str) -> Result<Value> {
    let system = "--namespace=shadow-system";
    let log = ["logs", system, "deployment/shadow-controller", "--tail=-1"];
    let line = wait_for("the log to say what is left", SOON, || {
        let log = capture(cluster.kubectl(log))?;
        let told = log
            .lines()
            .find(|line| line.contains(name) && line.contains(TO_TYPE));
        Ok(told.map(str::to_owned))
    })?;
    let line: Value = serde_json::from_str(&line).context("a line of the log is no JSON")?;
    Ok(line["fields"].clone())
}

/// Does what is advised.
fn typed(cluster: &Cluster, told: &Value) -> Result<()> {
    let message = told["message"].as_str().unwrap_or_default();
    let command = message.split_once(TO_TYPE).map(|(_, rest)| rest);
    let command = command.and_then(|rest| rest.split('.').next());
    let command = command.context("no command")?;
    ensure!(
        command == format!("delete pod --namespace default {SHADOW}"),
        "it advises {command:?}"
    );
    capture(cluster.kubectl(command.split(' '))).map(drop)
}

/// Those of the queues that are left.
fn deleted_at_the_broker(cluster: &Cluster, told: &Value) -> Result<()> {
    let named = told["queues"].as_str().unwrap_or_default();
    let left = stage::broker_queues(cluster)?.into_iter();
    for queue in left.filter(|queue| named.split(", ").any(|one| one == queue)) {
        stage::broker_api(cluster, "DELETE", &stage::queue_path(cluster, &queue))?;
    }
    Ok(())
}
