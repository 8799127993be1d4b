//! `kubectl shadow plan` says what a move would do, and changes nothing: neither the pod, nor the broker, nor the moves of others.

use std::process::{Output, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Bench, nothing_left};
use xtask_lab::stage::{self, Sample, broker_queues, get};

const POD: &str = "orders-0";

/// Plans of a move that is possible, of two that are not, and one beside a move that is under way.
pub(super) fn change_nothing(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let before = (broker_queues(cluster)?, Sample::incarnation(cluster, POD)?);

    let planned = plan(bench, &[POD])?;
    let target = Sample::other_node(cluster, POD)?;
    let said = text(&planned);
    ensure!(planned.status.code() == Some(0), "refused: {said}");
    for part in [
        &format!("{POD} can be moved to {target}. Nothing was moved"),
        "Expected",
        "only this pod consumes the queue",
        "yes, and the pod would go there",
        &format!("kubectl shadow migrate {POD} --to {target}"),
    ] {
        ensure!(said.contains(part), "the plan does not say {part:?}: {said}");
    }

    let own = Sample::node(cluster, POD)?;
    refused_alike(bench, &["--to", &own], "already runs on node")?;
    refused_alike(
        bench,
        &["--queue", "nothing.here"],
        "does not exist on the broker",
    )?;

    let after = (broker_queues(cluster)?, Sample::incarnation(cluster, POD)?);
    ensure!(
        before == after,
        "a plan changed something: {before:?}, then {after:?}"
    );
    ensure!(
        plans(cluster)?.is_empty(),
        "a plan is left: {:?}",
        plans(cluster)?
    );

    beside_a_move(bench)?;
    Sample::remove(cluster)?;
    nothing_left(cluster)
}

/// Plan and move are refused in the same words.
fn refused_alike(bench: &Bench, arguments: &[&str], words: &str) -> Result<()> {
    let planned = plan(bench, &[&[POD], arguments].concat())?;
    let moved = bench
        .product
        .plugin(&bench.cluster)?
        .args(["migrate", POD])
        .args(arguments)
        .output()
        .context("run kubectl-shadow")?;
    let (of_plan, of_move) = (text(&planned), text(&moved));
    ensure!(planned.status.code() == Some(1), "not refused: {of_plan}");
    let sentence = |said: &str| {
        let line = said.lines().find(|line| line.contains(words))?;
        line.find("spec.").map(|at| line[at..].to_owned())
    };
    let (one, other) = (sentence(&of_plan), sentence(&of_move));
    ensure!(one.is_some() && one == other, "plan: {of_plan}\nmove: {of_move}");
    Ok(())
}

/// A plan neither waits for a move of another pod nor delays it; that of the same pod is refused.
fn beside_a_move(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let target = Sample::other_node(cluster, POD)?;
    let moving = stage::migrate_command(cluster, &bench.product, POD, target)?
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("start kubectl-shadow")?;
    let other = plan(bench, &["orders-1"])?;
    ensure!(
        other.status.code() == Some(0),
        "refused beside a move: {}",
        text(&other)
    );
    let moved = moving.wait_with_output().context("wait for kubectl-shadow")?;
    ensure!(moved.status.success(), "the move failed: {}", text(&moved));
    ensure!(Sample::node(cluster, POD)? == target, "it is not on its target");
    Ok(())
}

fn plan(bench: &Bench, arguments: &[&str]) -> Result<Output> {
    let mut command = bench.product.plugin(&bench.cluster)?;
    command
        .arg("plan")
        .args(arguments)
        .output()
        .context("run kubectl-shadow")
}

/// Names of the plans that are there.
fn plans(cluster: &xtask_lab::cluster::Cluster) -> Result<Vec<String>> {
    let all = get(cluster, &["statefulmigrations"])?;
    let items = all["items"].as_array().cloned().unwrap_or_default();
    let plans = items
        .iter()
        .filter(|one| one["spec"]["planOnly"] == Value::Bool(true));
    Ok(plans.map(|one| one["metadata"]["name"].to_string()).collect())
}

fn text(output: &Output) -> String {
    let both = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    both.concat()
}
