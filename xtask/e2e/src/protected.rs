//! Who may delete a stand-in while its move lasts, in a namespace whose evictions become moves: each identity at the real API server, by
//! dry runs.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::Bench;
use super::evictions::OptedIn;
use super::faults::stopped::Stopped;
use super::faults::{POD, Trial};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{Sample, capture};

const SOON: Duration = Duration::from_secs(30);
const STAND_IN: &str = "orders-0-shadow";
const CONFIRMED: &str = "migration.ms2m.io/may-be-deleted";
const OF_RIGHT: [&str; 9] = [
    "system:serviceaccount:shadow-system:shadow-controller",
    "system:serviceaccount:kube-system:statefulset-controller",
    "system:serviceaccount:kube-system:replicaset-controller",
    "system:serviceaccount:kube-system:generic-garbage-collector",
    "system:serviceaccount:kube-system:namespace-controller",
    "system:serviceaccount:kube-system:pod-garbage-collector",
    "system:kube-controller-manager",
    "system:kube-scheduler",
    "system:node:node-b",
];
const OTHERS: [&str; 4] = [
    "eve",
    "system:serviceaccount:default:default",
    "system:serviceaccount:kube-system:cluster-autoscaler",
    "system:serviceaccount:kube-system:taint-eviction-controller",
];

/// The stand-in is there and waits for its memory while every user tries.
pub(super) fn from_deletion(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    let cluster = trial.cluster();
    let opted_in = OptedIn::namespace(cluster, &json!({"matchLabels": {"app": "orders"}}))?;
    // What is created there does not start, and nothing is held meanwhile.
    let kubelet = Stopped::kubelet(cluster, Sample::other_node(cluster, POD)?)?;
    let ordered = trial.order()?;
    wait_for("the stand-in to be created", SOON, || {
        let found = capture(cluster.kubectl(["get", "pod", STAND_IN, "--ignore-not-found", "-o", "name"]))?;
        Ok((!found.trim().is_empty()).then_some(()))
    })?;
    for user in OTHERS {
        let said = refused(cluster, user)?;
        ensure!(
            said.contains("kubectl shadow cancel") && said.contains(CONFIRMED),
            "{user} is not told the way: {said}"
        );
    }
    for user in OF_RIGHT {
        deleted(cluster, user).with_context(|| format!("{user} is held up"))?;
    }
    let confirmed = format!("{CONFIRMED}=yes");
    capture(cluster.kubectl(["annotate", "pod", STAND_IN, &confirmed]))?;
    deleted(cluster, "eve").context("the way that is told")?;
    capture(cluster.kubectl(["annotate", "pod", STAND_IN, &format!("{CONFIRMED}-")]))?;
    kubelet.go_on();
    trial.completed(&ordered, "dry runs of deletions")?;
    opted_in.ended()?;
    trial.exact()
}

/// In the group of those who may do anything: what is judged is the admission, not the user's rights.
fn deletion(cluster: &Cluster, user: &str) -> std::process::Command {
    let user = format!("--as={user}");
    cluster.kubectl([
        "delete",
        "pod",
        STAND_IN,
        "--dry-run=server",
        "--wait=false",
        &user,
        "--as-group=system:masters",
    ])
}

fn deleted(cluster: &Cluster, user: &str) -> Result<()> {
    capture(deletion(cluster, user)).map(drop)
}

fn refused(cluster: &Cluster, user: &str) -> Result<String> {
    let output = deletion(cluster, user).output().context("run kubectl")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success(), "{user} may delete {STAND_IN}");
    ensure!(
        said.contains("may hold the only copy of its memory"),
        "{user}: not refused by us: {said}"
    );
    Ok(said)
}
