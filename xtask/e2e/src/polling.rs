//! An application that looks for control messages only when it is idle, once a second, has 50 messages in hand and sleeps
//! 3 s between two connections. Under load it is never idle: new messages are kept away from it for a while.

use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::concurrency::started;
use super::{Bench, exact_messages, nothing_left};
use xtask_lab::cluster::wait_for;
use xtask_lab::stage::{self, Load, Oracle, Sample, Single};

/// Messages a second for each replica; it serves about 90. The one whose move takes longest comes first.
const RATES: [(&str, u32); 3] = [("polling-0", 120), ("polling-1", 80), ("polling-2", 10)];
/// At this rate it is never idle.
const NEVER_IDLE: u32 = 120;
const WARM_UP: Duration = Duration::from_secs(3);
const LISTED: Duration = Duration::from_secs(30);

/// It sleeps 3 s before it connects again, should its first attempt have failed.
fn connected(bench: &Bench, pod: &str) -> Result<()> {
    wait_for("the broker to list the application", LISTED, || {
        let path = stage::queue_path(&bench.cluster, &format!("orders.{pod}"));
        let Ok(queue) = stage::broker_api(&bench.cluster, "GET", &path) else {
            return Ok(None);
        };
        let queue: Value = serde_json::from_str(&queue).context("the broker printed no JSON")?;
        Ok((queue["consumers"] == 1).then_some(()))
    })
}

fn loaded(bench: &Bench, pod: &str, rate: u32) -> Result<Oracle> {
    let load = Load::of(rate);
    Oracle::start(&bench.cluster, &bench.product, pod, load)
}

/// Moves exactly at every rate, all at once as far as the nodes' limit allows, and leaves nothing behind.
pub(super) fn at_every_rate(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Single::Polling.deploy_replicas(cluster, 3)?;
    let mut moving = Vec::new();
    for (pod, rate) in RATES {
        let oracle = loaded(bench, pod, rate)?;
        oracle.run_for(WARM_UP);
        connected(bench, pod)?;
        let target = Sample::other_node(cluster, pod)?;
        moving.push((pod, rate, target, oracle, started(bench, pod)?));
    }
    for (pod, rate, target, oracle, process) in moving {
        moved_exactly(bench, pod, rate, target, process)?;
        let report = oracle.finish()?;
        println!("     {}", stage::summary(&report));
        exact_messages(&report)?;
    }
    nothing_left(cluster)?;
    Single::Polling.remove(cluster)
}

fn moved_exactly(bench: &Bench, pod: &str, rate: u32, target: &str, process: Child) -> Result<()> {
    let output = process.wait_with_output().context("wait for kubectl-shadow")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let object = stage::migration(&bench.cluster, pod)?;
    let status = &object["status"];
    ensure!(
        output.status.success() && status["phase"] == "Completed",
        "the move of {pod} at {rate}/s ended {}: {}",
        status["phase"],
        status["rollback"]
    );
    let fenced = !status["fence"].is_null();
    println!(
        "     at {rate}/s, helped by a fence: {fenced}. {}",
        said.lines().rev().nth(1).unwrap_or_default()
    );
    let node = Sample::node(&bench.cluster, pod)?;
    ensure!(node == target, "{pod} is on {node}, not on {target}");
    ensure!(
        fenced || rate < NEVER_IDLE,
        "it parked without help at a rate at which it is never idle"
    );
    ensure!(
        status["verdict"]["exact"] == true,
        "the verdict is {}",
        status["verdict"]
    );
    Ok(())
}
