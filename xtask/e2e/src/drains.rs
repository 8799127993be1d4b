//! `kubectl shadow drain`: all consumers of a node are moved, exactly and once each; every other pod has a reason; an interrupted
//! drain goes on where it was.

use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::{Bench, exact_messages, nothing_left};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Load, Oracle, Sample, Single, capture, get};

const LOAD: Load = Load::of(40);
pub(super) const NODE: &str = "node-a";
pub(super) const OTHER: &str = "node-b";
const SOON: Duration = Duration::from_secs(60);
const SINGLES: [Single; 3] = [Single::Deployment, Single::Pod, Single::Plain];
/// More than any hold of the second run needs.
const MAX_PAUSE: &str = "2m";
/// Streams whose every message is known.
const WATCHED: [&str; 3] = ["orders-0", "lone", "plain-0"];

/// Five consumers of four kinds, a Job's pod and a pod under a spent budget.
pub(super) fn of_five_consumers(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let _uncordoned = Uncordoned(cluster, NODE);
    let consumers = deployed(bench)?;
    let oracles = WATCHED
        .iter()
        .map(|stream| Oracle::start(cluster, &bench.product, stream, LOAD))
        .collect::<Result<Vec<_>>>()?;
    for oracle in &oracles {
        oracle.run_for(Duration::from_secs(2));
    }
    planned(bench, consumers.len())?;
    stopped(bench)?;
    finished(bench, &consumers)?;
    evicted(bench)?;
    for oracle in oracles {
        let report = oracle.finish()?;
        println!("     {}", stage::summary(&report));
        exact_messages(&report)?;
    }
    removed(cluster)?;
    nothing_left(cluster)
}

/// All of them on one node; the names of the consumers.
pub(super) fn deployed(bench: &Bench) -> Result<Vec<String>> {
    let cluster = &bench.cluster;
    // The migrations of the drain are counted.
    capture(cluster.kubectl(["delete", "statefulmigrations", "--all", "--wait=true"]))?;
    let cordoned = cordoned(cluster, OTHER)?;
    Sample::deploy(cluster, &[])?;
    for single in SINGLES {
        single.deploy(cluster)?;
    }
    stage::apply(cluster, &others().to_string())?;
    drop(cordoned);
    for app in ["web", "report"] {
        wait_for("an ordinary pod to run", SOON, || {
            let pods = get(cluster, &["pods", &format!("--selector=app={app}")])?;
            Ok((pods["items"][0]["status"]["phase"] == "Running").then_some(()))
        })?;
    }
    let mut consumers = vec!["orders-0".to_owned(), "orders-1".to_owned()];
    for single in SINGLES {
        consumers.push(single.pod(cluster)?);
    }
    for pod in &consumers {
        ensure!(Sample::node(cluster, pod)? == NODE, "{pod} is not on {NODE}");
    }
    Ok(consumers)
}

/// A pod whose budget is spent, and a Job's pod that names a queue.
fn others() -> Value {
    let pause = json!({"terminationGracePeriodSeconds": 0, "containers": [{"name": "pause", "image": "10.100.0.1:5000/pause:1"}]});
    let mut of_job = pause.clone();
    of_job["restartPolicy"] = "Never".into();
    let web = json!({"app": "web"});
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 1,
            "selector": {"matchLabels": web}, "template": {"metadata": {"labels": web}, "spec": pause}}},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": web}}},
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "report"}, "spec": {"template": {
            "metadata": {"labels": {"app": "report"}, "annotations": {
                "migration.ms2m.io/queue": "orders.report", "migration.ms2m.io/broker-secret": "orders-broker"}},
            "spec": of_job}}},
    ]})
}

