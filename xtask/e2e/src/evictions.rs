//! Evictions become moves in a namespace that opted in: `kubectl drain` moves its consumers, repeated evictions do no harm,
//! and with the webhook away evictions go as ever.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::drains::{NODE, OTHER, Uncordoned, cordoned, migrations};
use super::faults::stopped::Stopped;
use super::{Bench, exact_messages, nothing_left};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::fed::fed;
use xtask_lab::stage::{self, Load, Oracle, Sample, capture, get};

const LOAD: Load = Load::of(40);
pub(super) const PODS: [&str; 2] = ["orders-0", "orders-1"];
const SOON: Duration = Duration::from_secs(60);
const MOVED: Duration = Duration::from_secs(120);
/// The API server waits one second for the webhook.
const FAIL_OPEN: Duration = Duration::from_secs(5);
const EVICTIONS: &str = "migration.ms2m.io/evictions";
const POLICY: &str = "evictions-become-moves";
/// Taint of the cluster autoscaler; its value is when the node was marked.
const REMOVED: &str = "ToBeDeletedByClusterAutoscaler";
/// Of a client that evicts again and again.
const EVERY: Duration = Duration::from_secs(10);
const ROUNDS: u32 = 12;

/// Both replicas leave node-a by `kubectl drain`, once each, and what has arrived is not evicted.
pub(super) fn by_kubectl_drain(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let uncordoned = Uncordoned(cluster, NODE);
    let opted_in = OptedIn::deployed(cluster)?;
    let oracles = watched(bench)?;
    let drained = capture(cluster.kubectl([
        "drain",
        NODE,
        "--ignore-daemonsets",
        "--delete-emptydir-data",
        "--pod-selector=app=orders",
        "--timeout=180s",
    ]));
    let copies = PODS.map(|pod| Sample::incarnation(cluster, pod).map(|(uid, _)| uid));
    println!(
        "     {}",
        drained.context("kubectl drain")?.trim().replace('\n', "; ")
    );
    for (pod, uid) in PODS.into_iter().zip(copies) {
        moved_once(cluster, pod, &uid?)?;
    }
    drop(uncordoned);
    finished(oracles)?;
    opted_in.removed()?;
    nothing_left(cluster)
}

/// Evictions without and with a UID, again and again, during the move and after it.
pub(super) fn repeated(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let opted_in = OptedIn::deployed(cluster)?;
    let oracles = watched(bench)?;
    let [first, second] = PODS;
    let (source, _) = Sample::incarnation(cluster, second)?;
    // Without a UID: satisfied once the copy has arrived, and from then on.
    until_gone(cluster, first, None)?;
    let (copy, _) = Sample::incarnation(cluster, first)?;
    moved_once(cluster, first, &copy)?;
    for _ in 0..5 {
        let answer = evict(cluster, first, None, false)?;
        ensure!(
            answer.is("NotFound"),
            "the copy of {first} was not spared: {answer:?}"
        );
    }
    moved_once(cluster, first, &copy)?;
    // With a UID: the API server says that it is another pod.
    until_gone(cluster, second, Some(&source))?;
    let (copy, _) = Sample::incarnation(cluster, second)?;
    moved_once(cluster, second, &copy)?;
    finished(oracles)?;
    opted_in.removed()?;
    nothing_left(cluster)
}

/// Every ten seconds for two minutes, one pod without a UID and one by the UID of its source. In the second minute the node that they have
/// come to is removed, too, and no node can take them.
pub(super) fn every_ten_seconds(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let opted_in = OptedIn::deployed(cluster)?;
    let oracles = watched(bench)?;
    let _uncordoned = cordoned(cluster, NODE)?;
    let [first, second] = PODS;
    let (source, _) = Sample::incarnation(cluster, second)?;
    let mut tainted = None;
    for round in 0..ROUNDS {
        let next = Instant::now() + EVERY;
        if round == ROUNDS / 2 {
            tainted = Some(Tainted::new(cluster, OTHER)?);
        }
        for (pod, uid) in [(first, None), (second, Some(source.as_str()))] {
            let answer = evict(cluster, pod, uid, false)?;
            let lawful = ["TooManyRequests", "NotFound", "Conflict"];
            ensure!(
                lawful.iter().any(|reason| answer.is(reason)),
                "round {round}, {pod}: {answer:?}"
            );
            if round == ROUNDS / 2 - 1 {
                ensure!(!answer.is("TooManyRequests"), "{pod} has not left: {answer:?}");
            }
            if round == ROUNDS - 1 && uid.is_none() {
                ensure!(
                    answer.is("TooManyRequests") && answer.says("no other node can take it now"),
                    "{pod} on a node that is removed: {answer:?}"
                );
            }
        }
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    for pod in PODS {
        let (copy, _) = Sample::incarnation(cluster, pod)?;
        moved_once(cluster, pod, &copy)?;
    }
    drop(tainted);
    finished(oracles)?;
    opted_in.removed()?;
    nothing_left(cluster)
}

/// A node that is removed, as the cluster autoscaler marks it, until this is dropped.
struct Tainted<'a>(&'a Cluster, &'static str);

impl<'a> Tainted<'a> {
    fn new(cluster: &'a Cluster, node: &'static str) -> Result<Self> {
        let now = jiff::Timestamp::now().as_second();
        let taint = format!("{REMOVED}={now}:NoSchedule");
        capture(cluster.kubectl(["taint", "node", node, &taint]))?;
        Ok(Self(cluster, node))
    }
}

impl Drop for Tainted<'_> {
    fn drop(&mut self) {
        let off = self.0.kubectl(["taint", "node", self.1, &format!("{REMOVED}-")]);
        if let Err(error) = capture(off) {
            eprintln!("{} stays tainted: {error:#}", self.1);
        }
    }
}

