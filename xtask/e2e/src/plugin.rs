//! What a script has of the plugin: its exit code through a pipe that closes early, warnings on stderr, and no silence about a
//! right that is missing. And Events, where `kubectl describe pod` shows them.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Bench, ended, nothing_left};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Sample, capture, get};

const POD: &str = "orders-0";
const STAND_IN: &str = "orders-0-shadow";
const SOON: Duration = Duration::from_secs(30);
const END: Duration = Duration::from_secs(120);
const QUOTA: &str = "no-more-pods";
const WARNED: &str = "warned";
const MOVER: &str = "mover";
const POLICY: &str = "a-limit-is-fine";

/// Refused, undone, moved.
pub(super) fn through_a_pipe(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    warned(bench)?;
    undone(bench)?;
    moved(bench)?;
    nothing_left(cluster)
}

/// Moved without its memory, moved and not proven exact, and a user who may begin a move and not watch it.
pub(super) fn what_a_script_must_not_take_for_moved(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    without_a_right(bench)?;
    memory_lost(bench)?;
    not_exact(bench)?;
    nothing_left(cluster)
}

/// A line of the plugin's output is read, then the pipe is closed.
fn piped(plugin: &Command) -> Command {
    let mut shell = Command::new("bash");
    shell.args(["-c", "set -o pipefail; \"$@\" | head -1", "bash"]);
    shell.arg(plugin.get_program()).args(plugin.get_args());
    shell.envs(plugin.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}

fn migrate(bench: &Bench) -> Result<Command> {
    let target = Sample::other_node(&bench.cluster, POD)?;
    Ok(piped(&stage::migrate_command(
        &bench.cluster,
        &bench.product,
        POD,
        target,
    )?))
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

fn exits(output: &Output, code: i32, what: &str) -> Result<()> {
    let said = said(output);
    println!(
        "     {what}: exit code {:?}: {}",
        output.status.code(),
        said.lines().last().unwrap_or_default()
    );
    ensure!(
        output.status.code() == Some(code),
        "{what}: not {code} but {:?}: {said}",
        output.status.code()
    );
    Ok(())
}

/// What admission warns of is shown once, on stderr, and a refusal beside it.
fn warned(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": WARNED, "labels": {"app": WARNED}},
        "spec": {
            "serviceName": WARNED, "replicas": 1, "selector": {"matchLabels": {"app": WARNED}},
            "template": {
                "metadata": {"labels": {"app": WARNED}},
                "spec": {
                    "terminationGracePeriodSeconds": 0,
                    "volumes": [{"name": "scratch", "emptyDir": {}}],
                    "containers": [{"name": "one", "image": "10.100.0.1:5000/pause:1",
                        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}]}],
                },
            },
        },
    });
    stage::apply(cluster, &set.to_string())?;
    capture(cluster.kubectl(["rollout", "status", "statefulset/warned", "--timeout=60s"]))?;
    let pod = format!("{WARNED}-0");
    let target = Sample::other_node(cluster, &pod)?;
    let plugin = stage::migrate_command(cluster, &bench.product, &pod, target)?;
    let output = piped(&plugin).output().context("run bash")?;
    exits(&output, 1, "refused")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    let warnings = stderr
        .lines()
        .filter(|line| line.starts_with("warning: ") && line.contains("emptyDir"));
    ensure!(warnings.count() == 1, "the warning is not told once: {stderr}");
    stage::delete_app(cluster, WARNED).map(drop)
}

/// The namespace may have no more pods than it has: undone in the quota's own words.
fn undone(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let pods = get(cluster, &["pods"])?["items"].as_array().map_or(0, Vec::len);
    let limit = pods.to_string();
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": QUOTA},
        "spec": {"hard": {"pods": limit}},
    });
    stage::apply(cluster, &quota.to_string())?;
    wait_for("the quota to be counted", SOON, || {
        let used = &get(cluster, &["resourcequota", QUOTA])?["status"]["used"]["pods"];
        Ok((used.as_str() == Some(limit.as_str())).then_some(()))
    })?;
    let output = migrate(bench)?.output().context("run bash");
    stage::delete(cluster, "resourcequota", QUOTA)?;
    exits(&output?, 2, "undone")?;
    let message = stage::migration(cluster, POD)?["status"]["rollback"]["message"].clone();
    let message = message.as_str().unwrap_or_default();
    ensure!(
        message.contains("exceeded quota") && !message.contains("Status"),
        "not the quota's words alone: {message}"
    );
    Ok(())
}

fn moved(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let source = Sample::incarnation(cluster, POD)?.0;
    exits(&migrate(bench)?.output().context("run bash")?, 0, "moved")?;
    let copy = Sample::incarnation(cluster, POD)?.0;
    let migration = stage::migration(cluster, POD)?["metadata"]["uid"].clone();
    let migration = migration.as_str().context("the migration has no UID")?;
    told(cluster, &source, &["Planned", "Held", "Committed"])?;
    told(cluster, &copy, &["Committed", "Released", "Completed"])?;
    told(
        cluster,
        migration,
        &["Planned", "Held", "Committed", "Released", "Completed"],
    )
}

