//! What an eviction waits for in a namespace that opted in, and what ends the wait: a node that comes, a budget, a drain that is given up, a
//! node that leaves too soon.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::drains::{NODE, OTHER, Uncordoned, cordoned, migrations};
use super::evictions::{Answer, OptedIn, PODS, evict, finished, moved_once, until_gone, watched};
use super::faults::stopped::Stopped;
use super::{Bench, nothing_left};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Sample, capture, get};

const SOON: Duration = Duration::from_secs(60);
const BUDGET: &str = "orders";
const LEAVES_AT: &str = "migration.ms2m.io/leaves-at";

/// No node can take the pod when it is evicted; one comes while it waits.
pub(super) fn for_a_node(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let opted_in = OptedIn::deployed(cluster)?;
    let oracles = watched(bench)?;
    let pod = PODS[0];
    let coming = cordoned(cluster, OTHER)?;
    for _ in 0..3 {
        let answer = evict(cluster, pod, None, false)?;
        ensure!(
            answer.is("TooManyRequests"),
            "{pod} does not wait for a node: {answer:?}"
        );
    }
    let waits = waiting(cluster, "Node")?;
    ensure!(
        waits["reason"].as_str().is_some_and(|why| why.contains(OTHER)),
        "it does not name the node: {waits}"
    );
    ensure!(migrations(cluster)?.is_empty(), "a move without a node");
    drop(coming);
    until_gone(cluster, pod, None)?;
    let (copy, _) = Sample::incarnation(cluster, pod)?;
    moved_once(cluster, pod, &copy)?;
    finished(oracles)?;
    opted_in.removed()?;
    nothing_left(cluster)
}

/// The budget allows one to leave; while a move takes that place, an eviction as ever of another pod waits.
pub(super) fn for_a_budget(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let opted_in = OptedIn::deployed(cluster)?;
    let oracles = watched(bench)?;
    let [first, second] = PODS;
    let as_ever = [
        "label",
        "--overwrite",
        "pod",
        second,
        "migration.ms2m.io/evictions=evict",
    ];
    capture(cluster.kubectl(as_ever))?;
    budget(cluster, 1)?;
    // The copy does not start, so the move lasts.
    let kubelet = Stopped::kubelet(cluster, OTHER)?;
    let answer = evict(cluster, first, None, false)?;
    ensure!(answer.is("TooManyRequests"), "{first} is not moved: {answer:?}");
    wait_for("the move to begin", SOON, || {
        let all = migrations(cluster)?;
        Ok(all
            .iter()
            .any(|one| one["status"]["plan"].is_object())
            .then_some(()))
    })?;
    let answer = evict(cluster, second, None, false)?;
    ensure!(
        answer.is("TooManyRequests") && answer.says("moves that evictions caused take them"),
        "{second} leaves beside a move that takes the only place: {answer:?}"
    );
    kubelet.go_on();
    until_gone(cluster, first, None)?;
    wait_for("the place to be free again", SOON, || {
        let answer = evict(cluster, second, None, true)?;
        Ok((answer == Answer::Evicted).then_some(()))
    })?;
    let (copy, _) = Sample::incarnation(cluster, first)?;
    moved_once(cluster, first, &copy)?;
    stage::delete(cluster, "poddisruptionbudget", BUDGET)?;
    finished(oracles)?;
    opted_in.removed()?;
    nothing_left(cluster)
}

/// The move waits for its budget; when its node takes pods again, nothing of the eviction is left.
pub(super) fn given_up(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let opted_in = OptedIn::deployed(cluster)?;
    let pod = PODS[0];
    let (before, _) = Sample::incarnation(cluster, pod)?;
    budget(cluster, 2)?;
    let drained = cordoned(cluster, NODE)?;
    let answer = evict(cluster, pod, None, false)?;
    ensure!(answer.is("TooManyRequests"), "{pod} does not wait: {answer:?}");
    waiting(cluster, "Budget")?;
    let answer = evict(cluster, pod, None, false)?;
    ensure!(
        answer.is("TooManyRequests") && answer.says(&format!("PodDisruptionBudget {BUDGET}")),
        "it does not say for what it waits: {answer:?}"
    );
    drop(drained);
    wait_for("the eviction to be forgotten", SOON, || {
        let marks = get(cluster, &["evacuations"])?;
        Ok((marks["items"] == json!([])).then_some(()))
    })?;
    stage::delete(cluster, "poddisruptionbudget", BUDGET)?;
    ensure!(migrations(cluster)?.is_empty(), "it was moved all the same");
    let (now, _) = Sample::incarnation(cluster, pod)?;
    ensure!(before == now, "{pod} has left");
    opted_in.removed()?;
    nothing_left(cluster)
}

/// Its node leaves before a move could end: the pod is evicted as ever, with the reason as an Event.
pub(super) fn too_late(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let opted_in = OptedIn::deployed(cluster)?;
    let pod = PODS[0];
    let _uncordoned: Uncordoned<'_> = cordoned(cluster, NODE)?;
    let leaves = Leaves::soon(cluster)?;
    let answer = wait_for("the eviction to go through", SOON, || {
        let answer = evict(cluster, pod, None, false)?;
        Ok((!answer.is("TooManyRequests")).then_some(answer))
    })?;
    ensure!(answer == Answer::Evicted, "not evicted: {answer:?}");
    ensure!(migrations(cluster)?.is_empty(), "a move was ordered");
    wait_for("the reason as an Event", SOON, || {
        let events = get(cluster, &["events", "--field-selector=reason=EvictedWithoutMove"])?;
        let all = events["items"].as_array().cloned().unwrap_or_default();
        let says = |event: &Value| event["message"].to_string().contains(LEAVES_AT);
        Ok(all.iter().any(says).then_some(()))
    })?;
    drop(leaves);
    opted_in.removed()?;
    nothing_left(cluster)
}

/// A node that leaves in a second, until this is dropped.
struct Leaves<'a>(&'a Cluster);

impl<'a> Leaves<'a> {
    fn soon(cluster: &'a Cluster) -> Result<Self> {
        let at = jiff::Timestamp::now() + Duration::from_secs(1);
        let at = format!("{LEAVES_AT}={at:.0}");
        capture(cluster.kubectl(["annotate", "--overwrite", "node", NODE, &at]))?;
        Ok(Self(cluster))
    }
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        let off = self
            .0
            .kubectl(["annotate", "node", NODE, &format!("{LEAVES_AT}-")]);
        if let Err(error) = capture(off) {
            eprintln!("{NODE} is still said to leave: {error:#}");
        }
    }
}

/// The status of the one Evacuation, once it waits for this.
fn waiting(cluster: &Cluster, waits_for: &str) -> Result<Value> {
    wait_for("the eviction to wait", SOON, || {
        let status = get(cluster, &["evacuations"])?["items"][0]["status"].take();
        Ok((status["waiting"]["for"] == *waits_for).then_some(status))
    })
}

/// So many of the sample's two pods have to stay; its state is known when this returns.
fn budget(cluster: &Cluster, stay: u8) -> Result<()> {
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": BUDGET},
        "spec": {"minAvailable": stay, "selector": {"matchLabels": {"app": "orders"}}}});
    stage::apply(cluster, &budget.to_string())?;
    wait_for("the budget to be counted", SOON, || {
        let status = get(cluster, &["poddisruptionbudget", BUDGET])?["status"].take();
        Ok((status["disruptionsAllowed"] == 2 - stay).then_some(()))
    })
}
