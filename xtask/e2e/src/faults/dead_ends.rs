//! What would leave a move waiting for something that never comes: the pod that is made anew has no place or does not come, and
//! somebody keeps the old one busy. Where a person is asked, what is said is done to the letter, and the move goes on.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::{Bench, exact_messages, nothing_left};
use super::stopped::Stopped;
use super::{LOAD, SHADOW, SOON, Trial};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Load, Oracle, Sample, Single, capture, get};

const SECOND: &str = "orders-1";
/// A pod that is made anew has come or is asked for by then, and somebody has answered.
const ASKED: Duration = Duration::from_secs(120);
/// How long an old pod may be kept busy, ms: 2 s of heed, and what kubelet and the broker take.
const HEEDED: i64 = 7_000;
/// How long an undo may take, ms: 10 s for the application, and what the broker takes.
const UNDONE: i64 = 25_000;

/// The node that a move goes to takes no pods any more when its second handoff comes.
pub(in super::super) fn cordoned(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    goes_elsewhere(&trial)?;
    waits_for_a_place(&trial)?;
    trial.exact()
}

/// The other node is the one that the pod came from.
fn goes_elsewhere(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let ordered = trial.order()?;
    let closed = committed_and_cordoned(cluster, &[ordered.target])?;
    let object = trial.ended(&ordered, "target cordoned after the first handoff")?;
    drop(closed);
    is_exact(&object)?;
    let node = Sample::node(cluster, super::POD)?;
    ensure!(node == ordered.source, "it is on {node}, which takes no pods");
    Ok(())
}

fn waits_for_a_place(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let ordered = trial.order()?;
    let closed = committed_and_cordoned(cluster, &Cluster::node_names())?;
    let advice = format!("kubectl uncordon {}", ordered.target);
    stuck(cluster, super::POD, "NoPlace", &[&advice, SHADOW])?;
    typed(cluster, &advice)?;
    trial.completed_exactly(&ordered, "both nodes cordoned, one made free as it said")?;
    drop(closed);
    Ok(())
}

