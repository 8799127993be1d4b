//! An administrator takes the finalizer off and deletes a migration whose first handoff is committed: its memory is with the stand-in
//! alone, and no object is left by which the pod of the old name could get it.

use anyhow::{Context, Result, ensure};

use super::super::Bench;
use super::dead_ends::patched;
use super::{POD, SHADOW, SOON, Trial, reached_second_handoff};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Sample, capture};

/// A pod serves again at once; the log says what is left and what to type, and after that nothing is.
pub(in super::super) fn after_the_commit(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    let cluster = trial.cluster();
    trial.order()?;
    reached_second_handoff(cluster)?;
    let object = stage::migration(cluster, POD)?;
    let name = object["metadata"]["name"].as_str();
    let name = name.context("the migration has no name")?;
    let uid = object["metadata"]["uid"].as_str();
    let uid = uid.context("the migration has no UID")?;
    patched(cluster, name, &[], "/metadata/finalizers")?;
    let gone = [
        "delete",
        "statefulmigration",
        name,
        "--wait=true",
        "--timeout=10s",
    ];
    capture(cluster.kubectl(gone))?;
    wait_for("the queue to be consumed", SOON, || {
        let queue = stage::consumed_queue(cluster, POD)?;
        Ok((queue.as_deref() == Some("orders.orders-0")).then_some(()))
    })?;
    typed(cluster, name)?;
    for queue in stage::broker_queues(cluster)? {
        if queue.contains(uid) {
            stage::broker_api(cluster, "DELETE", &stage::queue_path(cluster, &queue))?;
        }
    }
    Sample::wait(cluster)?;
    trial.worked_off()
}

/// What the log advises.
fn typed(cluster: &Cluster, name: &str) -> Result<()> {
    const TO_TYPE: &str = "To delete it and lose that, type: kubectl ";
    let log = [
        "logs",
        "--namespace=shadow-system",
        "deployment/shadow-controller",
        "--tail=-1",
    ];
    let advice = wait_for("the log to say what is left", SOON, || {
        let log = capture(cluster.kubectl(log))?;
        let told = log
            .lines()
            .find(|line| line.contains(name) && line.contains(TO_TYPE));
        Ok(told
            .and_then(|line| line.split_once(TO_TYPE))
            .map(|(_, rest)| rest.to_owned()))
    })?;
    let command = advice.split('.').next().context("no command")?;
    ensure!(
        command == format!("delete pod --namespace default {SHADOW}"),
        "it advises {command:?}"
    );
    capture(cluster.kubectl(command.split(' '))).map(drop)
}
