//! Bad input: answered at admission or within 5 s, naming the field and the way out; cluster and broker unchanged.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::faults::nodes_ready;
use super::{Bench, nothing_left};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Sample, capture};

/// Name, arguments of `kubectl shadow migrate`, what the answer must contain.
pub(super) struct Case {
    name: &'static str,
    arguments: Vec<String>,
    says: Vec<String>,
}

pub(super) fn case(name: &'static str, arguments: &[&str], says: &[&str]) -> Case {
    let owned = |all: &[&str]| all.iter().map(|a| (*a).to_owned()).collect();
    Case {
        name,
        arguments: owned(arguments),
        says: owned(says),
    }
}

pub(super) fn all(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    prepare(cluster)?;
    for secret in ["unreachable-broker", "wrong-password"] {
        let mut plugin = bench.product.plugin(cluster)?;
        plugin.args(["allow", "--secret", secret]);
        capture(plugin)?;
    }
    let (here, there) = (
        Sample::node(cluster, "orders-0")?,
        Sample::other_node(cluster, "orders-0")?,
    );
    let cases = [
        case(
            "unknown pod",
            &["nobody-0", "--to", there],
            &["spec.sourcePod", "nobody-0"],
        ),
        case(
            "unknown node",
            &["orders-0", "--to", "node-z"],
            &["spec.targetNode", "node-z"],
        ),
        case("same node", &["orders-0", "--to", &here], &["spec.targetNode"]),
        case("no queue settings", &["bare-0", "--to", there], &["queue"]),
        case(
            "broker unreachable",
            &["orders-0", "--to", there, "--broker-secret", "unreachable-broker"],
            &["broker"],
        ),
        case(
            "wrong credentials",
            &["orders-0", "--to", there, "--broker-secret", "wrong-password"],
            &["user"],
        ),
        case(
            "unknown queue",
            &["orders-0", "--to", there, "--queue", "nothing"],
            &["nothing"],
        ),
        case("two containers", &["twins-0", "--to", there], &["containerName"]),
        case("deaf consumer", &["deaf-0", "--to", there], &["control"]),
    ];
    let before = stage::broker_queues(cluster)?;
    for case in &cases {
        refused(bench, case).with_context(|| case.name.to_owned())?;
    }
    daemon_set_pod(bench, there).context("DaemonSet pod")?;
    cordoned_node(bench, there).context("cordoned node")?;
    node_without_agent(bench, &here, there).context("node not ready for restore")?;
    let after = stage::broker_queues(cluster)?;
    ensure!(before == after, "queues before {before:?}, after {after:?}");
    nothing_left(cluster)?;
    capture(cluster.kubectl([
        "delete",
        "statefulset,daemonset",
        "--selector=test=refusals",
        "--wait=false",
    ]))
    .map(drop)
}

pub(super) fn refused(bench: &Bench, case: &Case) -> Result<()> {
    let mut plugin = bench.product.plugin(&bench.cluster)?;
    plugin.arg("migrate").args(&case.arguments);
    let started = std::time::Instant::now();
    let output = plugin.output().context("run kubectl-shadow")?;
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let took = started.elapsed();
    println!(
        "     {}: {:.1} s: {}",
        case.name,
        took.as_secs_f64(),
        said.trim().lines().last().unwrap_or("")
    );
    ensure!(!output.status.success(), "it was accepted: {said}");
    ensure!(
        took < Duration::from_secs(5),
        "the answer took {:.1} s",
        took.as_secs_f64()
    );
    for word in &case.says {
        ensure!(
            said.to_lowercase().contains(&word.to_lowercase()),
            "the answer does not name {word:?}: {said}"
        );
    }
    Ok(())
}

