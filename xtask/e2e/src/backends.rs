//! Other ways of dumping and carrying a process: one move each, under load.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::round_trips::{POD, POD_FILES_OPEN, frozen};
use super::{Bench, ended, exact_messages, nothing_left};
use xtask_lab::cluster::{CHECKPOINTS, Cluster, GUARDED_REGISTRY};
use xtask_lab::stage::{self, Load, Oracle, Sample, capture};

/// The dump goes through kubelet's own API. It takes longer than a request may wait.
pub(super) fn through_kubelet(bench: &Bench) -> Result<()> {
    let (object, report) = moved(bench, json!({"checkpointBackend": "Kubelet"}))?;
    println!("     frozen {}; {}", frozen(&object), stage::summary(&report));
    exact_messages(&report)?;
    nothing_left(&bench.cluster)
}

/// The archive goes through an image registry, and nothing of it stays there.
pub(super) fn through_a_registry(bench: &Bench) -> Result<()> {
    let before = checkpoints(&bench.cluster)?;
    let repository = bench.cluster.repository(CHECKPOINTS);
    let arguments = ["--through-registry", "--checkpoint-repository", &repository];
    let (object, report) = under_load(bench, |target| {
        stage::migrate_with(&bench.cluster, &bench.product, POD, target, &arguments).map(|moved| moved.object)
    })?;
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
    nothing_stays(&bench.cluster, &before)?;
    nothing_left(&bench.cluster)
}

/// Name of the Secret with the guarded registry's user.
const SECRET: &str = "registry-user";

/// The same through a registry that asks for a password, which stands in a Secret that the controller may read.
pub(super) fn with_a_password(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let wanted = json!({
        "transferMode": "Registry", "checkpointImageRepository": cluster.repository(&format!("{GUARDED_REGISTRY}/checkpoints")),
        "checkpointImageSecretRef": SECRET,
    });
    Sample::deploy(cluster, &[])?;
    let incarnation = Sample::incarnation(cluster, POD)?;
    for (password, reason, says) in [
        (None, "RegistrySecret", "kubectl shadow allow"),
        (
            Some("wrong"),
            "RegistryRefused",
            "does not accept user and password",
        ),
    ] {
        secret(cluster, password.unwrap_or("topsecret"))?;
        if password.is_some() {
            allow(bench)?;
        }
        let rollback = ordered(cluster, &wanted)?["status"]["rollback"].clone();
        let message = rollback["message"].as_str().unwrap_or_default();
        println!("     {}: {message}", rollback["reason"]);
        ensure!(
            rollback["reason"] == reason && message.contains(says) && !message.contains("topsecret"),
            "with password {password:?} it ended {rollback}"
        );
        ensure!(
            Sample::incarnation(cluster, POD)? == incarnation,
            "{POD} was restarted although its archive could not be pushed"
        );
    }
    secret(cluster, "topsecret")?;
    let before = checkpoints(cluster)?;
    let (object, report) = moved(bench, wanted)?;
    ensure!(
        object["status"]["plan"]["transfer"] == "Registry",
        "the archive went {}",
        object["status"]["plan"]["transfer"]
    );
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    nothing_stays(cluster, &before)?;
    stage::delete(cluster, "secret", SECRET)?;
    nothing_left(cluster)
}

/// As `kubectl create secret docker-registry` makes it, with the authority of the registry's certificate beside it.
fn secret(cluster: &Cluster, password: &str) -> Result<()> {
    let users = json!({"auths": {GUARDED_REGISTRY: {"username": "robot", "password": password}}});
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": SECRET},
        "stringData": {".dockerconfigjson": users.to_string(), "ca.crt": cluster.authority()?},
    });
    stage::apply(cluster, &secret.to_string())
}

fn allow(bench: &Bench) -> Result<()> {
    let mut plugin = bench.product.plugin(&bench.cluster)?;
    plugin.args(["allow", "--secret", SECRET]);
    capture(plugin).map(drop)
}

/// Checkpoints in the registry, by whichever address they were pushed: all of them serve the same images. A run that was
/// killed may have left some of its own.
fn checkpoints(cluster: &Cluster) -> Result<BTreeSet<String>> {
    let mut curl = cluster.run_on_node(Cluster::node_names()[0], "curl")?;
    let repository = cluster.repository(CHECKPOINTS);
    let (host, path) = repository.split_once('/').context("no host")?;
    curl.args(["--silent", "--show-error"]);
    curl.arg(format!("http://{host}/v2/{path}/tags/list"));
    let answer: Value = serde_json::from_str(&capture(curl)?).context("the registry printed no JSON")?;
    let tags = answer["tags"].as_array().into_iter().flatten();
    Ok(tags.filter_map(|tag| tag.as_str().map(str::to_owned)).collect())
}

fn nothing_stays(cluster: &Cluster, before: &BTreeSet<String>) -> Result<()> {
    let now = checkpoints(cluster)?;
    let left: Vec<&String> = now.difference(before).collect();
    ensure!(left.is_empty(), "checkpoints are left in the registry: {left:?}");
    Ok(())
}

/// Moves the pod under load with these fields in the spec; it has to work.
fn moved(bench: &Bench, fields: Value) -> Result<(Value, Value)> {
    under_load(bench, |_| ordered(&bench.cluster, &fields))
}

/// Moves the pod to the node it is not on; the migration at its end and what the oracle says.
fn under_load(bench: &Bench, to: impl FnOnce(&str) -> Result<Value>) -> Result<(Value, Value)> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &POD_FILES_OPEN)?;
    let load = Load::of(100);
    let oracle = Oracle::start(cluster, &bench.product, POD, load)?;
    oracle.run_for(Duration::from_secs(2));
    let object = to(Sample::other_node(cluster, POD)?)?;
    ensure!(
        object["status"]["phase"] == "Completed",
        "it ended {:#}",
        object["status"]
    );
    Ok((object, oracle.finish()?))
}

/// Orders the move and returns it at its end, whatever that is.
fn ordered(cluster: &Cluster, fields: &Value) -> Result<Value> {
    let mut spec = json!({"sourcePod": POD, "targetNode": Sample::other_node(cluster, POD)?});
    for (field, value) in fields.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    let manifest = json!({
        "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
        "metadata": {"name": format!("{POD}-{}", std::process::id())},
        "spec": spec,
    });
    stage::apply(cluster, &manifest.to_string()).context("create the StatefulMigration")?;
    let object = ended(cluster, POD, Duration::from_secs(60))?;
    stage::delete(
        cluster,
        "statefulmigration",
        &format!("{POD}-{}", std::process::id()),
    )?;
    Ok(object)
}
