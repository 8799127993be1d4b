//! What can break on either side while a pod is moved, several faults under one load. Each time the source goes on with
//! its memory and its place in the stream, or the move ends exactly; and the message names the cause.

pub(super) mod broker;
pub(super) mod called_off;
pub(super) mod cut_off;
pub(super) mod dead_ends;
pub(super) mod deployment;
pub(super) mod node;
pub(super) mod removed;
pub(super) mod source;
pub(super) mod standing;
pub(super) mod stopped;
pub(super) mod storage;
pub(super) mod target;
pub(super) mod undumpable;
pub(super) mod unheard;
pub(super) mod webhook;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::{Bench, ended, exact_messages, nothing_left};
use stopped::Stopped;
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Load, Oracle, Sample, capture, get};

pub(super) const POD: &str = "orders-0";
const SHADOW: &str = "orders-0-shadow";
const LOAD: Load = Load::of(50);
/// Everything that a test waits for comes sooner; the end of a move has `END`.
const SOON: Duration = Duration::from_secs(30);
const END: Duration = Duration::from_secs(90);
/// How long the stream may stand still because of a fault, ms: a restore is given up after 20 s.
const LONGEST_PAUSE: u64 = 25_000;

/// The sample under load, watched by the oracle.
pub(super) struct Trial<'a> {
    pub(super) bench: &'a Bench,
    oracle: Oracle,
}

/// A move under way.
pub(super) struct Ordered {
    pub(super) source: String,
    pub(super) target: &'static str,
    incarnation: (String, i64),
    since: Instant,
}

/// How a move has to end that is undone.
pub(super) struct Undone<'a> {
    pub(super) fault: &'a str,
    pub(super) reason: &'a str,
    pub(super) says: &'a [&'a str],
}

impl<'a> Trial<'a> {
    pub(super) fn begin(bench: &'a Bench) -> Result<Self> {
        let cluster = &bench.cluster;
        Sample::deploy(cluster, &[])?;
        let oracle = Oracle::start(cluster, &bench.product, POD, LOAD)?;
        oracle.run_for(Duration::from_secs(2));
        Ok(Self { bench, oracle })
    }

    pub(super) fn cluster(&self) -> &Cluster {
        &self.bench.cluster
    }

    pub(super) fn product(&self) -> &stage::Product {
        &self.bench.product
    }

    /// Orders a move to the other node and does not wait for it.
    pub(super) fn order(&self) -> Result<Ordered> {
        self.order_with(&json!({}))
    }

    /// The same with these fields in the spec.
    fn order_with(&self, fields: &Value) -> Result<Ordered> {
        let cluster = self.cluster();
        nodes_ready(cluster)?;
        let ordered = Ordered {
            source: Sample::node(cluster, POD)?,
            target: Sample::other_node(cluster, POD)?,
            incarnation: Sample::incarnation(cluster, POD)?,
            since: Instant::now(),
        };
        if fields.as_object().is_none_or(serde_json::Map::is_empty) {
            let mut plugin = stage::migrate_command(cluster, &self.bench.product, POD, ordered.target)?;
            plugin.arg("--no-wait");
            capture(plugin)?;
        } else {
            stage::apply(cluster, &manifest(ordered.target, fields))?;
        }
        Ok(ordered)
    }

    /// The same; returns when the application waits on its hold queue. The source's agent stands still before the dump,
    /// until it is let go; the target's kubelet stands still meanwhile, so that there is nothing to dump for.
    pub(super) fn order_and_hold(&self) -> Result<(Ordered, Stopped)> {
        self.order_and_hold_with(&json!({}))
    }

