//! A move that is called off while the stream is held and a dump hangs: by its user, by the deletion of its object, by its
//! deadline, or by its `maxPause`. The source goes on at once, whatever the nodes do.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;

use super::super::{Bench, cancel, max_pause};
use super::{POD, SOON, Trial, Undone};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Cancelled, Sample};

/// How long the source may be kept waiting after that.
const GOES_ON: Duration = Duration::from_secs(1);
/// `spec.deadlineSeconds` that runs out during the hold.
const DEADLINE: u32 = 7;
/// `spec.maxPause` that is spent during the dump; more than such a hold is expected to last.
const MAX_PAUSE: &str = "5s";
const MAX_PAUSE_MS: i64 = 5_000;

pub(in super::super) fn while_held(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    by_its_user(&trial)?;
    by_deletion(&trial)?;
    by_its_deadline(&trial)?;
    by_its_max_pause(&trial)?;
    trial.exact()
}

fn by_its_user(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let (ordered, agent) = trial.order_and_hold()?;
    let answer = stage::cancel(cluster, trial.product(), POD)?;
    ensure!(answer == Cancelled::Accepted, "cancel was answered {answer:?}");
    let waited = goes_on(cluster)?;
    agent.go_on();
    println!(
        "     cancelled: the source goes on after {} ms",
        waited.as_millis()
    );
    let object = trial.ended(&ordered, "cancelled while a dump hangs")?;
    ensure!(
        object["status"]["phase"] == "Cancelled",
        "it ended {}: {}",
        object["status"]["phase"],
        object["status"]["rollback"]
    );
    ensure!(
        Sample::incarnation(cluster, POD)? == ordered.incarnation,
        "the source was restarted or replaced"
    );
    Ok(())
}

fn by_deletion(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let (ordered, agent) = trial.order_and_hold()?;
    let name = cancel::delete(cluster)?;
    let waited = goes_on(cluster)?;
    agent.go_on();
    println!("     deleted: the source goes on after {} ms", waited.as_millis());
    cancel::gone(cluster, &name)?;
    ensure!(
        Sample::incarnation(cluster, POD)? == ordered.incarnation,
        "the source was restarted or replaced"
    );
    Ok(())
}

fn by_its_deadline(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let (ordered, agent) = trial.order_and_hold_with(&json!({"deadlineSeconds": DEADLINE}))?;
    wait_for("the deadline to run out", SOON, || {
        let rollback = &stage::migration(cluster, POD)?["status"]["rollback"];
        Ok((!rollback.is_null()).then_some(()))
    })?;
    goes_on(cluster)?;
    agent.go_on();
    let expected = Undone {
        fault: "deadline while a dump hangs",
        reason: "DeadlineExceeded",
        says: &["spec.deadlineSeconds", "7 s"],
    };
    trial.undone(&ordered, &expected)
}

/// Neither the dump that hangs nor anything else happens when the hold is spent: the controller's clock alone ends it.
fn by_its_max_pause(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let (ordered, agent) = trial.order_and_hold_with(&json!({"maxPause": MAX_PAUSE}))?;
    wait_for("the hold to be spent", SOON, || {
        let rollback = &stage::migration(cluster, POD)?["status"]["rollback"];
        Ok((!rollback.is_null()).then_some(()))
    })?;
    goes_on(cluster)?;
    agent.go_on();
    let expected = Undone {
        fault: "maxPause spent while a dump hangs",
        reason: "PauseTooLong",
        says: &["spec.maxPause allows 5 s", "Checkpoint", "--max-pause"],
    };
    trial.undone(&ordered, &expected)?;
    let held = max_pause::held_until_given_back(&stage::migration(cluster, POD)?["status"])?;
    println!("     maxPause: given back after {held} ms");
    ensure!(
        held <= MAX_PAUSE_MS + 500,
        "the hold was given back after {held} ms, and {MAX_PAUSE} were allowed"
    );
    Ok(())
}

/// How long it takes from now until the source says that it consumes its own queue. To ask it takes time as well.
fn goes_on(cluster: &Cluster) -> Result<Duration> {
    let begun = Instant::now();
    let mut asking = Duration::ZERO;
    let primary = format!("orders.{POD}");
    wait_for("the source to go on", SOON, || {
        let asked = Instant::now();
        let consumed = stage::consumed_queue(cluster, POD)?;
        asking = asking.max(asked.elapsed());
        Ok((consumed.as_deref() == Some(primary.as_str())).then_some(()))
    })?;
    let waited = begun.elapsed();
    ensure!(
        waited <= GOES_ON + 2 * asking,
        "the source went on {} ms after the move was called off; to ask it took up to {} ms",
        waited.as_millis(),
        asking.as_millis()
    );
    Ok(waited)
}