/// Events are written beside the move, so the last ones may come after its end.
fn told(cluster: &Cluster, uid: &str, reasons: &[&str]) -> Result<()> {
    let selector = format!("--field-selector=involvedObject.uid={uid}");
    let mut seen = Vec::new();
    let complete = wait_for("the Events", SOON, || {
        let events = get(cluster, &["events", &selector])?;
        let events = events["items"].as_array().into_iter().flatten();
        seen = events
            .filter_map(|event| event["reason"].as_str().map(str::to_owned))
            .collect();
        Ok(reasons
            .iter()
            .all(|reason| seen.iter().any(|one| one == reason))
            .then_some(()))
    });
    complete.with_context(|| format!("{reasons:?} wanted, {seen:?} there"))
}

/// It is told at once, and names the right; the move goes on.
fn without_a_right(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let rules = json!([
        {"apiGroups": ["migration.ms2m.io"], "resources": ["statefulmigrations"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "create", "delete"]},
    ]);
    for object in [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": MOVER}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": MOVER}, "rules": rules}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": MOVER},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": MOVER},
            "subjects": [{"kind": "ServiceAccount", "name": MOVER, "namespace": cluster.namespace()}]}),
    ] {
        stage::apply(cluster, &object.to_string())?;
    }
    let config = config_of_the_mover(cluster)?;
    let mut shell = migrate(bench)?;
    shell.env("KUBECONFIG", config.path());
    let begun = Instant::now();
    let output = shell.output().context("run bash")?;
    exits(&output, 4, "may not watch")?;
    ensure!(
        said(&output).contains("get, list and watch on statefulmigrations")
            && begun.elapsed() < Duration::from_secs(5),
        "after {:?}: {}",
        begun.elapsed(),
        said(&output)
    );
    let phase = ended(cluster, POD, END)?["status"]["phase"].clone();
    ensure!(
        phase == "Completed",
        "the move that was not watched ended {phase}"
    );
    ["rolebinding", "role", "serviceaccount"]
        .iter()
        .try_for_each(|kind| stage::delete(cluster, kind, MOVER))
}

fn config_of_the_mover(cluster: &Cluster) -> Result<tempfile::NamedTempFile> {
    let config = capture(cluster.kubectl(["config", "view", "--raw", "--minify", "--output=json"]))?;
    let mut config: Value = serde_json::from_str(&config).context("kubectl printed no JSON")?;
    let token = capture(cluster.kubectl(["create", "token", MOVER]))?;
    config["users"][0]["user"] = json!({"token": token.trim()});
    let file = tempfile::NamedTempFile::new().context("make a file for the kubeconfig")?;
    std::fs::write(file.path(), config.to_string()).context("write the kubeconfig")?;
    Ok(file)
}

/// The stand-in has the memory alone after the first commit.
fn memory_lost(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let plugin = migrate(bench)?
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn();
    let plugin = plugin.context("run bash")?;
    wait_for("the first commit", SOON, || {
        let status = stage::migration(cluster, POD)?["status"].clone();
        let under_way = status["completionTime"].is_null();
        Ok((under_way && !status["legs"][0]["committed"].is_null()).then_some(()))
    })?;
    capture(cluster.kubectl(["delete", "pod", STAND_IN, "--wait=false", "--grace-period=1"]))?;
    exits(
        &plugin.wait_with_output().context("wait for bash")?,
        5,
        "moved without its memory",
    )?;
    Sample::wait(cluster)
}

/// The queue drops messages when it is full, which the owner of the namespace allows.
fn not_exact(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let limited =
        json!({"pattern": "^orders\\.", "apply-to": "queues", "definition": {"max-length": 100_000}});
    let broker_policy = format!("policies/{}/limited", cluster.tenant().virtual_host());
    stage::broker_call(cluster, "PUT", &broker_policy, &limited)?;
    let outcome = allowed_all_the_same(bench);
    stage::broker_api(cluster, "DELETE", &broker_policy)?;
    stage::delete(cluster, "migrationpolicy", POLICY)?;
    outcome
}

fn allowed_all_the_same(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    wait_for("the broker's policy to apply", SOON, || {
        let queue = stage::broker_api(cluster, "GET", &stage::queue_path(cluster, "orders.orders-0"))?;
        let queue: Value = serde_json::from_str(&queue).context("the broker printed no JSON")?;
        Ok((queue["effective_policy_definition"]["max-length"] == 100_000).then_some(()))
    })?;
    let policy = json!({
        "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "MigrationPolicy", "metadata": {"name": POLICY},
        "spec": {"podSelector": {"matchLabels": {"app": "orders"}}, "inexactHandoff": "Allow"},
    });
    stage::apply(cluster, &policy.to_string())?;
    exits(
        &migrate(bench)?.output().context("run bash")?,
        6,
        "moved, not proven exact",
    )
}