    /// The same with these fields in the spec.
    pub(super) fn order_and_hold_with(&self, fields: &Value) -> Result<(Ordered, Stopped)> {
        let cluster = self.cluster();
        nodes_ready(cluster)?;
        let kubelet = Stopped::kubelet(cluster, Sample::other_node(cluster, POD)?)?;
        let ordered = self.order_with(fields)?;
        reached(cluster, "Stage")?;
        let agent = Stopped::agent(cluster, &ordered.source)?;
        kubelet.go_on();
        wait_for("the application to wait on its hold queue", SOON, || {
            let queue = stage::consumed_queue(cluster, POD)?;
            Ok(queue.filter(|queue| *queue != format!("orders.{POD}")))
        })?;
        Ok((ordered, agent))
    }

    /// The move is undone for the expected reason, and the source is the very container of before.
    pub(super) fn undone(&self, ordered: &Ordered, expected: &Undone<'_>) -> Result<()> {
        let object = self.ended(ordered, expected.fault)?;
        let (phase, rollback) = (&object["status"]["phase"], &object["status"]["rollback"]);
        let fault = expected.fault;
        ensure!(
            phase == "Failed" && rollback["reason"] == expected.reason,
            "{fault}: it ended {phase} because of {rollback}"
        );
        let message = rollback["message"].as_str().unwrap_or_default();
        for word in expected.says {
            ensure!(
                message.contains(word),
                "{fault}: the message does not say {word:?}: {message}"
            );
        }
        self.stayed(ordered, fault)
    }

    /// The move is done, and the pod is on the target.
    pub(super) fn completed(&self, ordered: &Ordered, fault: &str) -> Result<Value> {
        let object = self.ended(ordered, fault)?;
        let status = &object["status"];
        ensure!(
            status["phase"] == "Completed",
            "{fault}: it ended {}: {}",
            status["phase"],
            status["rollback"]
        );
        self.moved(ordered, fault)?;
        Ok(object)
    }

    /// The same, and the move vouches for every message.
    pub(super) fn completed_exactly(&self, ordered: &Ordered, fault: &str) -> Result<()> {
        let verdict = &self.completed(ordered, fault)?["status"]["verdict"];
        ensure!(verdict["exact"] == true, "{fault}: the verdict is {verdict}");
        Ok(())
    }

    /// The move is done or undone, whichever the fault left open, and the pod is where that says.
    pub(super) fn done_or_undone(&self, ordered: &Ordered, fault: &str) -> Result<()> {
        let object = self.ended(ordered, fault)?;
        match object["status"]["phase"].as_str() {
            Some("Completed") => self.moved(ordered, fault),
            Some("Failed") => self.stayed(ordered, fault),
            other => bail!("{fault}: it ended {other:?}"),
        }
    }

    fn moved(&self, ordered: &Ordered, fault: &str) -> Result<()> {
        let node = Sample::node(self.cluster(), POD)?;
        let target = ordered.target;
        ensure!(node == target, "{fault}: {POD} is on {node}, not on {target}");
        Ok(())
    }

    /// The source is the very container of before.
    fn stayed(&self, ordered: &Ordered, fault: &str) -> Result<()> {
        ensure!(
            Sample::incarnation(self.cluster(), POD)? == ordered.incarnation,
            "{fault}: the source was restarted or replaced"
        );
        Ok(())
    }

    /// The move at its end, whatever that is.
    pub(super) fn ended(&self, ordered: &Ordered, fault: &str) -> Result<Value> {
        let object = ended(self.cluster(), POD, END).with_context(|| fault.to_owned())?;
        println!(
            "     {fault}: {} after {:.1} s: {}",
            object["status"]["phase"].as_str().unwrap_or("?"),
            ordered.since.elapsed().as_secs_f64(),
            object["status"]["rollback"]["message"]
                .as_str()
                .unwrap_or("it was not undone")
        );
        Ok(object)
    }

    /// Ends the load: no message was lost, applied twice or reordered, no pause was long, nothing of ours is left.
    pub(super) fn exact(self) -> Result<()> {
        let cluster = &self.bench.cluster;
        let report = self.oracle.finish()?;
        println!("     {}", stage::summary(&report));
        exact_messages(&report)?;
        let pause = report["pauses"]["longestMs"].as_u64().unwrap_or(u64::MAX);
        ensure!(pause <= LONGEST_PAUSE, "the stream stood still for {pause} ms");
        nothing_left(cluster)
    }

