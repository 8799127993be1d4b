//! Moves with `handoff: Live`: the source goes on with a copy of the stream while its own copy is made, and what it does
//! then counts for nothing. Exact as every other move.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::workloads::moved;
use super::{Bench, ended, exact_messages, kept_every_promise, nothing_left};
use xtask_lab::stage::{self, Cancelled, Load, Oracle, Sample, Single, capture};

const LOAD: Load = Load::of(80);
const WARM_UP: Duration = Duration::from_secs(3);
const POD: &str = "orders-0";
/// Moments in the life of a live move at which it is called off: at the fence, in the hold, while the source goes on.
const MOMENTS: [u64; 4] = [700, 1_100, 1_500, 1_900];

/// There and back, a StatefulSet pod and a Deployment's.
pub(super) fn moves(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let bindings = bindings(bench)?;
    let oracle = Oracle::start(cluster, &bench.product, POD, LOAD)?;
    oracle.run_for(WARM_UP);
    for _ in 0..2 {
        went_on(&moved(bench, POD, &["--live"])?.object)?;
        Sample::check_own_spec(cluster, POD)?;
    }
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    kept_every_promise(&report)?;
    ensure!(
        self::bindings(bench)? == bindings,
        "the queue is bound otherwise than before: {bindings} became {}",
        self::bindings(bench)?
    );
    let single = Single::Deployment;
    single.deploy(cluster)?;
    let oracle = Oracle::start(cluster, &bench.product, single.stream(), LOAD)?;
    oracle.run_for(WARM_UP);
    went_on(&moved(bench, &single.pod(cluster)?, &["--live"])?.object)?;
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    kept_every_promise(&report)?;
    nothing_left(cluster)?;
    single.remove(cluster)
}

/// The source is led back through what it has not read yet, in order.
pub(super) fn called_off(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let oracle = Oracle::start(cluster, &bench.product, POD, LOAD)?;
    oracle.run_for(WARM_UP);
    for moment in MOMENTS {
        let target = Sample::other_node(cluster, POD)?;
        let mut plugin = stage::migrate_command(cluster, &bench.product, POD, target)?;
        plugin.args(["--live", "--no-wait"]);
        capture(plugin)?;
        // A moment in the life of the move, not the wait for an event.
        std::thread::sleep(Duration::from_millis(moment));
        let at = stage::migration(cluster, POD)?["status"]["intent"]["step"].clone();
        let answer = stage::cancel(cluster, &bench.product, POD)?;
        let object = ended(cluster, POD, Duration::from_secs(60))?;
        let status = &object["status"];
        println!(
            "     cancelled after {moment} ms in {at} ({answer:?}): {}",
            status["phase"]
        );
        let phase = status["phase"].as_str().unwrap_or_default();
        let may_be: &[&str] = match answer {
            Cancelled::Accepted => &["Cancelled", "Completed"],
            Cancelled::TooLate => &["Completed"],
        };
        ensure!(
            may_be.contains(&phase),
            "it ended {phase}: {}",
            status["rollback"]
        );
        ensure!(
            status["verdict"]["exact"] == true,
            "the verdict is {}",
            status["verdict"]
        );
    }
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    nothing_left(cluster)
}

fn went_on(object: &Value) -> Result<()> {
    let status = &object["status"];
    let hold = &status["plan"]["queue"]["hold"];
    ensure!(hold == "Exchange", "the stream was held by {hold}");
    let first = &status["legs"][0];
    let went_on = stage::span(&first["followed"], &first["committed"])
        .context("the source did not go on with a copy of the stream")?;
    println!("     the source went on {went_on} ms before the commit");
    ensure!(
        status["verdict"]["exact"] == true,
        "the verdict is {}",
        status["verdict"]
    );
    Ok(())
}

/// What feeds the queue, as the broker tells it.
fn bindings(bench: &Bench) -> Result<String> {
    stage::broker_api(
        &bench.cluster,
        "GET",
        &stage::queue_path(&bench.cluster, &format!("orders.{POD}/bindings")),
    )
}
