//! Policies of the cluster and of a namespace: what they refuse is refused with the words of the rule, what they allow is moved, and the
//! user is told what they filled in.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::pauses::{run, says};
use super::{Bench, exact_messages, nothing_left};
use xtask_lab::cluster::Cluster;
use xtask_lab::stage::{self, Load, Oracle, Sample, capture};

const POD: &str = "orders-0";
const PLATFORM: &str = "e2e-platform";
const TEAM: &str = "team";
const LOAD: Load = Load::of(100);
const WARM_UP: Duration = Duration::from_secs(3);
/// A repository that is never reached: the move is refused before.
const REPOSITORY: &str = "registry.example.org/checkpoints";

/// The cluster's policy refuses a strategy and fills in a deadline; that of the namespace takes away one of the ways that it allows.
pub(super) fn decide(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let put_away = PutAway(cluster);
    stage::apply(cluster, &platform(cluster).to_string())?;
    stage::apply(cluster, &team(&["Direct"]).to_string())?;
    let target = Sample::other_node(cluster, POD)?;

    let refused = run(
        bench,
        &["migrate", POD, "--to", target, "--strategy", "sequential"],
    )?;
    says(
        &refused,
        1,
        &format!(
            "spec.migrationStrategy: Sequential is not allowed by ClusterMigrationPolicy {PLATFORM} (allowed.strategies). Write \
             migrationStrategy: ShadowPod"
        ),
    )?;
    let through = ["--through-registry", "--checkpoint-repository", REPOSITORY];
    let refused = run(bench, &[&["migrate", POD, "--to", target], &through[..]].concat())?;
    says(
        &refused,
        1,
        &format!("Registry is not allowed by MigrationPolicy {TEAM} (allowed.transferModes)"),
    )?;
    let planned = run(bench, &[&["plan", POD], &through[..]].concat())?;
    says(&planned, 1, &format!("MigrationPolicy {TEAM}"))?;
    moved(bench, target)?;
    judged_afterwards(bench)?;
    drop(put_away);
    Sample::remove(cluster)?;
    nothing_left(cluster)
}

fn moved(bench: &Bench, target: &str) -> Result<()> {
    let cluster = &bench.cluster;
    let oracle = Oracle::start(cluster, &bench.product, POD, LOAD)?;
    oracle.run_for(WARM_UP);
    let moved = stage::migrate(cluster, &bench.product, POD, target)?;
    ensure!(moved.phase() == "Completed", "it ended {}", moved.why());
    for part in [
        format!("spec.deadlineSeconds: 90 is filled in by ClusterMigrationPolicy {PLATFORM}"),
        format!("the move is allowed by MigrationPolicy {TEAM} and ClusterMigrationPolicy {PLATFORM}"),
    ] {
        ensure!(
            moved.said.contains(&part),
            "{part:?} was not told: {}",
            moved.said
        );
    }
    let spec = &moved.object["spec"];
    ensure!(spec["deadlineSeconds"] == 90, "not filled in: {spec:#}");
    let policies = &moved.object["status"]["plan"]["policies"];
    ensure!(
        policies[0]["name"] == TEAM && policies[1]["name"] == PLATFORM,
        "they are not kept with the move: {policies:#}"
    );
    exact_messages(&oracle.finish()?)
}

/// What another policy would have decided about the move that was made.
fn judged_afterwards(bench: &Bench) -> Result<()> {
    let file = std::env::temp_dir().join(format!("shadow-policy-{}.json", std::process::id()));
    std::fs::write(&file, team(&["Registry"]).to_string()).context("write the policy")?;
    let name = file.to_string_lossy().into_owned();
    let told = run(bench, &["policy", "test", "-f", &name]);
    std::fs::remove_file(&file).context("remove the policy")?;
    says(
        &told?,
        0,
        &format!("refused: spec.transferMode: Direct is not allowed by MigrationPolicy {TEAM}"),
    )
}

/// Of this scenario's namespace alone: others move pods at the same time.
fn platform(cluster: &Cluster) -> serde_json::Value {
    json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "ClusterMigrationPolicy", "metadata": {"name": PLATFORM},
        "spec": {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": cluster.namespace()}},
            "allowed": {"strategies": ["ShadowPod"], "transferModes": ["Direct", "Registry"]},
            "defaults": {"deadlineSeconds": 90}}})
}

fn team(transfer_modes: &[&str]) -> serde_json::Value {
    json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "MigrationPolicy", "metadata": {"name": TEAM},
        "spec": {"podSelector": {"matchLabels": {"app": "orders"}}, "allowed": {"transferModes": transfer_modes}}})
}

/// The policies are gone when this is dropped.
struct PutAway<'a>(&'a Cluster);

impl Drop for PutAway<'_> {
    fn drop(&mut self) {
        for (kind, name) in [("clustermigrationpolicy", PLATFORM), ("migrationpolicy", TEAM)] {
            let gone = self.0.kubectl(["delete", kind, name, "--ignore-not-found"]);
            if let Err(error) = capture(gone) {
                eprintln!("{kind} {name} stays: {error:#}");
            }
        }
    }
}