    /// Ends the load where the source's memory was lost as it would have been without us: every message is worked off.
    pub(super) fn worked_off(self) -> Result<()> {
        let cluster = &self.bench.cluster;
        all_worked_off(&self.oracle.finish()?)?;
        nothing_left(cluster)
    }
}

fn all_worked_off(report: &Value) -> Result<()> {
    let left = &report["leftInQueue"];
    ensure!(*left == 0, "{left} messages were not worked off");
    Ok(())
}

/// Under a name of its own: those of before are still there, and their specs cannot be changed.
fn manifest(target: &str, fields: &Value) -> String {
    let now = jiff::Timestamp::now().as_millisecond();
    let mut spec = json!({"sourcePod": POD, "targetNode": target});
    for (field, value) in fields.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    json!({
        "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
        "metadata": {"name": format!("{POD}-by-manifest-{now}")},
        "spec": spec,
    })
    .to_string()
}

/// Waits until the latest move of the pod has come to this step.
pub(super) fn reached(cluster: &Cluster, step: &str) -> Result<()> {
    let reached = wait_for(&format!("the step {step}"), SOON, || {
        let status = &stage::migration(cluster, POD)?["status"];
        let steps = status["steps"].as_array();
        Ok(steps
            .is_some_and(|all| all.iter().any(|one| one["step"] == step))
            .then_some(()))
    });
    reached.with_context(|| match stage::migration(cluster, POD) {
        Ok(object) => format!(
            "{}: {}",
            object["status"]["phase"], object["status"]["conditions"]
        ),
        Err(error) => format!("{error:#}"),
    })
}

/// Waits until the latest move of the pod has come to its second handoff.
pub(super) fn reached_second_handoff(cluster: &Cluster) -> Result<()> {
    wait_for("the second handoff", SOON, || {
        let object = stage::migration(cluster, POD)?;
        Ok((object["status"]["intent"]["leg"] == 2).then_some(()))
    })
}

/// An agent that stood still a moment ago is a target again when the controller has heard from it.
pub fn nodes_ready(cluster: &Cluster) -> Result<()> {
    wait_for("both nodes to be ready for restores", SOON, || {
        let nodes = get(cluster, &["nodes", "--selector=migration.ms2m.io/ready=true"])?;
        let ready = nodes["items"].as_array().map_or(0, Vec::len);
        Ok((ready == Cluster::node_names().len() && agents_ready(cluster)?).then_some(()))
    })
}

/// Agents and their helpers; what is known of a node outlives its helper for half a minute.
fn agents_ready(cluster: &Cluster) -> Result<bool> {
    let selector = "--selector=app.kubernetes.io/name=shadow-agent";
    let pods = get(cluster, &["pods", "--namespace=shadow-system", selector])?;
    let pods = pods["items"].as_array().into_iter().flatten();
    let mut containers = pods.flat_map(|pod| {
        pod["status"]["containerStatuses"]
            .as_array()
            .into_iter()
            .flatten()
    });
    Ok(containers.all(|container| container["ready"] == true))
}

/// Asks the API server to evict a pod, as a drain does.
pub(super) fn evict(cluster: &Cluster, pod: &str) -> Result<()> {
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}});
    let file = tempfile::NamedTempFile::new().context("make a file for the eviction")?;
    std::fs::write(file.path(), eviction.to_string()).context("write the eviction")?;
    let path = format!("/api/v1/namespaces/{}/pods/{pod}/eviction", cluster.namespace());
    let mut kubectl = cluster.kubectl(["create", "--raw", &path, "--filename"]);
    kubectl.arg(file.path());
    capture(kubectl).map(drop)
}
