//! Pods that have nothing to do with a migration never meet us.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::Bench;
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, capture, get};

pub(super) fn untouched(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    plain_pod(cluster, "a-plain-pod")?;
    let rules = get(cluster, &["mutatingwebhookconfigurations"])?;
    for rule in rules["items"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|r| r["webhooks"].as_array().cloned().unwrap_or_default())
    {
        let resources = rule["rules"].to_string();
        ensure!(
            !resources.contains("\"pods\""),
            "a rule for pods is there although nothing is moved: {rule}"
        );
    }
    Ok(())
}

/// Creates an ordinary pod; it must run, with nothing of ours in it.
pub(super) fn plain_pod(cluster: &Cluster, name: &str) -> Result<()> {
    let manifest = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "pause", "image": "10.100.0.1:5000/pause:1"}]},
    });
    stage::apply(cluster, &manifest.to_string()).context("create an ordinary pod")?;
    let pod = wait_for("an ordinary pod to run", Duration::from_secs(30), || {
        let pod = get(cluster, &["pod", name])?;
        Ok((pod["status"]["phase"] == "Running").then_some(pod))
    })?;
    capture(cluster.kubectl(["delete", "pod", name, "--wait=true"]))?;
    ensure!(
        pod["spec"]["runtimeClassName"].is_null(),
        "it has a runtime class"
    );
    ensure!(
        !pod["metadata"].to_string().contains("migration.ms2m.io"),
        "it bears our marks: {}",
        pod["metadata"]
    );
    Ok(())
}
