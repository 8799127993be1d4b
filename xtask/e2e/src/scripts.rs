//! Scripts written for the reference system: their manifest leaves out what may be left out, or gives it as `""`, they wait with
//! `kubectl wait`, and read their figures out of the status.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::reference::{apply, broker_url};
use super::{Bench, exact_messages, nothing_left};
use xtask_lab::cluster::Cluster;
use xtask_lab::stage::{self, Load, Oracle, Sample, capture, get};

const POD: &str = "orders-0";
const KIND: &str = "statefulmigration";
/// The phases that the reference system's scripts make columns of.
const COLUMNS: [&str; 5] = [
    "Checkpointing",
    "Transferring",
    "Restoring",
    "Replaying",
    "Finalizing",
];
/// Each phase is rounded to a millisecond.
const ROUNDED: f64 = 0.006;

pub(super) fn get_their_figures(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let oracle = Oracle::start(cluster, &bench.product, POD, Load::of(100))?;
    oracle.run_for(Duration::from_secs(2));
    moved(cluster).context("a move that ends")?;
    called_off(cluster).context("a move that is called off")?;
    refused(cluster).context("a wrong password")?;
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    nothing_left(cluster)
}

fn moved(cluster: &Cluster) -> Result<()> {
    let target = Sample::other_node(cluster, POD)?;
    let manifest = manifest("script-moves", &broker_url(cluster));
    let said = apply(cluster, &manifest)?;
    for left_out in ["spec.targetNode", "spec.transferMode", "spec.migrationStrategy"] {
        ensure!(
            said.contains(&format!("{left_out} is left out")),
            "nothing warns of {left_out}: {said}"
        );
    }
    wait(cluster, "script-moves", "Completed")?;
    for condition in ["Failed=false", "Progressing=false", "Stuck=false"] {
        wait(cluster, "script-moves", condition)?;
    }
    let object = get(cluster, &[KIND, "script-moves"])?;
    let (spec, status) = (&object["spec"], &object["status"]);
    ensure!(Sample::node(cluster, POD)? == target, "{POD} is not on {target}");
    for (field, value) in [
        ("phase", json!("Completed")),
        ("targetNode", json!(target)),
        ("targetPod", json!(POD)),
        ("replacementPod", json!(POD)),
        ("containerName", json!("orders")),
        ("statefulSetName", json!("orders")),
        ("originalReplicas", json!(2)),
        ("deploymentName", Value::Null),
    ] {
        ensure!(
            status[field] == value,
            "status.{field} is {}, not {value}",
            status[field]
        );
    }
    let because = status["plan"]["because"].as_str().unwrap_or_default();
    ensure!(
        because.contains("is the only other one that fits"),
        "the plan says {because:?}"
    );
    figures(status)?;
    ensure!(
        spec["transferMode"] == "",
        "what was written as \"\" became {}",
        spec["transferMode"]
    );
    let again = apply(cluster, &manifest)?;
    ensure!(
        again.contains("unchanged"),
        "the same manifest, applied again: {again}"
    );
    // Whatever is changed afterwards, `kubectl wait` goes on telling how it ended.
    patch_cancel(cluster, "script-moves")?;
    wait(cluster, "script-moves", "Completed")
}

/// As the scripts read and add them.
fn figures(status: &Value) -> Result<()> {
    let timings = status["phaseTimings"].as_object().context("no phaseTimings")?;
    for phase in COLUMNS {
        ensure!(timings.contains_key(phase), "no time of {phase}: {timings:?}");
    }
    let times = timings
        .values()
        .map(|time| seconds(time.as_str().unwrap_or_default()));
    let sum: f64 = times.sum::<Result<f64>>()?;
    let total = stage::span(&status["startTime"], &status["completionTime"]).context("no times")?;
    let total = total as f64 / 1e3;
    println!("     phases {sum:.3} s, total {total:.3} s");
    ensure!(
        (sum - total).abs() <= ROUNDED,
        "the phases took {sum} s, and the move {total} s: {timings:?}"
    );
    Ok(())
}

