//! Brokers that a user names so that the controller dials what the user cannot: refused in words, with nothing touched.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::refusals::{case, refused, secret};
use super::{Bench, nothing_left};
use xtask_lab::cluster::Cluster;
use xtask_lab::stage::{self, Sample, capture};

const POD: &str = "orders-0";
const CONTROLLER: &str = "deployment/shadow-controller";

/// A Secret, its broker's host, and what the refusal says of it.
const REFUSED: [(&str, &str, &str); 5] = [
    ("loopback-broker", "127.0.0.1", "loopback"),
    ("metadata-broker", "169.254.169.254", "metadata service"),
    ("api-broker", "10.96.0.1", "the API server's"),
    ("node-broker", "10.100.0.11", "a node's"),
    // Its address is a node's; the name says nothing of that.
    ("hidden-broker", "hidden", "resolves to 10.100.0.11"),
];

pub(super) fn are_refused(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    hidden(cluster)?;
    let there = Sample::other_node(cluster, POD)?;
    for (name, host, _) in REFUSED {
        let host = match host {
            "hidden" => format!("hidden.{}.svc.cluster.local", cluster.namespace()),
            other => other.to_owned(),
        };
        secret(
            cluster,
            name,
            &format!("amqp://shadow:shadow@{host}:10250/%2f"),
            &format!("http://shadow:shadow@{host}:10250"),
        )?;
        let mut plugin = bench.product.plugin(cluster)?;
        plugin.args(["allow", "--secret", name]);
        capture(plugin)?;
    }
    for (name, _, says) in REFUSED {
        let arguments = [POD, "--to", there, "--broker-secret", name];
        let told = case(
            name,
            &arguments,
            &["is not dialled", says, "spec.brokerSecretRef"],
        );
        refused(bench, &told).context(name)?;
    }
    warned_of(bench)?;
    let outcome = required(bench, there);
    tls(cluster, false)?;
    outcome?;
    capture(cluster.kubectl(["delete", "service/hidden", "endpointslice/hidden"]))?;
    for (name, ..) in REFUSED {
        capture(cluster.kubectl(["delete", "secret", name]))?;
    }
    Sample::remove(cluster)?;
    nothing_left(cluster)
}

/// A Service whose name resolves to a node.
fn hidden(cluster: &Cluster) -> Result<()> {
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "hidden"},
        "spec": {"clusterIP": "None", "ports": [{"port": 10250}]},
    });
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": "hidden", "labels": {"kubernetes.io/service-name": "hidden"}},
        "addressType": "IPv4", "ports": [{"port": 10250}],
        "endpoints": [{"addresses": ["10.100.0.11"], "conditions": {"ready": true}}],
    });
    stage::apply(cluster, &service.to_string())?;
    stage::apply(cluster, &slice.to_string())
}

/// The broker of the lab has no TLS: the plan says so, and what to write.
fn warned_of(bench: &Bench) -> Result<()> {
    let mut plugin = bench.product.plugin(&bench.cluster)?;
    plugin.args(["plan", POD]);
    let said = capture(plugin)?;
    let warned = said.lines().find(|line| line.starts_with("WARNING"));
    let warned = warned.with_context(|| format!("no line begins with WARNING: {said}"))?;
    for words in ["amqp://", "http://", "write amqps:// and https://"] {
        ensure!(warned.contains(words), "it does not say {words:?}: {warned}");
    }
    Ok(())
}

/// With TLS required, a plain broker that was good before is refused.
fn required(bench: &Bench, there: &str) -> Result<()> {
    tls(&bench.cluster, true)?;
    let told = case(
        "plain amqp where TLS is required",
        &[POD, "--to", there],
        &["--require-tls", "amqps://"],
    );
    refused(bench, &told)
}

/// As `install --require-tls` says it; the lab's registry has no TLS, so the whole command would refuse it.
fn tls(cluster: &Cluster, required: bool) -> Result<()> {
    let variable = format!("SHADOW_REQUIRE_TLS={required}");
    let namespace = "--namespace=shadow-system";
    capture(cluster.kubectl(["set", "env", namespace, CONTROLLER, &variable]))?;
    capture(cluster.kubectl(["rollout", "status", namespace, CONTROLLER, "--timeout=120s"])).map(drop)
}