/// No replica of the webhook answers: the pod goes within the second for which the API server waits, and is re-created.
pub(super) fn without_the_webhook(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let opted_in = OptedIn::deployed(cluster)?;
    let pod = PODS[0];
    let (before, _) = Sample::incarnation(cluster, pod)?;
    let webhook = Stopped::webhook(cluster)?;
    let asked = Instant::now();
    let answer = evict(cluster, pod, None, false)?;
    let took = asked.elapsed();
    webhook.go_on();
    ensure!(answer == Answer::Evicted, "not evicted: {answer:?}");
    ensure!(took < FAIL_OPEN, "the eviction took {took:?}");
    println!("     evicted after {} ms", took.as_millis());
    wait_for("the pod to be re-created", SOON, || {
        let Ok((uid, _)) = Sample::incarnation(cluster, pod) else {
            return Ok(None);
        };
        Ok((uid != before).then_some(()))
    })?;
    ensure!(
        migrations(cluster)?.is_empty(),
        "something was moved: {:?}",
        migrations(cluster)?
    );
    opted_in.removed()?;
    nothing_left(cluster)
}

/// The sample on node-a, in a namespace whose evictions become moves.
pub(super) struct OptedIn<'a>(&'a Cluster);

impl<'a> OptedIn<'a> {
    pub(super) fn deployed(cluster: &'a Cluster) -> Result<Self> {
        // The migrations of the evictions are counted.
        capture(cluster.kubectl(["delete", "statefulmigrations", "--all", "--wait=true"]))?;
        let elsewhere = cordoned(cluster, OTHER)?;
        Sample::deploy(cluster, &[])?;
        drop(elsewhere);
        for pod in PODS {
            ensure!(Sample::node(cluster, pod)? == NODE, "{pod} is not on {NODE}");
        }
        Self::namespace(cluster, &json!({"matchLabels": {"app": "orders"}}))
    }

    /// The namespace of pods that are there, orders-0 among them; those that this selects are moved.
    pub(super) fn namespace(cluster: &'a Cluster, selector: &Value) -> Result<Self> {
        // Earlier evictions count for ten minutes.
        capture(cluster.kubectl(["delete", "evacuations", "--all", "--wait=true"]))?;
        capture(cluster.kubectl([
            "label",
            "--overwrite",
            "namespace",
            cluster.namespace(),
            &format!("{EVICTIONS}=move"),
        ]))?;
        let opted_in = Self(cluster);
        let policy = json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "MigrationPolicy",
            "metadata": {"name": POLICY}, "spec": {"evictions": "Move", "podSelector": selector}});
        stage::apply(cluster, &policy.to_string())?;
        // The API server hears of the label a moment later.
        wait_for("a dry run to be answered by a move", SOON, || {
            let answer = evict(cluster, PODS[0], None, true)?;
            Ok((answer.is("TooManyRequests") && answer.says("dry run")).then_some(()))
        })?;
        let marks = get(cluster, &["evacuations"])?;
        ensure!(marks["items"] == json!([]), "a dry run left {}", marks["items"]);
        Ok(opted_in)
    }

    /// With its policy; the pods stay.
    pub(super) fn ended(self) -> Result<()> {
        stage::delete(self.0, "migrationpolicy", POLICY)
    }

    pub(super) fn removed(self) -> Result<()> {
        let cluster = self.0;
        self.ended()?;
        Sample::remove(cluster)
    }
}

