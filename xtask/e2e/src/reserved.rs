//! What makes a pod a restore is ours alone: in a pod, and in everything that controllers make pods from. The API server itself says so,
//! so nothing waits for the webhook. And the webhook's choice of a strategy: written with its reason, and applied again without harm.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use shadow_core::names;
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::fed::fed;
use xtask_lab::stage::{Sample, capture, get};

use super::faults::stopped::Stopped;
use super::reference::{apply, broker_url};
use super::{Bench, nothing_left};

const POD: &str = "orders-0";
/// Creations while the webhook does not answer.
const CREATIONS: usize = 200;
/// Controllers of a cluster that gives them no accounts of their own.
const ALL_CONTROLLERS: &str = "system:kube-controller-manager";

/// What pods are made from, with its group.
const MADE_FROM: [(&str, &str); 9] = [
    ("Deployment", "apps/v1"),
    ("ReplicaSet", "apps/v1"),
    ("StatefulSet", "apps/v1"),
    ("DaemonSet", "apps/v1"),
    ("ControllerRevision", "apps/v1"),
    ("Job", "batch/v1"),
    ("CronJob", "batch/v1"),
    ("ReplicationController", "v1"),
    ("PodTemplate", "v1"),
];

pub(super) fn for_us_alone(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    marks_are_refused(cluster)?;
    templates_from_before_are_kept(cluster)?;
    a_strategy_is_written(cluster)?;
    nobody_waits(cluster)?;
    Sample::remove(cluster)?;
    nothing_left(cluster)
}

/// What is written into a template: nothing, what users may write, and each kind of what they may not.
fn marks() -> [(&'static str, Value, bool); 5] {
    [
        ("nothing", json!({}), true),
        (
            "a queue",
            json!({"metadata": {"annotations": {names::QUEUE: "q"}}}),
            true,
        ),
        (
            "a restore key",
            json!({"metadata": {"annotations": {names::RESTORE_KEY: "k"}}}),
            false,
        ),
        (
            "a label",
            json!({"metadata": {"labels": {names::ROLE: "shadow"}}}),
            false,
        ),
        (
            "the runtime class",
            json!({"spec": {"runtimeClassName": names::RUNTIME_CLASS}}),
            false,
        ),
    ]
}

fn marks_are_refused(cluster: &Cluster) -> Result<()> {
    for (mark, change, allowed) in marks() {
        let template = template(&change);
        let mut objects = vec![pod("marked", &template)];
        objects.extend(
            MADE_FROM
                .iter()
                .map(|(kind, group)| made_from(kind, group, &template)),
        );
        for object in objects {
            let kind = &object["kind"];
            let (done, said) = dry_run(cluster, &object, &[])?;
            ensure!(done == allowed, "{kind} with {mark}: {said}");
            ensure!(
                done || said.contains("shadow controller"),
                "{kind} with {mark} is refused in other words: {said}"
            );
        }
    }
    // Where controllers share one account, it may submit a restore for a StatefulSet only.
    let (_, class, _) = &marks()[4];
    for (kind, allowed) in [("ReplicaSet", false), ("StatefulSet", true)] {
        let mut pod = pod("made", &template(class));
        pod["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": kind, "name": "orders",
            "uid": "b1f4c1de-30c8-4ad7-8f0b-3c1f7d0f2a55", "controller": true}]);
        let shared = ["--as", ALL_CONTROLLERS, "--as-group", "system:masters"];
        let (done, said) = dry_run(cluster, &pod, &shared)?;
        ensure!(done == allowed, "pod of a {kind} by {ALL_CONTROLLERS}: {said}");
    }
    Ok(())
}

/// An application whose template had a mark of ours before the policy was there is changed and deleted as ever.
fn templates_from_before_are_kept(cluster: &Cluster) -> Result<()> {
    const POLICY: &str = "shadow-reserved-templates";
    let binding =
        capture(cluster.kubectl(["get", "validatingadmissionpolicybinding", POLICY, "--output=json"]))?;
    let (_, key, _) = &marks()[2];
    let mut old = made_from("Deployment", "apps/v1", &template(key));
    old["metadata"]["name"] = "from-before".into();
    old["spec"]["replicas"] = 0.into();
    let absent = Absent::of(cluster, POLICY, binding)?;
    wait_for("the policy to be out of force", Duration::from_secs(30), || {
        Ok(dry_run(cluster, &old, &[])?.0.then_some(()))
    })?;
    apply(cluster, &old.to_string())?;
    drop(absent);
    let mut new = old.clone();
    new["metadata"]["name"] = "from-now".into();
    wait_for("the policy to be in force again", Duration::from_secs(30), || {
        Ok((!dry_run(cluster, &new, &[])?.0).then_some(()))
    })?;
    old["spec"]["minReadySeconds"] = 1.into();
    apply(cluster, &old.to_string())?;
    capture(cluster.kubectl(["delete", "deployment", "from-before", "--wait=true"])).map(drop)
}

/// A binding that is away until this is dropped, so that a test that fails leaves the cluster guarded.
struct Absent<'a> {
    cluster: &'a Cluster,
    binding: Value,
}

impl<'a> Absent<'a> {
    fn of(cluster: &'a Cluster, name: &str, binding: String) -> Result<Self> {
        let read: Value = serde_json::from_str(&binding).context("kubectl printed no JSON")?;
        let binding = json!({"apiVersion": read["apiVersion"], "kind": read["kind"], "metadata": {"name": name,
            "labels": read["metadata"]["labels"]}, "spec": read["spec"]});
        let absent = Self { cluster, binding };
        capture(cluster.kubectl(["delete", "validatingadmissionpolicybinding", name]))?;
        Ok(absent)
    }
}