/// What would be done, with a reason for each pod, and nothing is done.
fn planned(bench: &Bench, consumers: usize) -> Result<()> {
    let (output, said) = drained(bench, &["--dry-run"])?;
    let pods = rows(&said)?;
    ensure!(
        output.status.code() == Some(2),
        "a Job's pod cannot be moved: {said}"
    );
    let ready = pods
        .iter()
        .filter(|pod| pod["what"] == "MOVE" && pod["state"] == "READY");
    ensure!(ready.clone().count() == consumers, "not all can be moved: {said}");
    ensure!(
        ready.clone().all(|pod| pod["to"] == OTHER),
        "another node: {said}"
    );
    let reasons = pods
        .iter()
        .filter(|pod| pod["state"] != "READY" || pod["what"] != "MOVE");
    ensure!(
        reasons.clone().all(|pod| pod["why"] != ""),
        "a pod has no reason: {said}"
    );
    let job = pods
        .iter()
        .find(|pod| pod["pod"].as_str().is_some_and(|name| name.starts_with("report")));
    ensure!(
        job.is_some_and(|job| job["state"] == "REFUSED" && job["why"].to_string().contains("Job")),
        "the Job's pod: {said}"
    );
    let node = get(&bench.cluster, &["node", NODE])?;
    ensure!(
        node["spec"]["unschedulable"].is_null(),
        "a dry run cordoned {NODE}"
    );
    ensure!(
        migrations(&bench.cluster)?.is_empty(),
        "a dry run left migrations"
    );
    Ok(())
}

/// Interrupted once while a move is under way: it says so, and no migration goes on.
fn stopped(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let drain = drain(bench, &[])?
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let drain: Child = drain.context("start kubectl-shadow")?;
    wait_for("a move to begin", SOON, || {
        let all = migrations(cluster)?;
        Ok(all
            .iter()
            .any(|one| one["status"]["intent"]["step"] == "Stage")
            .then_some(()))
    })?;
    let pid = Pid::from_raw(i32::try_from(drain.id()).context("a process id")?);
    kill(pid, Signal::SIGINT).context("interrupt the drain")?;
    let output = drain.wait_with_output().context("wait for kubectl-shadow")?;
    let said = text(&output);
    ensure!(output.status.code() == Some(130), "{:?}: {said}", output.status);
    let goes_on = migrations(cluster)?.into_iter().find(|one| {
        !matches!(
            one["status"]["phase"].as_str(),
            Some("Completed" | "Failed" | "Cancelled")
        )
    });
    ensure!(goes_on.is_none(), "a migration goes on: {goes_on:?}");
    println!("     stopped: {}", outcomes(&said)?);
    Ok(())
}

/// The same command again: each consumer is on the other node, and was moved once.
fn finished(bench: &Bench, consumers: &[String]) -> Result<()> {
    let cluster = &bench.cluster;
    let (output, said) = drained(bench, &["--max-pause", MAX_PAUSE])?;
    println!("     went on: {}", outcomes(&said)?);
    ensure!(
        output.status.code() == Some(2),
        "only the Job's pod stays: {said}"
    );
    for pod in rows(&said)?.iter().filter(|pod| pod["what"] == "MOVE") {
        let is_job = pod["pod"].as_str().is_some_and(|name| name.starts_with("report"));
        let wanted = if is_job { "REFUSED" } else { "EXACT" };
        ensure!(pod["state"] == wanted, "{pod}");
    }
    let left = get(
        cluster,
        &["pods", &format!("--field-selector=spec.nodeName={NODE}")],
    )?;
    let left = left["items"].as_array().cloned().unwrap_or_default();
    let consumer = left.iter().find(|pod| {
        let app = pod["metadata"]["labels"]["app"].as_str();
        matches!(app, Some("orders" | "single" | "lone" | "plain"))
    });
    ensure!(consumer.is_none(), "a consumer is left on {NODE}: {consumer:?}");
    let moved = migrations(cluster)?;
    let mut limits = Vec::new();
    for pod in consumers {
        let completed = moved
            .iter()
            .filter(|one| one["spec"]["sourcePod"] == **pod && one["status"]["phase"] == "Completed")
            .inspect(|one| limits.push(one["spec"]["maxPause"].clone()))
            .count();
        ensure!(completed == 1, "{pod} was moved {completed} times");
    }
    ensure!(
        limits.iter().any(|limit| limit == MAX_PAUSE),
        "--max-pause of the drain is in no move: {limits:?}"
    );
    Ok(())
}

