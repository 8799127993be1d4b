//! `spec.maxPause`: a move that keeps it, one that is refused since moves of this cluster took longer, and one whose application has
//! more to work off than it allows.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Bench, exact_messages, nothing_left};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Load, Oracle, Sample};

const POD: &str = "orders-0";
const SOON: Duration = Duration::from_secs(30);
/// An application is forecast from its own moves when there are as many.
const OWN_MOVES: usize = 2;
/// A hold of the sample takes less than a second.
const AMPLE: &str = "30s";
const TOO_SHORT: &str = "5ms";
/// Above the forecast of the sample's own moves, below what the slow one needs.
const SHORT: &str = "3s";
const SHORT_MS: i64 = 3_000;
/// When the limit is spent, the controller decides and writes.
const GIVEN_BACK_MS: i64 = 1_000;
/// The broker hands it 50 messages ahead, which take 7 s.
const WORK: &str = "150ms";

pub(super) fn bounds_each_hold(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let oracle = Oracle::start(cluster, &bench.product, POD, Load::of(50))?;
    oracle.run_for(Duration::from_secs(2));
    for _ in 0..OWN_MOVES {
        fits(bench)?;
    }
    refused(bench)?;
    ends(oracle)?;
    Sample::deploy(cluster, &["--work", WORK, "--held", "finish"])?;
    let oracle = Oracle::start(cluster, &bench.product, POD, Load::of(20))?;
    // More than the broker hands out ahead waits by then.
    oracle.run_for(Duration::from_secs(6));
    spent(bench)?;
    ends(oracle)?;
    nothing_left(cluster)
}

fn ends(oracle: Oracle) -> Result<()> {
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)
}

fn fits(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let target = Sample::other_node(cluster, POD)?;
    let moved = stage::migrate_with(cluster, &bench.product, POD, target, &["--max-pause", AMPLE])?;
    let status = &moved.object["status"];
    ensure!(
        moved.code == 0 && moved.phase() == "Completed",
        "a move with --max-pause {AMPLE} ended {} with {}: {}",
        moved.phase(),
        moved.code,
        moved.why()
    );
    let (plan, verdict) = (&status["plan"]["maxPause"], &status["verdict"]);
    ensure!(
        plan["limitMillis"] == 30_000,
        "the plan has no such limit: {plan}"
    );
    ensure!(
        verdict["exact"] == true && verdict["longHolds"].is_null(),
        "the verdict is {verdict}"
    );
    println!("     fits: pause {}, expected {}", status["pause"], plan["holds"]);
    Ok(())
}

fn refused(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let before = Sample::incarnation(cluster, POD)?;
    let target = Sample::other_node(cluster, POD)?;
    let refused = stage::migrate_with(cluster, &bench.product, POD, target, &["--max-pause", TOO_SHORT])?;
    let status = &refused.object["status"];
    ensure!(
        refused.code == 1 && status["rollback"]["reason"] == "PauseTooLong" && status["plan"].is_null(),
        "a move with --max-pause {TOO_SHORT} ended with {}: {}",
        refused.code,
        refused.why()
    );
    let message = text(&status["rollback"]["message"])?;
    for word in ["spec.maxPause", "finished move", "Set it to at least"] {
        ensure!(
            message.contains(word),
            "the refusal does not say {word:?}: {message}"
        );
    }
    println!("     refused: {message}");
    ensure!(
        Sample::incarnation(cluster, POD)? == before,
        "the source was restarted or replaced"
    );
    Ok(())
}

fn spent(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let before = Sample::incarnation(cluster, POD)?;
    let target = Sample::other_node(cluster, POD)?;
    let undone = stage::migrate_with(cluster, &bench.product, POD, target, &["--max-pause", SHORT])?;
    let status = &undone.object["status"];
    ensure!(
        undone.code == 2 && undone.phase() == "Failed" && status["rollback"]["reason"] == "PauseTooLong",
        "a move with --max-pause {SHORT} of a slow application ended {} with {}: {}",
        undone.phase(),
        undone.code,
        undone.why()
    );
    ensure!(
        status["verdict"]["exact"] == true,
        "the verdict is {}",
        status["verdict"]
    );
    let held = held_until_given_back(status)?;
    println!(
        "     given back after {held} ms: {}",
        text(&status["rollback"]["message"])?
    );
    ensure!(
        held <= SHORT_MS + GIVEN_BACK_MS,
        "it was given back after {held} ms, and {SHORT} were allowed"
    );
    ensure!(
        Sample::incarnation(cluster, POD)? == before,
        "the source was restarted or replaced"
    );
    consumes(cluster)
}

/// From the beginning of the hold to the decision to give it back, ms.
pub(super) fn held_until_given_back(status: &Value) -> Result<i64> {
    let steps = status["steps"].as_array();
    let hold = steps.and_then(|all| all.iter().find(|one| one["step"] == "Hold"));
    let began = &hold.context("nothing was held")?["started"];
    stage::span(began, &status["rollback"]["since"]).context("the times of the hold are not in the status")
}

fn consumes(cluster: &Cluster) -> Result<()> {
    let primary = format!("orders.{POD}");
    wait_for("the source to consume its queue", SOON, || {
        let consumed = stage::consumed_queue(cluster, POD)?;
        Ok((consumed.as_deref() == Some(primary.as_str())).then_some(()))
    })
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("the status says nothing")
}