fn seconds(time: &str) -> Result<f64> {
    if let Some(millis) = time.strip_suffix("ms") {
        return Ok(millis.parse::<f64>()? / 1e3);
    }
    let rest = time
        .strip_suffix('s')
        .with_context(|| format!("{time:?} is no time"))?;
    Ok(match rest.split_once('m') {
        Some((minutes, seconds)) => minutes.parse::<f64>()? * 60.0 + seconds.parse::<f64>()?,
        None => rest.parse()?,
    })
}

/// Before the commit or after it: either way the waits end, and just one of the two conditions holds.
fn called_off(cluster: &Cluster) -> Result<()> {
    apply(cluster, &manifest("script-cancels", &broker_url(cluster)))?;
    patch_cancel(cluster, "script-cancels")?;
    wait(cluster, "script-cancels", "Progressing=false")?;
    let object = get(cluster, &[KIND, "script-cancels"])?;
    match object["status"]["phase"].as_str() {
        Some("Cancelled") => wait(cluster, "script-cancels", "Failed")?,
        Some("Completed") => wait(cluster, "script-cancels", "Failed=false")?,
        phase => bail!("it ended {phase:?}: {}", object["status"]["rollback"]),
    }
    println!("     called off: {}", object["status"]["phase"]);
    Ok(())
}

fn refused(cluster: &Cluster) -> Result<()> {
    let login = cluster.tenant().login();
    let user = login.split(':').next().unwrap_or_default();
    let wrong = broker_url(cluster).replace(&login, &format!("{user}:not-the-password"));
    apply(cluster, &manifest("script-fails", &wrong))?;
    wait(cluster, "script-fails", "Failed")?;
    wait(cluster, "script-fails", "Completed=false")?;
    let object = get(cluster, &[KIND, "script-fails"])?;
    let conditions = object["status"]["conditions"]
        .as_array()
        .context("no conditions")?;
    let failed = conditions
        .iter()
        .find(|one| one["type"] == "Failed")
        .context("no condition Failed")?;
    let message = failed["message"].as_str().unwrap_or_default();
    let told = "Correct user and password in spec.messageQueueConfig.brokerUrl";
    ensure!(
        message.contains(told) && !message.contains("Secret"),
        "it says {message:?}"
    );
    Ok(())
}

/// All that the reference system knows, and all that we add with a choice; what may be left out is `""` or 0.
fn manifest(name: &str, broker_url: &str) -> String {
    json!({
        "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
        "metadata": {"name": name},
        "spec": {
            "sourcePod": POD, "containerName": "", "targetNode": "", "checkpointImageRepository": "",
            "replayCutoffSeconds": 0, "replayMode": "", "migrationStrategy": "", "transferMode": "",
            "identitySwapMode": "", "handoff": "", "checkpointBackend": "", "restoreBackend": "",
            "messageQueueConfig": {"queueName": format!("orders.{POD}"), "brokerUrl": broker_url,
                "exchangeName": "orders", "routingKey": ""},
        },
    })
    .to_string()
}

fn wait(cluster: &Cluster, name: &str, condition: &str) -> Result<()> {
    let object = format!("{KIND}/{name}");
    let wanted = format!("--for=condition={condition}");
    let waited = capture(cluster.kubectl(["wait", &object, &wanted, "--timeout=60s"]));
    waited
        .map(drop)
        .with_context(|| match get(cluster, &[KIND, name]) {
            Ok(object) => format!("waiting for {condition}: {:#}", object["status"]["conditions"]),
            Err(error) => error.to_string(),
        })
}

fn patch_cancel(cluster: &Cluster, name: &str) -> Result<()> {
    let patch = r#"{"spec":{"cancel":true}}"#;
    capture(cluster.kubectl(["patch", KIND, name, "--type=merge", "--patch", patch])).map(drop)
}
