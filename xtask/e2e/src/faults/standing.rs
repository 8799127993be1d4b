//! A source that goes before its copy starts: it does nothing between its dump and its end, whatever dies meanwhile.
//!
//! The sample counts in its memory and in a file of its volume, a thousand times a second. A process that ran on after its dump
//! leaves a file that is ahead of the memory of its copy.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::super::kills::kill_controller;
use super::super::{Bench, ended, exact_messages, nothing_left, workloads};
use super::cut_off::CutOff;
use super::stopped::{self, Stopped};
use super::{POD, nodes_ready};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Load, Oracle, Sample, capture};

const FILE: &str = "/mnt/shared/data-orders-0/beat";
/// From the hold to the commit of an undisturbed move it takes about half as long.
pub(super) const MOMENTS: u64 = 1_500;
/// The sample's heartbeat sets the limit of its freeze, 5 s.
const LIMIT: Duration = Duration::from_secs(5);
/// For the watch on the node, and for a machine that is busy.
const LATER: Duration = Duration::from_secs(5);

pub(in super::super) fn all(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    workloads::deploy_with_volumes(bench, &["--beat", "/data/beat"])?;
    let oracle = Oracle::start(cluster, &bench.product, POD, Load::of(50))?;
    oracle.run_for(Duration::from_secs(2));
    for killed in ["nothing", "controller", "agent", "controller", "helper", "agent"] {
        survives(bench, killed)?;
    }
    goes_on_by_itself(bench)?;
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    nothing_left(cluster)?;
    Sample::remove_volumes(cluster)
}

pub(super) fn order(bench: &Bench) -> Result<(String, &'static str)> {
    let cluster = &bench.cluster;
    nodes_ready(cluster)?;
    let (source, target) = (Sample::node(cluster, POD)?, Sample::other_node(cluster, POD)?);
    let mut plugin = stage::migrate_command(cluster, &bench.product, POD, target)?;
    plugin.arg("--no-wait");
    capture(plugin)?;
    Ok((source, target))
}

/// One move, and the death of one process at a random moment between the hold and a little after the commit.
fn survives(bench: &Bench, killed: &str) -> Result<()> {
    let cluster = &bench.cluster;
    let (source, target) = order(bench)?;
    let moment = RandomState::new().hash_one(killed) % MOMENTS;
    stepped(cluster, &["Hold", "Checkpoint", "Transfer", "Commit"])?;
    // A moment in the life of the move, not the wait for an event.
    std::thread::sleep(Duration::from_millis(moment));
    match killed {
        "nothing" => {}
        "controller" => kill_controller(cluster)?,
        part => stopped::kill_part(cluster, &source, part)?,
    }
    let object = ended(cluster, POD, Duration::from_secs(120))?;
    let (phase, node) = (&object["status"]["phase"], Sample::node(cluster, POD)?);
    println!(
        "     {killed} killed {moment} ms after the hold: {phase} {}",
        object["status"]["rollback"]
    );
    let expected = if phase == "Completed" {
        target
    } else {
        source.as_str()
    };
    ensure!(
        (phase == "Completed" || phase == "Failed" && killed != "nothing") && node == expected,
        "it ended {phase} and the pod is on {node}: {}",
        object["status"]
    );
    not_torn(cluster)?;
    beats(cluster, Duration::from_secs(30)).map(drop)
}

/// The archive does not arrive and the controller falls silent: the node lets the source go on, and the move is undone.
fn goes_on_by_itself(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let apart = CutOff::agents(cluster)?;
    order(bench)?;
    let stood = wait_for("the source to stand still", Duration::from_secs(30), || {
        Ok(stands(cluster)?.then(Instant::now))
    })?;
    let controller = Stopped::controller(cluster)?;
    beats(cluster, LIMIT + LATER).context("the node does not let the source go on")?;
    println!("     it stood still for {:.1} s", stood.elapsed().as_secs_f64());
    controller.go_on();
    let object = ended(cluster, POD, Duration::from_secs(120))?;
    drop(apart);
    let status = &object["status"];
    ensure!(
        status["phase"] == "Failed" && status["plan"]["freeze"]["limitMillis"] == 5_000,
        "it ended {}: {}, plan {}",
        status["phase"],
        status["rollback"],
        status["plan"]["freeze"]
    );
    println!("     {}", status["rollback"]);
    not_torn(cluster)
}

pub(super) fn stepped(cluster: &Cluster, steps: &[&str]) -> Result<()> {
    wait_for("the move to come to its hold", Duration::from_secs(30), || {
        let object = stage::migration(cluster, POD)?;
        let step = object["status"]["intent"]["step"].as_str().unwrap_or_default();
        let over = object["status"]["completionTime"].is_string();
        Ok((over || steps.contains(&step)).then_some(()))
    })
}

fn number(cluster: &Cluster) -> Result<String> {
    let mut dump = cluster.run_on_node(Cluster::node_names()[0], "od")?;
    dump.args(["-An", "-tu8", FILE]);
    capture(dump)
}

/// Whether the count stays the same for 300 ms.
fn stands(cluster: &Cluster) -> Result<bool> {
    let first = number(cluster)?;
    // Two samples of a count need time between them.
    std::thread::sleep(Duration::from_millis(300));
    Ok(number(cluster)? == first)
}

pub(super) fn beats(cluster: &Cluster, within: Duration) -> Result<()> {
    wait_for("the source to count on", within, || {
        Ok((!stands(cluster)?).then_some(()))
    })
}

pub(super) fn not_torn(cluster: &Cluster) -> Result<()> {
    let mut find = cluster.run_on_node(Cluster::node_names()[0], "find")?;
    find.args(["/mnt/shared/data-orders-0", "-name", "beat.torn"]);
    let found = capture(find)?;
    if found.trim().is_empty() {
        return Ok(());
    }
    let mut cat = cluster.run_on_node(Cluster::node_names()[0], "cat")?;
    cat.arg(found.trim());
    anyhow::bail!("the source ran on after its dump: {}", capture(cat)?)
}
