//! The source's owner changes while it is moved: more and fewer replicas, an eviction, a rollout.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::super::Bench;
use super::{POD, Trial, evict, reached_second_handoff};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Sample, broker_api, capture, get};

pub(in super::super) fn all(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    scaled_in_between(&trial)?;
    trial.exact()?;
    let trial = Trial::begin(bench)?;
    evicted(&trial)?;
    rolled_out(&trial)?;
    rolled_out_after_the_commit(&trial, &json!({}), "first")?;
    rolled_out_after_the_commit(&trial, &json!({"handoff": "Live"}), "second")?;
    trial.worked_off()
}

/// Other replicas come and go; the moved one and its stream do not notice.
fn scaled_in_between(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let ordered = trial.order()?;
    super::reached(cluster, "Stage")?;
    scale(cluster, 3)?;
    reached_second_handoff(cluster)?;
    scale(cluster, 2)?;
    trial.completed_exactly(&ordered, "scaled up and down")?;
    replicas_left(cluster, 2)?;
    // It was the application's own, which does not take it along.
    broker_api(
        cluster,
        "DELETE",
        &stage::queue_path(cluster, "ms2m.control.orders-2"),
    )
    .map(drop)
}

fn scale(cluster: &Cluster, replicas: u32) -> Result<()> {
    let replicas = format!("--replicas={replicas}");
    capture(cluster.kubectl(["scale", "statefulset/orders", &replicas])).map(drop)
}

/// A drain asked for it: the source goes as it would have without us, and the message says who asked.
fn evicted(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let (ordered, source_agent) = trial.order_and_hold()?;
    let before = Sample::incarnation(cluster, POD)?;
    evict(cluster, POD)?;
    source_agent.go_on();
    let object = trial.ended(&ordered, "source evicted")?;
    changed(&object, "Eviction")?;
    wait_for("the StatefulSet to replace the evicted pod", super::SOON, || {
        let pod = Sample::incarnation(cluster, POD).ok();
        Ok(pod.is_some_and(|pod| pod.0 != before.0).then_some(()))
    })?;
    Sample::wait(cluster)
}

/// A rollout begins with the last replica, so there is one only.
fn rolled_out(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    scale(cluster, 1)?;
    replicas_left(cluster, 1)?;
    let (ordered, source_agent) = trial.order_and_hold()?;
    let before = Sample::incarnation(cluster, POD)?;
    capture(cluster.kubectl(["rollout", "restart", "statefulset/orders"]))?;
    wait_for("the rollout to reach the source", super::SOON, || {
        let pod = get(cluster, &["pod", POD])?;
        let goes = !pod["metadata"]["deletionTimestamp"].is_null();
        Ok((goes || pod["metadata"]["uid"] != before.0.as_str()).then_some(()))
    })?;
    source_agent.go_on();
    let object = trial.ended(&ordered, "rolled out")?;
    changed(&object, "rollout")?;
    scale(cluster, 2)?;
    capture(cluster.kubectl(["rollout", "status", "statefulset/orders", "--timeout=60s"]))?;
    Sample::wait(cluster)
}

/// The pod that is made anew is of another revision, so the memory goes with the old one, as in any rollout. Its stand-in goes
/// before it starts. After a live move it works off the backlog, too, which the end waits for.
fn rolled_out_after_the_commit(trial: &Trial<'_>, fields: &Value, template: &str) -> Result<()> {
    let cluster = trial.cluster();
    scale(cluster, 1)?;
    replicas_left(cluster, 1)?;
    let ordered = trial.order_with(fields)?;
    wait_for("the first commit", super::SOON, || {
        let committed = &stage::migration(cluster, POD)?["status"]["legs"][0]["committed"];
        Ok((!committed.is_null()).then_some(()))
    })?;
    let patch = json!({"spec": {"template": {"metadata": {"annotations": {"test": template}}}}});
    capture(cluster.kubectl(["patch", "statefulset", "orders", "--patch", &patch.to_string()]))?;
    let object = trial.ended(&ordered, &format!("rolled out after the commit, {fields}"))?;
    let (phase, verdict) = (&object["status"]["phase"], &object["status"]["verdict"]);
    let because = verdict["because"].as_str().unwrap_or_default();
    ensure!(
        phase == "Completed" && verdict["exact"] == false && because.contains("rolled out"),
        "it ended {phase}: {verdict}"
    );
    capture(cluster.kubectl(["rollout", "status", "statefulset/orders", "--timeout=60s"]))?;
    let annotations = &get(cluster, &["pod", POD])?["metadata"]["annotations"];
    ensure!(annotations["test"] == template, "{POD} has {annotations}");
    scale(cluster, 2)?;
    capture(cluster.kubectl(["rollout", "status", "statefulset/orders", "--timeout=60s"]))?;
    Sample::wait(cluster)
}

fn replicas_left(cluster: &Cluster, replicas: usize) -> Result<()> {
    wait_for("the replicas to go", super::SOON, || {
        let pods = get(cluster, &["pods", "--selector=app=orders"])?;
        Ok((pods["items"].as_array().map_or(0, Vec::len) == replicas).then_some(()))
    })
}

fn changed(object: &Value, word: &str) -> Result<()> {
    let (phase, rollback) = (&object["status"]["phase"], &object["status"]["rollback"]);
    ensure!(
        phase == "Failed" && rollback["reason"] == "SourceChanged",
        "it ended {phase}: {rollback}"
    );
    let message = rollback["message"].as_str().unwrap_or_default();
    ensure!(
        message.contains(word),
        "the message does not say {word:?}: {message}"
    );
    let verdict = &object["status"]["verdict"];
    ensure!(
        verdict["exact"] == false,
        "the source went, and the verdict is {verdict}"
    );
    Ok(())
}
