//! `kubectl shadow uninstall` on real nodes: it refuses what would hurt, and afterwards the nodes are as before.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Bench;
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Sample, capture, get};

const POD: &str = "orders-0";
/// What an installation puts on a node.
const ON_NODES: [&str; 5] = [
    "/opt/kubectl-shadow",
    "/run/shadow",
    "/var/lib/kubectl-shadow",
    "/etc/containerd/conf.d/kubectl-shadow.toml",
    "/etc/criu/runc.conf",
];

/// The last test on a cluster: nothing of the product is there afterwards.
pub(super) fn uninstall(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let moved = stage::migrate(cluster, &bench.product, POD, Sample::other_node(cluster, POD)?)?;
    ensure!(
        moved.code == 0,
        "the move ended with code {}: {}",
        moved.code,
        moved.said
    );
    refuses_while_a_moved_pod_runs(bench)?;
    ensure!(
        marks_on_nodes(cluster)?.len() >= 2,
        "nothing is on the nodes before the removal"
    );

    capture(cluster.kubectl(["delete", "pod", POD, "--wait=true"]))?;
    let mut plugin = bench.product.plugin(cluster)?;
    plugin.args(["uninstall", "--purge"]);
    let said = capture(plugin)?;
    println!("     {}", said.lines().last().unwrap_or(""));

    let left = marks_on_nodes(cluster)?;
    ensure!(left.is_empty(), "left on the nodes: {}", left.join(", "));
    let left = objects(cluster)?;
    ensure!(left.is_empty(), "left in the API: {}", left.join(", "));
    still_works(cluster)
}

fn refuses_while_a_moved_pod_runs(bench: &Bench) -> Result<()> {
    let mut plugin = bench.product.plugin(&bench.cluster)?;
    plugin.args(["uninstall", "--purge"]);
    let output = plugin.output().context("run kubectl-shadow")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.code() == Some(1),
        "uninstall under a moved pod ended with {}: {said}",
        output.status
    );
    ensure!(said.contains(POD), "it does not name {POD}: {said}");
    ensure!(
        capture(
            bench
                .cluster
                .kubectl(["get", "daemonset", "--namespace=shadow-system", "shadow-agent"])
        )
        .is_ok(),
        "a refused removal removed the agents"
    );
    Ok(())
}

fn marks_on_nodes(cluster: &Cluster) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for node in Cluster::node_names() {
        for path in ON_NODES {
            let mut test = cluster.run_on_node(node, "test")?;
            if test
                .args(["-e", path])
                .status()
                .context("look at a node")?
                .success()
            {
                found.push(format!("{path} on {node}"));
            }
        }
        let object = get(cluster, &["node", node])?;
        if object["metadata"].to_string().contains("migration.ms2m.io") {
            found.push(format!("label or annotation of {node}"));
        }
    }
    Ok(found)
}

/// Everything that bears our name, of every kind that the manifests hold.
fn objects(cluster: &Cluster) -> Result<Vec<String>> {
    let kinds = "namespaces,customresourcedefinitions,runtimeclasses,clusterroles,clusterrolebindings,\
                 mutatingwebhookconfigurations,validatingwebhookconfigurations,validatingadmissionpolicies,\
                 validatingadmissionpolicybindings";
    let cluster_wide = capture(cluster.kubectl(["get", kinds, "--output=name"]))?;
    let granted =
        capture(cluster.kubectl(["get", "roles,rolebindings", "--all-namespaces", "--output=name"]))?;
    Ok(cluster_wide
        .lines()
        .chain(granted.lines())
        .filter(|name| name.contains("shadow") || name.contains("ms2m"))
        .map(str::to_owned)
        .collect())
}

fn still_works(cluster: &Cluster) -> Result<()> {
    capture(cluster.kubectl(["delete", "pod", POD, "--wait=true"]))?;
    wait_for("the sample to run without us", Duration::from_secs(60), || {
        let pod = get(cluster, &["pod", POD])?;
        Ok((pod["status"]["containerStatuses"][0]["ready"] == true).then_some(()))
    })
}