/// Workloads and Secrets that are wrong in one way each.
fn prepare(cluster: &Cluster) -> Result<()> {
    let image = "10.100.0.1:5000/samples/orders:dev";
    let set = |name: &str, annotations: serde_json::Value, containers: serde_json::Value| {
        json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": name, "labels": {"test": "refusals"}},
            "spec": {
                "serviceName": name, "replicas": 1, "selector": {"matchLabels": {"app": name}},
                "template": {
                    "metadata": {"labels": {"app": name}, "annotations": annotations},
                    "spec": {"terminationGracePeriodSeconds": 0, "nodeName": Sample::node(cluster, "orders-0").unwrap_or_default(), "containers": containers}
                }
            }
        })
    };
    let pause = |name: &str| json!({"name": name, "image": "10.100.0.1:5000/pause:1"});
    let stream = json!({
        "migration.ms2m.io/queue": "orders.{pod}",
        "migration.ms2m.io/broker-secret": "orders-broker"
    });
    let consumer = json!([{
        "name": "orders", "image": image, "args": ["--no-control"],
        "env": [{"name": "ORDERS_AMQP_URI", "valueFrom": {"secretKeyRef": {"name": "orders-broker", "key": "uri"}}}]
    }]);
    stage::apply(
        cluster,
        &set("bare", json!({}), json!([pause("one")])).to_string(),
    )?;
    stage::apply(
        cluster,
        &set("twins", stream.clone(), json!([pause("one"), pause("two")])).to_string(),
    )?;
    stage::apply(cluster, &set("deaf", stream, consumer).to_string())?;
    secret(
        cluster,
        "unreachable-broker",
        "amqp://shadow:shadow@10.100.0.1:1/%2f",
        "http://shadow:shadow@10.100.0.1:1",
    )?;
    let host = "rabbitmq.rabbitmq.svc.cluster.local";
    secret(
        cluster,
        "wrong-password",
        &format!("amqp://shadow:wrong@{host}:5672/%2f"),
        &format!("http://shadow:wrong@{host}:15672"),
    )?;
    for name in ["bare", "twins", "deaf"] {
        let set = format!("statefulset/{name}");
        capture(cluster.kubectl(["rollout", "status", set.as_str(), "--timeout=60s"]))?;
    }
    Ok(())
}

pub(super) fn secret(cluster: &Cluster, name: &str, uri: &str, management: &str) -> Result<()> {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
        "stringData": {"uri": uri, "managementUri": management},
    });
    stage::apply(cluster, &secret.to_string())
}

fn daemon_set_pod(bench: &Bench, there: &str) -> Result<()> {
    let here = Cluster::node_names()
        .into_iter()
        .find(|n| *n != there)
        .context("there is one node only")?;
    let pod = super::failures::agent_on(&bench.cluster, here)?;
    refused(
        bench,
        &case(
            "DaemonSet pod",
            &["--namespace=shadow-system", &pod, "--to", there],
            &["DaemonSet"],
        ),
    )
}

fn cordoned_node(bench: &Bench, there: &str) -> Result<()> {
    let cluster = &bench.cluster;
    capture(cluster.kubectl(["cordon", there]))?;
    let outcome = refused(
        bench,
        &case(
            "node that takes no pods",
            &["orders-0", "--to", there],
            &["spec.targetNode", there],
        ),
    );
    capture(cluster.kubectl(["uncordon", there]))?;
    outcome
}

/// The agents are kept off the node for a while.
fn node_without_agent(bench: &Bench, here: &str, there: &str) -> Result<()> {
    let cluster = &bench.cluster;
    let select = |node: serde_json::Value| {
        let patch =
            json!({"spec": {"template": {"spec": {"nodeSelector": {"kubernetes.io/hostname": node}}}}});
        let arguments = [
            "patch",
            "daemonset",
            "--namespace=shadow-system",
            "shadow-agent",
            "--patch",
        ];
        let mut kubectl = cluster.kubectl(arguments);
        kubectl.arg(patch.to_string());
        capture(kubectl).map(drop)
    };
    select(json!(here))?;
    wait_for("the node's label to go", Duration::from_secs(60), || {
        let labels = &stage::get(cluster, &["node", there])?["metadata"]["labels"];
        Ok(labels["migration.ms2m.io/ready"].is_null().then_some(()))
    })?;
    let outcome = refused(
        bench,
        &case(
            "node not ready for restore",
            &["orders-0", "--to", there],
            &["spec.targetNode", there, "agent"],
        ),
    );
    select(serde_json::Value::Null)?;
    // The other node's agent is replaced, too, once the first one runs.
    let mut rollout = cluster.kubectl(["rollout", "status", "daemonset/shadow-agent"]);
    rollout.args(["--namespace=shadow-system", "--timeout=60s"]);
    capture(rollout)?;
    nodes_ready(cluster)?;
    outcome
}
