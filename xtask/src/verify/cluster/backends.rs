//! Other ways of dumping and carrying a process: one move each, under load.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::round_trips::{POD, frozen};
use super::{Bench, ended, exact_messages, nothing_left};
use crate::stage::{self, Load, Oracle, Sample};

/// The local cluster's registry, as its nodes reach it.
pub(super) const REPOSITORY: &str = "10.100.0.1:5000/checkpoints";

/// The dump goes through kubelet's own API. It takes longer than a request may wait.
pub(super) fn through_kubelet(bench: &Bench) -> Result<()> {
    let (object, report) = moved(bench, json!({"checkpointBackend": "Kubelet"}))?;
    println!("     frozen {}; {}", frozen(&object), stage::summary(&report));
    exact_messages(&report)?;
    nothing_left(&bench.cluster)
}

/// The archive goes through an image registry, and nothing of it stays there.
pub(super) fn through_a_registry(bench: &Bench) -> Result<()> {
    let wanted = json!({"transferMode": "Registry", "checkpointImageRepository": REPOSITORY});
    let (object, report) = moved(bench, wanted)?;
    let plan = &object["status"]["plan"];
    ensure!(
        plan["transfer"] == "Registry",
        "the archive went {}",
        plan["transfer"]
    );
    for leg in object["status"]["legs"].as_array().into_iter().flatten() {
        let micros = leg["transfer"]["totalMicros"]
            .as_i64()
            .context("a handoff had no transfer")?;
        println!(
            "     handoff {}: {} ms by way of the registry",
            leg["number"],
            micros / 1_000
        );
    }
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    nothing_left(&bench.cluster)
}

/// Moves the pod under load with these fields in the spec; it has to work.
fn moved(bench: &Bench, fields: Value) -> Result<(Value, Value)> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let load = Load {
        rate: 100,
        publishers: 3,
        tail: 5,
        size: stage::MESSAGE_BYTES,
    };
    let oracle = Oracle::start(cluster, &bench.product, POD, load)?;
    oracle.run_for(Duration::from_secs(2));
    let mut spec = json!({"sourcePod": POD, "targetNode": Sample::other_node(cluster, POD)?});
    for (field, value) in fields.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    let manifest = json!({
        "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
        "metadata": {"name": format!("{POD}-{}", std::process::id()), "namespace": "default"},
        "spec": spec,
    });
    stage::apply(cluster, &manifest.to_string()).context("create the StatefulMigration")?;
    let object = ended(cluster, POD, Duration::from_secs(60))?;
    stage::delete(
        cluster,
        "statefulmigration",
        &format!("{POD}-{}", std::process::id()),
    )?;
    ensure!(
        object["status"]["phase"] == "Completed",
        "it ended {:#}",
        object["status"]
    );
    Ok((object, oracle.finish()?))
}