impl Drop for OptedIn<'_> {
    fn drop(&mut self) {
        let off = self
            .0
            .kubectl(["label", "namespace", self.0.namespace(), &format!("{EVICTIONS}-")]);
        if let Err(error) = capture(off) {
            eprintln!(
                "evictions still become moves in {}: {error:#}",
                self.0.namespace()
            );
        }
    }
}

pub(super) fn watched(bench: &Bench) -> Result<Vec<Oracle>> {
    let oracles = PODS
        .iter()
        .map(|pod| Oracle::start(&bench.cluster, &bench.product, pod, LOAD))
        .collect::<Result<Vec<_>>>()?;
    for oracle in &oracles {
        oracle.run_for(Duration::from_secs(2));
    }
    Ok(oracles)
}

pub(super) fn finished(oracles: Vec<Oracle>) -> Result<()> {
    for oracle in oracles {
        let report = oracle.finish()?;
        println!("     {}", stage::summary(&report));
        exact_messages(&report)?;
    }
    Ok(())
}

/// One migration of this pod, caused by an eviction, and the pod that it restored is still there under this UID.
pub(super) fn moved_once(cluster: &Cluster, pod: &str, uid: &str) -> Result<()> {
    ensure!(Sample::node(cluster, pod)? == OTHER, "{pod} is not on {OTHER}");
    let all: Vec<Value> = migrations(cluster)?
        .into_iter()
        .filter(|one| one["spec"]["sourcePod"] == *pod)
        .collect();
    let [migration] = all.as_slice() else {
        bail!("{pod} was moved {} times: {all:#?}", all.len());
    };
    let status = &migration["status"];
    ensure!(status["phase"] == "Completed", "{pod}: {status:#}");
    ensure!(
        migration["metadata"]["annotations"]["migration.ms2m.io/evacuation"].is_string(),
        "no eviction caused it: {}",
        migration["metadata"]
    );
    let copy = status["legs"]
        .as_array()
        .and_then(|legs| legs.last()?["to"]["uid"].as_str());
    let now = Sample::incarnation(cluster, pod)?;
    ensure!(
        copy == Some(uid) && now == (uid.to_owned(), 0),
        "{pod} is not the copy: {copy:?} was restored, {uid} was seen, {now:?} is there"
    );
    Ok(())
}

/// What an eviction was answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Evicted,
    Denied(String),
}

impl Answer {
    /// Denied for this reason.
    pub(super) fn is(&self, reason: &str) -> bool {
        matches!(self, Self::Denied(said) if said.contains(&format!("({reason})")))
    }

    pub(super) fn says(&self, words: &str) -> bool {
        matches!(self, Self::Denied(said) if said.contains(words))
    }
}

/// Evicts without a pause until the pod that is meant has left.
pub(super) fn until_gone(cluster: &Cluster, pod: &str, uid: Option<&str>) -> Result<()> {
    let mut asked = 0;
    let left = wait_for("the evicted pod to have left", MOVED, || {
        let answer = evict(cluster, pod, uid, false)?;
        asked += 1;
        ensure!(answer != Answer::Evicted, "{pod} was evicted and not moved");
        if answer.is("TooManyRequests") {
            return Ok(None);
        }
        // With a UID, another pod may still be on its way under that name.
        let ended = migrations(cluster)?
            .iter()
            .any(|one| one["spec"]["sourcePod"] == *pod && one["status"]["phase"] == "Completed");
        Ok(ended.then_some(answer))
    })?;
    ensure!(left.is("NotFound") || left.is("Conflict"), "{left:?}");
    println!("     {pod}: {asked} evictions, the last one was answered: {left:?}");
    Ok(())
}

/// One eviction, as a client of the eviction API asks for it.
pub(super) fn evict(cluster: &Cluster, pod: &str, uid: Option<&str>, dry_run: bool) -> Result<Answer> {
    let namespace = cluster.namespace();
    let mut options = json!({});
    if let Some(uid) = uid {
        options["preconditions"] = json!({"uid": uid});
    }
    if dry_run {
        options["dryRun"] = json!(["All"]);
    }
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction",
        "metadata": {"name": pod, "namespace": namespace}, "deleteOptions": options});
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/eviction");
    let mut kubectl = cluster.kubectl(["create", "--raw", &path, "--filename", "-"]);
    let output = fed(&mut kubectl, &eviction.to_string())?;
    Ok(if output.status.success() {
        Answer::Evicted
    } else {
        Answer::Denied(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    })
}