/// What is under a spent budget is named with it, and goes when the budget allows it.
fn evicted(bench: &Bench) -> Result<()> {
    let rest = ["--evict-rest", "--pod-selector=app=web"];
    let (output, said) = drained(bench, &[&rest[..], &["--skip-blocked"]].concat())?;
    ensure!(output.status.code() == Some(4), "not blocked: {said}");
    let blocked = rows(&said)?;
    ensure!(
        blocked[0]["state"] == "BLOCKED" && blocked[0]["why"].to_string().contains("budget"),
        "{said}"
    );
    stage::delete(&bench.cluster, "poddisruptionbudget", "web")?;
    let (output, said) = drained(bench, &rest)?;
    ensure!(output.status.code() == Some(0), "still there: {said}");
    ensure!(rows(&said)?[0]["state"] == "GONE", "{said}");
    Ok(())
}

pub(super) fn removed(cluster: &Cluster) -> Result<()> {
    stage::delete(cluster, "deployment", "web")?;
    stage::delete(cluster, "job", "report")?;
    for single in SINGLES {
        single.remove(cluster)?;
    }
    Sample::remove(cluster)
}

fn drain(bench: &Bench, arguments: &[&str]) -> Result<Command> {
    let mut command = bench.product.plugin(&bench.cluster)?;
    command.args(["drain", NODE, "-o", "json"]).args(arguments);
    Ok(command)
}

/// How it ended, and what it said.
pub(super) fn drained(bench: &Bench, arguments: &[&str]) -> Result<(Output, String)> {
    let output = drain(bench, arguments)?.output().context("run kubectl-shadow")?;
    let said = text(&output);
    Ok((output, said))
}

pub(super) fn text(output: &Output) -> String {
    let parts = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    parts.concat()
}

/// The pods of the document that was printed.
pub(super) fn rows(said: &str) -> Result<Vec<Value>> {
    let document = said.lines().find(|line| line.starts_with('{'));
    let document: Value = serde_json::from_str(document.with_context(|| format!("no document: {said}"))?)?;
    let pods = document["pods"].as_array().cloned();
    let mut pods = pods.context("the document has no pods")?;
    // What runs there beside the test has nothing to do with it.
    pods.retain(|pod| pod["namespace"] == "default");
    Ok(pods)
}

pub(super) fn outcomes(said: &str) -> Result<String> {
    let told = rows(said)?.into_iter().map(|row| {
        let word = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        format!("{} {}", word("pod"), word("state"))
    });
    Ok(told.collect::<Vec<_>>().join(", "))
}

pub(super) fn migrations(cluster: &Cluster) -> Result<Vec<Value>> {
    let all = get(cluster, &["statefulmigrations"])?;
    Ok(all["items"].as_array().cloned().unwrap_or_default())
}

/// A node that takes no new pods until this is dropped.
pub(super) fn cordoned<'a>(cluster: &'a Cluster, node: &'static str) -> Result<Uncordoned<'a>> {
    capture(cluster.kubectl(["cordon", node]))?;
    Ok(Uncordoned(cluster, node))
}

/// A node that takes new pods again when this is dropped.
pub(super) struct Uncordoned<'a>(pub(super) &'a Cluster, pub(super) &'static str);

impl Drop for Uncordoned<'_> {
    fn drop(&mut self) {
        if let Err(error) = capture(self.0.kubectl(["uncordon", self.1])) {
            eprintln!("{} stays cordoned: {error:#}", self.1);
        }
    }
}
