//! A move is called off at moments spread over its life, by `kubectl shadow cancel` and by deleting its object. Before
//! the commit the source goes on within a second; after it the move finishes. Either way nobody loses a message.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Bench, ended, exact_messages, nothing_left};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Cancelled, Load, Oracle, Sample, capture, get};

const POD: &str = "orders-0";
/// An undisturbed move commits after about 2 s.
const MOMENTS: [u64; 6] = [0, 400, 800, 1_200, 1_600, 2_200];
/// The same for a deletion, which takes the same way.
const DELETIONS: [u64; 4] = [0, 700, 1_300, 2_200];
/// How long the source may be kept waiting after the move was called off, ms.
const GOES_ON: i64 = 1_000;
const LOAD: Load = Load::of(100);

pub(super) fn by_command(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let oracle = Oracle::start(cluster, &bench.product, POD, LOAD)?;
    oracle.run_for(Duration::from_secs(2));
    for moment in MOMENTS {
        let before = place(cluster)?;
        let target = begun(bench, moment)?;
        let at = step(cluster)?;
        let answer = stage::cancel(cluster, &bench.product, POD)?;
        let object = ended(cluster, POD, Duration::from_secs(60))?;
        let status = &object["status"];
        println!(
            "     cancelled after {moment} ms in {at} ({answer:?}): {}",
            status["phase"]
        );
        match status["phase"].as_str() {
            Some("Cancelled") => {
                ensure!(answer == Cancelled::Accepted, "cancel was answered {answer:?}");
                ensure!(place(cluster)? == before, "{POD} is another pod than before");
                goes_on_at_once(status)?;
            }
            Some("Completed") => {
                ensure!(
                    place(cluster)?.1 == target,
                    "it says Completed and {POD} is not on {target}"
                );
            }
            _ => anyhow::bail!("it ended {}: {}", status["phase"], status["rollback"]),
        }
    }
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    nothing_left(cluster)
}

/// Deleting the object never stops the workload.
pub(super) fn by_deletion(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let oracle = Oracle::start(cluster, &bench.product, POD, LOAD)?;
    oracle.run_for(Duration::from_secs(2));
    for moment in DELETIONS {
        let before = place(cluster)?;
        let target = begun(bench, moment)?;
        let at = step(cluster)?;
        let name = delete(cluster)?;
        gone(cluster, &name)?;
        let after = place(cluster)?;
        println!("     deleted after {moment} ms in {at}: {POD} on {}", after.1);
        ensure!(
            after == before || after.1 == target,
            "{POD} was {before:?}, is {after:?} and should have gone to {target}"
        );
    }
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    nothing_left(cluster)
}

/// Deletes the latest migration of the pod and does not wait for it; returns its name.
pub(super) fn delete(cluster: &Cluster) -> Result<String> {
    let name = stage::migration(cluster, POD)?["metadata"]["name"]
        .as_str()
        .context("the migration has no name")?
        .to_owned();
    capture(cluster.kubectl(["delete", "statefulmigration", &name, "--wait=false"]))?;
    Ok(name)
}

/// Waits until a deleted migration has gone.
pub(super) fn gone(cluster: &Cluster, name: &str) -> Result<()> {
    wait_for("the deleted migration to go", Duration::from_secs(60), || {
        let left = get(cluster, &["statefulmigrations"])?;
        let gone = left["items"]
            .as_array()
            .is_some_and(|all| all.iter().all(|one| one["metadata"]["name"] != name));
        Ok(gone.then_some(()))
    })
}

/// Orders a move and waits until it is so old; returns where it goes.
fn begun(bench: &Bench, moment: u64) -> Result<&'static str> {
    let cluster = &bench.cluster;
    let target = Sample::other_node(cluster, POD)?;
    let mut plugin = stage::migrate_command(cluster, &bench.product, POD, target)?;
    plugin.arg("--no-wait");
    capture(plugin)?;
    // A moment in the life of the move, not the wait for an event.
    std::thread::sleep(Duration::from_millis(moment));
    Ok(target)
}

fn step(cluster: &Cluster) -> Result<String> {
    let intent = stage::migration(cluster, POD)?["status"]["intent"].clone();
    Ok(format!(
        "{} of handoff {}",
        intent["step"].as_str().unwrap_or("no step"),
        intent["leg"]
    ))
}

/// UID and node.
fn place(cluster: &Cluster) -> Result<(String, String)> {
    Ok((Sample::incarnation(cluster, POD)?.0, Sample::node(cluster, POD)?))
}

fn goes_on_at_once(status: &Value) -> Result<()> {
    let leg = &status["legs"][0];
    if leg["parkSent"].is_null() {
        return Ok(());
    }
    let waited = stage::span(&status["rollback"]["since"], &leg["unparkFirstSent"])
        .context("the source was asked to wait and never told to go on")?;
    ensure!(
        waited <= GOES_ON,
        "the source was told to go on {waited} ms after the move was called off"
    );
    Ok(())
}
