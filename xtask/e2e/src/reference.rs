//! Manifests written for the reference system: they apply as they are, warnings say what has no effect, and the pod
//! moves exactly.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::{Bench, ended, exact_messages, nothing_left};
use xtask_lab::cluster::{CHECKPOINTS, Cluster, Tenant};
use xtask_lab::fed::fed;
use xtask_lab::stage::{self, Load, Oracle, Sample};

const POD: &str = "orders-0";

/// What such a manifest says beside pod, node and queue; what the answer warns of; which strategy follows.
struct Manifest {
    name: &'static str,
    says: &'static [(&'static str, &'static str)],
    warns: &'static [&'static str],
    strategy: &'static str,
    transfer: &'static str,
}

const MANIFESTS: [Manifest; 5] = [
    Manifest {
        name: "shadow-pod",
        says: &[("migrationStrategy", "ShadowPod"), ("transferMode", "Direct")],
        warns: &["brokerUrl", "replayCutoffSeconds", "exchangeName"],
        strategy: "ShadowPod",
        transfer: "Direct",
    },
    Manifest {
        name: "sequential",
        says: &[("migrationStrategy", "Sequential")],
        warns: &["brokerUrl", "replayCutoffSeconds"],
        strategy: "Sequential",
        transfer: "Direct",
    },
    Manifest {
        name: "registry",
        says: &[
            ("transferMode", "Registry"),
            ("checkpointImageRepository", CHECKPOINTS),
            ("identitySwapMode", "Cutoff"),
        ],
        warns: &["brokerUrl", "replayCutoffSeconds", "identitySwapMode"],
        strategy: "ShadowPod",
        transfer: "Registry",
    },
    Manifest {
        name: "exchange-fence",
        says: &[
            ("migrationStrategy", "ShadowPod"),
            ("identitySwapMode", "ExchangeFence"),
            ("replayMode", "Drain"),
        ],
        warns: &["identitySwapMode", "replayMode"],
        strategy: "ShadowPod",
        transfer: "Direct",
    },
    Manifest {
        name: "cutover",
        says: &[("identitySwapMode", "Cutover"), ("replayMode", "Cutoff")],
        warns: &["identitySwapMode", "replayMode"],
        strategy: "ShadowPod",
        transfer: "Direct",
    },
];

pub(super) fn manifests(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let load = Load::of(100);
    let oracle = Oracle::start(cluster, &bench.product, POD, load)?;
    oracle.run_for(Duration::from_secs(2));
    for manifest in &MANIFESTS {
        applied(cluster, manifest).with_context(|| manifest.name.to_owned())?;
    }
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    nothing_left(cluster)
}

fn applied(cluster: &Cluster, manifest: &Manifest) -> Result<()> {
    let target = Sample::other_node(cluster, POD)?;
    let mut spec = json!({
        "sourcePod": POD,
        "targetNode": target,
        "checkpointImageRepository": "registry.registry.svc.cluster.local:5000/checkpoints",
        "replayCutoffSeconds": 120,
        "messageQueueConfig": {
            "queueName": format!("orders.{POD}"),
            "brokerUrl": broker_url(cluster),
            "exchangeName": "orders",
        },
    });
    for (field, value) in manifest.says {
        spec[*field] = json!(value);
    }
    let object = json!({
        "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
        "metadata": {"name": format!("reference-{}", manifest.name)},
        "spec": spec,
    });
    let said = apply(cluster, &object.to_string())?;
    for warning in manifest.warns {
        ensure!(
            said.contains("Warning") && said.contains(warning),
            "nothing warns of {warning}: {said}"
        );
    }
    let ended = ended(cluster, POD, Duration::from_secs(60))?;
    let status = &ended["status"];
    ensure!(status["phase"] == "Completed", "it ended {status:#}");
    ensure!(
        status["plan"]["strategy"] == manifest.strategy,
        "the strategy was {}",
        status["plan"]["strategy"]
    );
    ensure!(
        status["plan"]["transfer"] == manifest.transfer && status["verdict"]["exact"] == true,
        "the archive went {}, and the verdict is {}",
        status["plan"]["transfer"],
        status["verdict"]
    );
    ensure!(Sample::node(cluster, POD)? == target, "{POD} is not on {target}");
    println!("     {}: total {} ms", manifest.name, total(status));
    Ok(())
}

/// As the reference system's manifests write it.
pub(super) fn broker_url(cluster: &Cluster) -> String {
    let host = match cluster.tenant() {
        Tenant::Sole => "",
        Tenant::Named(name) => name,
    };
    format!(
        "amqp://{}@rabbitmq.rabbitmq.svc.cluster.local:5672/{host}",
        cluster.tenant().login()
    )
}

fn total(status: &serde_json::Value) -> i64 {
    stage::span(&status["startTime"], &status["completionTime"]).unwrap_or(-1)
}

/// `kubectl apply`, with its warnings.
pub(super) fn apply(cluster: &Cluster, manifest: &str) -> Result<String> {
    let output = fed(&mut cluster.kubectl(["apply", "--filename", "-"]), manifest)?;
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    ensure!(output.status.success(), "kubectl apply refused it: {said}");
    Ok(said)
}
