//! A pause of all moves: none begins, what waits goes on waiting, evictions wait; and all of it goes on afterwards.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::drains::{OTHER, migrations, text};
use super::evictions::{Answer, OptedIn, PODS, evict, finished, moved_once, until_gone, watched};
use super::parts::{Away, Part};
use super::{Bench, nothing_left};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Sample, capture, get};

const REASON: &str = "the broker is updated";
const IN_LINE: &str = "ordered-before-the-pause";
const SOON: Duration = Duration::from_secs(60);
const MOVED: Duration = Duration::from_secs(120);

/// One move was ordered before the pause and has not begun; another one and evictions come during it.
pub(super) fn none_begins(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let opted_in = OptedIn::deployed(cluster)?;
    let oracles = watched(bench)?;
    let [first, second] = PODS;
    // Without a controller it is accepted and does not begin.
    let away = Away::taken(cluster, Part::Controller)?;
    let ordered = json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
        "metadata": {"name": IN_LINE}, "spec": {"sourcePod": second, "targetNode": OTHER}});
    stage::apply(cluster, &ordered.to_string())?;
    let resumed = Resumed(cluster);
    for _ in 0..2 {
        says(&run(bench, &["pause", "--reason", REASON])?, 0, REASON)?;
    }
    away.brought_back()?;
    waits_in_line(cluster)?;
    refused(bench, first)?;
    evictions_wait(bench, first)?;
    waits_in_line(cluster)?;
    says(&run(bench, &["resume"])?, 0, "moves may begin again")?;
    drop(resumed);
    wait_for("the move that waited to end", MOVED, || {
        let status = get(cluster, &["statefulmigration", IN_LINE])?["status"].take();
        Ok((status["phase"] == "Completed").then_some(()))
    })?;
    until_gone(cluster, first, None)?;
    let (copy, _) = Sample::incarnation(cluster, first)?;
    moved_once(cluster, first, &copy)?;
    finished(oracles)?;
    opted_in.removed()?;
    nothing_left(cluster)
}

/// It says that moves are paused and why, and has no plan.
fn waits_in_line(cluster: &Cluster) -> Result<()> {
    let status = wait_for("the move to wait for the pause", SOON, || {
        let status = get(cluster, &["statefulmigration", IN_LINE])?["status"].take();
        Ok((status["waiting"]["for"] == "Pause").then_some(status))
    })?;
    let words = status["waiting"]["pause"].as_str().unwrap_or_default();
    ensure!(words.contains(REASON), "it does not say why: {status:#}");
    ensure!(status["plan"] == Value::Null, "it has begun: {status:#}");
    Ok(())
}

/// A new move is refused, and its plan is made with a warning.
fn refused(bench: &Bench, pod: &str) -> Result<()> {
    let moved = run(bench, &["migrate", pod, "--to", OTHER])?;
    says(&moved, 1, REASON)?;
    says(&moved, 1, "kubectl shadow resume")?;
    says(&run(bench, &["plan", pod])?, 0, REASON)?;
    says(&run(bench, &["list"])?, 0, "moves are paused")?;
    let names: Vec<String> = migrations(&bench.cluster)?
        .iter()
        .filter(|one| one["spec"]["planOnly"] != true)
        .map(|one| one["metadata"]["name"].to_string())
        .collect();
    ensure!(names.len() == 1, "a move was accepted: {names:?}");
    Ok(())
}

/// Evictions are denied with the reason and leave nothing; a pause that lets them through would let this one through.
fn evictions_wait(bench: &Bench, pod: &str) -> Result<()> {
    let cluster = &bench.cluster;
    for _ in 0..3 {
        let answer = evict(cluster, pod, None, false)?;
        ensure!(
            answer.is("TooManyRequests") && answer.says(REASON),
            "the eviction does not wait with the reason: {answer:?}"
        );
    }
    let marks = get(cluster, &["evacuations"])?;
    ensure!(marks["items"] == json!([]), "left: {}", marks["items"]);
    let through = ["pause", "--reason", REASON, "--let-evictions-through"];
    says(&run(bench, &through)?, 0, "go through as ever")?;
    let answer = evict(cluster, pod, None, true)?;
    ensure!(answer == Answer::Evicted, "it is not let through: {answer:?}");
    says(&run(bench, &["pause", "--reason", REASON])?, 0, "wait")?;
    let answer = evict(cluster, pod, None, true)?;
    ensure!(answer.is("TooManyRequests"), "it does not wait again: {answer:?}");
    Ok(())
}

/// The plugin with these arguments.
pub(super) fn run(bench: &Bench, arguments: &[&str]) -> Result<Output> {
    let mut plugin = bench.product.plugin(&bench.cluster)?;
    plugin.args(arguments).output().context("run kubectl-shadow")
}

/// It has ended with this code, and said these words.
pub(super) fn says(output: &Output, code: i32, words: &str) -> Result<()> {
    let said = text(output);
    ensure!(
        output.status.code() == Some(code),
        "not {code}: {:?}: {said}",
        output.status
    );
    ensure!(said.contains(words), "it does not say {words:?}: {said}");
    Ok(())
}

/// Moves may begin again when this is dropped.
struct Resumed<'a>(&'a Cluster);

impl Drop for Resumed<'_> {
    fn drop(&mut self) {
        let over = self.0.kubectl(["delete", "pauses", "--all"]);
        if let Err(error) = capture(over) {
            eprintln!("moves stay paused: {error:#}");
        }
    }
}