/// As soon as the source may go; before, the move would be undone.
fn committed_and_cordoned(cluster: &Cluster, nodes: &[&'static str]) -> Result<Cordoned> {
    committed(cluster, super::POD)?;
    let closed = Cordoned(cluster.clone(), nodes.to_vec());
    for node in nodes {
        capture(cluster.kubectl(["cordon", node]))?;
    }
    Ok(closed)
}

fn committed(cluster: &Cluster, pod: &str) -> Result<()> {
    wait_for("the first commit", SOON, || {
        let committed = &stage::migration(cluster, pod)?["status"]["legs"][0]["committed"];
        Ok((!committed.is_null()).then_some(()))
    })
}

/// Nodes that take pods again when this is dropped.
struct Cordoned(Cluster, Vec<&'static str>);

impl Drop for Cordoned {
    fn drop(&mut self) {
        for node in &self.1 {
            if let Err(error) = capture(self.0.kubectl(["uncordon", node])) {
                println!("     node {node} stays cordoned: {error:#}");
            }
        }
    }
}

/// The move waits for a person, and says this.
fn stuck(cluster: &Cluster, pod: &str, reason: &str, says: &[&str]) -> Result<()> {
    let condition = wait_for("the move to ask a person", ASKED, || {
        let object = stage::migration(cluster, pod)?;
        let conditions = object["status"]["conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let stuck = |c: &Value| c["type"] == "Stuck" && c["status"] == "True";
        Ok(conditions.into_iter().find(stuck))
    })?;
    println!("     {}: {}", condition["reason"], condition["message"]);
    ensure!(
        condition["reason"] == reason,
        "it is stuck for {}",
        condition["reason"]
    );
    let message = condition["message"].as_str().unwrap_or_default();
    for words in says {
        ensure!(message.contains(words), "it does not say {words:?}: {message}");
    }
    Ok(())
}

/// Does what is advised.
fn typed(cluster: &Cluster, advice: &str) -> Result<()> {
    let words = advice
        .strip_prefix("kubectl ")
        .context("the advice is no call of kubectl")?;
    capture(cluster.kubectl(words.split(' '))).map(drop)
}

fn is_exact(object: &Value) -> Result<()> {
    let status = &object["status"];
    ensure!(
        status["phase"] == "Completed" && status["verdict"]["exact"] == true,
        "it ended {}: {} {}",
        status["phase"],
        status["rollback"],
        status["verdict"]
    );
    Ok(())
}

/// A StatefulSet makes one pod after another, and the one before the moved one is not ready.
pub(in super::super) fn not_made_anew(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy_ordered(cluster, 2)?;
    let oracle = Oracle::start(cluster, &bench.product, SECOND, LOAD)?;
    oracle.run_for(Duration::from_secs(2));
    refused_beforehand(bench)?;
    asked_for_afterwards(bench)?;
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    nothing_left(cluster)?;
    Sample::remove(cluster)
}

fn refused_beforehand(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let still = Stopped::container(cluster, super::POD, "orders")?;
    readiness(cluster, super::POD, "False")?;
    let target = Sample::other_node(cluster, SECOND)?;
    let refused = stage::migrate(cluster, &bench.product, SECOND, target)?;
    let status = &refused.object["status"];
    println!("     {}", refused.why());
    ensure!(
        refused.phase() == "Failed" && status["plan"].is_null(),
        "it ended {}: {status}",
        refused.phase()
    );
    for words in ["OrderedReady", super::POD] {
        ensure!(
            refused.why().contains(words),
            "it does not say {words:?}: {}",
            refused.why()
        );
    }
    still.go_on();
    readiness(cluster, super::POD, "True")
}

/// The pod before it is deleted when the source goes, and does not end for a while.
fn asked_for_afterwards(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let target = Sample::other_node(cluster, SECOND)?;
    let mut plugin = stage::migrate_command(cluster, &bench.product, SECOND, target)?;
    plugin.arg("--no-wait");
    capture(plugin)?;
    wait_for("the plan", SOON, || {
        Ok((!stage::migration(cluster, SECOND)?["status"]["plan"].is_null()).then_some(()))
    })?;
    let still = Stopped::container(cluster, super::POD, "orders")?;
    let grace = "--grace-period=90";
    capture(cluster.kubectl(["delete", "pod", super::POD, grace, "--wait=false"]))?;
    let advice = format!("kubectl describe pod {}", super::POD);
    stuck(
        cluster,
        SECOND,
        "NotMadeAnew",
        &["OrderedReady", &advice, "orders-1-shadow"],
    )?;
    still.go_on();
    let object = super::super::ended(cluster, SECOND, ASKED)?;
    is_exact(&object)
}

fn readiness(cluster: &Cluster, pod: &str, wanted: &str) -> Result<()> {
    wait_for(&format!("pod {pod} to be ready: {wanted}"), SOON, || {
        let object = get(cluster, &["pod", pod])?;
        let conditions = object["status"]["conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let is = |c: &Value| c["type"] == "Ready" && c["status"] == wanted;
        Ok(conditions.iter().any(is).then_some(()))
    })
}

/// Somebody holds the addresses of the old pods and goes on asking them.
pub(in super::super) fn asked_by_address(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    let cluster = trial.cluster();
    let source = Asker::of(cluster, super::POD)?;
    let ordered = trial.order()?;
    let stand_in = wait_for("the stand-in's address", SOON, || {
        Ok(Asker::of(cluster, SHADOW).ok())
    })?;
    let object = trial.ended(&ordered, "asked at the old pods' addresses")?;
    drop((source, stand_in));
    is_exact(&object)?;
    for took in durations(&object, "Retire") {
        println!("     an old pod went within {took} ms");
        ensure!(took < HEEDED, "an old pod was kept for {took} ms");
    }
    trial.exact()
}

/// How long each step of this name took, ms.
fn durations<'a>(object: &'a Value, step: &'a str) -> impl Iterator<Item = i64> + 'a {
    let steps = object["status"]["steps"].as_array().into_iter().flatten();
    let named = steps.filter(move |one| one["step"] == step);
    named.filter_map(|one| stage::span(&one["started"], &one["finished"]))
}

/// Asks one address over and over, from a node, until it is dropped.
struct Asker(Child);

impl Asker {
    fn of(cluster: &Cluster, pod: &str) -> Result<Self> {
        let object = get(cluster, &["pod", pod])?;
        let address = object["status"]["podIP"]
            .as_str()
            .context("the pod has no address")?;
        let node = cluster.node_pid(Cluster::node_names()[0])?.to_string();
        // Each question is a connection of its own; a pod that is gone answers none.
        let ask = format!("while :; do timeout 1 bash -c ': </dev/tcp/{address}/8080'; sleep 0.02; done");
        let mut command = Command::new("nsenter");
        command.args(["--target", &node, "--net", "--", "bash", "-c", &ask]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().map(Self).context("ask a pod's address")
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait()) {
            println!("     it goes on asking: {error}");
        }
    }
}

/// An application of 5 s a message, at 20 messages a second: it cannot be moved, and goes on at once.
pub(in super::super) fn too_slow(bench: &Bench) -> Result<()> {
    const POLLING: &str = "polling-0";
    let cluster = &bench.cluster;
    // With what a run that failed has left in it, it would be busy for minutes.
    Single::Polling.remove(cluster)?;
    without_queue(cluster, POLLING)?;
    Single::Polling.deploy_with(cluster, &["--work", "5s"])?;
    let before = Sample::incarnation(cluster, POLLING)?;
    wait_for(
        "the broker to know that the control queue is polled",
        SOON,
        || {
            let queue = stage::queue_path(cluster, &format!("ms2m.control.{POLLING}"));
            let queue: Value = serde_json::from_str(&stage::broker_api(cluster, "GET", &queue)?)
                .context("the broker printed no JSON")?;
            let rate = queue["message_stats"]["get_empty_details"]["rate"].as_f64();
            Ok(rate.filter(|rate| *rate > 0.0))
        },
    )?;
    let spec = json!({
        "sourcePod": POLLING, "targetNode": Sample::other_node(cluster, POLLING)?, "deadlineSeconds": 40,
    });
    let name = format!("too-slow-{}", jiff::Timestamp::now().as_millisecond());
    let manifest = json!({
        "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
        "metadata": {"name": name}, "spec": spec,
    });
    stage::apply(cluster, &manifest.to_string())?;
    // Busy from the beginning, it would not look into its control queue, and the move would be refused.
    wait_for("the plan", SOON, || {
        Ok((!stage::migration(cluster, POLLING)?["status"]["plan"].is_null()).then_some(()))
    })
    .with_context(|| match stage::migration(cluster, POLLING) {
        Ok(object) => format!("{}", object["status"]["rollback"]),
        Err(error) => error.to_string(),
    })?;
    let oracle = Oracle::start(cluster, &bench.product, POLLING, Load::of(20))?;
    wait_for("the undo", SOON, || {
        Ok((stage::migration(cluster, POLLING)?["status"]["phase"] == "Undoing").then_some(()))
    })?;
    // Whoever deletes it waits for its end.
    capture(cluster.kubectl(["delete", "statefulmigration", &name, "--wait=false"]))?;
    let object = wait_for("the object to go", SOON, || {
        let all = get(cluster, &["statefulmigrations"])?;
        let items = all["items"].as_array().cloned().unwrap_or_default();
        Ok((!items.iter().any(|one| one["metadata"]["name"] == name.as_str())).then_some(()))
    });
    object.with_context(|| format!("an undo takes at most {UNDONE} ms"))?;
    ensure!(
        Sample::incarnation(cluster, POLLING)? == before,
        "the source was restarted or replaced"
    );
    nothing_left(cluster)?;
    drop(oracle);
    Single::Polling.remove(cluster)?;
    // With what it would have worked on for an hour.
    without_queue(cluster, POLLING)
}

fn without_queue(cluster: &Cluster, pod: &str) -> Result<()> {
    let queue = format!("orders.{pod}");
    if stage::broker_queues(cluster)?.contains(&queue) {
        stage::broker_api(cluster, "DELETE", &stage::queue_path(cluster, &queue))?;
    }
    Ok(())
}

/// A program takes a part of the status away while the stream is held, or the finalizer and the whole object. What the message says
/// is done, and the source consumes its queue as before.
pub(in super::super) fn spoiled(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    let cluster = trial.cluster();
    let incarnation = Sample::incarnation(cluster, super::POD)?;
    for how in [Spoiled::Status, Spoiled::Finalizer] {
        let (_, agent) = trial.order_and_hold()?;
        let object = stage::migration(cluster, super::POD)?;
        let name = object["metadata"]["name"]
            .as_str()
            .context("the migration has no name")?;
        match how {
            Spoiled::Status => {
                patched(cluster, name, &["--subresource=status"], "/status/intent")?;
                stuck(
                    cluster,
                    super::POD,
                    "StatusUnreadable",
                    &["Delete this object", "no intent"],
                )?;
            }
            Spoiled::Finalizer => patched(cluster, name, &[], "/metadata/finalizers")?,
        }
        capture(cluster.kubectl([
            "delete",
            "statefulmigration",
            name,
            "--wait=true",
            "--timeout=60s",
        ]))?;
        agent.go_on();
        wait_for("the source to consume its queue", SOON, || {
            let queue = stage::consumed_queue(cluster, super::POD)?;
            Ok((queue.as_deref() == Some("orders.orders-0")).then_some(()))
        })?;
        ensure!(
            Sample::incarnation(cluster, super::POD)? == incarnation,
            "the source was restarted or replaced"
        );
        nothing_left(cluster)?;
    }
    trial.exact()
}

/// What another program takes away.
#[derive(Clone, Copy)]
enum Spoiled {
    Status,
    Finalizer,
}

pub(super) fn patched(cluster: &Cluster, name: &str, of: &[&str], path: &str) -> Result<()> {
    let patch = json!([{"op": "remove", "path": path}]).to_string();
    let mut kubectl = cluster.kubectl([
        "patch",
        "statefulmigration",
        name,
        "--type=json",
        "--patch",
        &patch,
    ]);
    kubectl.args(of);
    capture(kubectl).map(drop)
}