impl Drop for Absent<'_> {
    fn drop(&mut self) {
        if let Err(error) = apply(self.cluster, &self.binding.to_string()) {
            eprintln!("could not put the admission policy back: {error:#}");
        }
    }
}

/// Nothing is left by a dry run; what is written can be applied again.
fn a_strategy_is_written(cluster: &Cluster) -> Result<()> {
    let name = "chosen";
    let migration = json!({
        "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration", "metadata": {"name": name},
        "spec": {"sourcePod": POD, "planOnly": true, "strategyReason": "as I say",
                 "messageQueueConfig": {"queueName": "nothing.here", "brokerUrl": broker_url(cluster)}},
    });
    let before = ours(cluster)?;
    let mut create = cluster.kubectl(["create", "--dry-run=server", "--output=json", "--filename", "-"]);
    let output = fed(&mut create, &migration.to_string())?;
    let answered: Value = serde_json::from_slice(&output.stdout).with_context(|| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        format!("a dry run of a migration: {said}")
    })?;
    chosen(&answered)?;
    let after = ours(cluster)?;
    ensure!(before == after, "a dry run left {after}, where {before} was");
    let mut manifest = migration;
    if let Some(spec) = manifest["spec"].as_object_mut() {
        spec.remove("strategyReason");
    }
    for turn in 1..=2 {
        apply(cluster, &manifest.to_string()).with_context(|| format!("apply it, time {turn}"))?;
    }
    chosen(&get(cluster, &["statefulmigration", name])?)?;
    capture(cluster.kubectl(["delete", "statefulmigration", name, "--wait=true"])).map(drop)
}

/// Names of all objects of ours in the namespace.
fn ours(cluster: &Cluster) -> Result<String> {
    let kinds = "statefulmigrations,evacuations,migrationprogresses";
    capture(cluster.kubectl(["get", kinds, "--output=name"]))
}

fn chosen(migration: &Value) -> Result<()> {
    let spec = &migration["spec"];
    let reason = spec["strategyReason"].as_str().unwrap_or_default();
    ensure!(
        spec["migrationStrategy"] == "ShadowPod" && reason.contains("belongs to StatefulSet orders"),
        "the webhook wrote {spec}"
    );
    Ok(())
}

/// With the webhook away every pod without a migration is created, and every mark is still refused.
fn nobody_waits(cluster: &Cluster) -> Result<()> {
    let plain = template(&json!({}));
    let pods: Vec<Value> = (0..CREATIONS)
        .map(|number| pod(&format!("plain-{number}"), &plain))
        .collect();
    let all = json!({"apiVersion": "v1", "kind": "List", "items": pods});
    let (_, key, _) = &marks()[2];
    let webhook = Stopped::webhook(cluster)?;
    let (done, said) = dry_run(cluster, &all, &[])?;
    let created = said.lines().filter(|line| line.contains("created")).count();
    ensure!(
        done && created == CREATIONS,
        "{created} of {CREATIONS} pods would have been created: {said}"
    );
    let (done, said) = dry_run(cluster, &pod("marked", &template(key)), &[])?;
    ensure!(
        !done && said.contains("shadow controller"),
        "without the webhook: {said}"
    );
    webhook.go_on();
    Ok(())
}

/// Whether the API server would create it, and what was said.
fn dry_run(cluster: &Cluster, object: &Value, more: &[&str]) -> Result<(bool, String)> {
    let mut kubectl = cluster.kubectl(["create", "--dry-run=server", "--filename", "-"]);
    kubectl.args(more);
    let output = fed(&mut kubectl, &object.to_string())?;
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok((output.status.success(), said))
}

/// A lawful template of pods, with this change.
fn template(change: &Value) -> Value {
    let mut template = json!({"metadata": {"labels": {"app": "reserved"}},
        "spec": {"containers": [{"name": "pause", "image": "10.100.0.1:5000/pause:1"}]}});
    for (part, fields) in change.as_object().into_iter().flatten() {
        for (field, value) in fields.as_object().into_iter().flatten() {
            match (&mut template[part][field], value.as_object()) {
                (Value::Object(there), Some(more)) => there.extend(more.clone()),
                (place, _) => *place = value.clone(),
            }
        }
    }
    template
}

fn pod(name: &str, template: &Value) -> Value {
    let mut metadata = template["metadata"].clone();
    metadata["name"] = name.into();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]})
}

fn made_from(kind: &str, group: &str, template: &Value) -> Value {
    let selector = json!({"matchLabels": {"app": "reserved"}});
    let mut once = template.clone();
    once["spec"]["restartPolicy"] = "Never".into();
    let body = match kind {
        "StatefulSet" => {
            json!({"spec": {"serviceName": "reserved", "selector": selector, "template": template}})
        }
        "ReplicationController" => {
            json!({"spec": {"selector": selector["matchLabels"], "template": template}})
        }
        "Job" => json!({"spec": {"template": once}}),
        "CronJob" => json!({"spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": once}}}}),
        "PodTemplate" => json!({"template": template}),
        "ControllerRevision" => json!({"revision": 1, "data": {"spec": {"template": template}}}),
        _ => json!({"spec": {"selector": selector, "template": template}}),
    };
    let mut object = json!({"apiVersion": group, "kind": kind, "metadata": {"name": "reserved"}});
    for (field, value) in body.as_object().into_iter().flatten() {
        object[field] = value.clone();
    }
    object
}
