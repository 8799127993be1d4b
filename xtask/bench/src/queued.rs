//! `cargo xtask bench --queued PAIRS`: what moves that wait in line cost the one that is under way.
//!
//! Each pair moves one pod under load twice, once with sixty moves of idle consumers in line and once alone, in turn which comes
//! first. Before its hold the move waits equally long in both: its target's kubelet stands still while the others queue up.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::measure::Bench;
use super::pairs::{self, Row};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Load, Oracle, Sample, capture, get};

/// In line at the same time.
const IN_LINE: u32 = 60;
const POD: &str = "orders-0";
const LABEL: &str = "bench=queued";
const KUBELET: &str = "/opt/kubernetes/kubelet";
/// How long the target's kubelet stands still: sixty moves are ordered and in line by then.
const STANDS: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_secs(60);
/// Each that began meanwhile is undone.
const GONE: &str = "--timeout=240s";
const ROWS: &str = "queued.csv";
/// More messages a second than the sample is idle with, fewer than it can serve.
const LOAD: Load = Load::of(80);

/// Measures as many pairs as are missing in the folder's rows, and prints what they say.
pub(crate) fn run(bench: &Bench, folder: &Path, pairs: u32) -> Result<()> {
    one_at_a_time(&bench.cluster)?;
    Sample::deploy_replicas(&bench.cluster, IN_LINE + 1)?;
    let oracle = Oracle::start(&bench.cluster, &bench.product, POD, LOAD)?;
    oracle.run_for(Duration::from_secs(3));
    let rows = pairs::measured(&folder.join(ROWS), pairs, IN_LINE, |pair, in_line| {
        moved(bench, pair, in_line)
    })?;
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    ensure!(
        report["exact"] == true,
        "a message was lost, applied twice or reordered"
    );
    pairs::tell(
        &rows,
        "pause",
        &format!("{IN_LINE} in line"),
        |row| row.pause_ms,
        1.2,
    )
}

/// One move for a node: all others of the pair wait behind the one that is measured.
fn one_at_a_time(cluster: &Cluster) -> Result<()> {
    let patch = json!([{"op": "add", "path": "/spec/template/spec/containers/0/args", "value": ["--moves-per-node=1"]}]);
    let text = patch.to_string();
    let controller = ["--namespace=shadow-system", "deployment/shadow-controller"];
    capture(cluster.kubectl([
        "patch",
        controller[0],
        controller[1],
        "--type=json",
        "--patch",
        &text,
    ]))?;
    capture(cluster.kubectl(["rollout", "status", controller[0], controller[1], "--timeout=60s"])).map(drop)
}

fn moved(bench: &Bench, pair: u32, in_line: u32) -> Result<Row> {
    let cluster = &bench.cluster;
    let target = Sample::other_node(cluster, POD)?;
    let at = jiff::Timestamp::now().to_string();
    let begun = Instant::now();
    let kubelet = Stopped::kubelet(cluster, target)?;
    let plugin = stage::migrate_command(cluster, &bench.product, POD, target)?
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("start kubectl-shadow")?;
    wait_for("the move to begin", SOON, || {
        let step = latest(cluster)?["status"]["intent"]["step"].clone();
        Ok((step == "Stage").then_some(()))
    })?;
    queue_up(cluster, in_line)?;
    let left = STANDS.checked_sub(begun.elapsed());
    let left = left.context("the moves were not in line in time: the machine is too busy")?;
    // Both moves of a pair wait equally long; what happens meanwhile was waited for above.
    std::thread::sleep(left);
    drop(kubelet);
    let output = plugin.wait_with_output().context("wait for kubectl-shadow")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "the move of pair {pair} failed: {said}");
    let status = latest(cluster)?["status"].clone();
    ensure!(
        status["verdict"]["exact"] == true,
        "pair {pair}: {}",
        status["verdict"]
    );
    let selector = format!("--selector={LABEL}");
    capture(cluster.kubectl(["delete", "statefulmigrations", &selector, "--wait=true", GONE]))?;
    let row = Row {
        pair,
        beside: in_line,
        pause_ms: pause(&status).context("the move does not say how long its handoffs took")?,
        total_ms: stage::span(&status["startTime"], &status["completionTime"])
            .context("the move has no times")?,
        at,
        commit: bench.origin.commit.clone(),
        machine: bench.origin.machine.clone(),
    };
    println!(
        "     pair {pair}, {in_line} in line: pause {} ms, total {} ms",
        row.pause_ms, row.total_ms
    );
    Ok(row)
}

/// The longer one of both handoffs, from the hold to the release.
pub(super) fn pause(status: &Value) -> Option<i64> {
    let legs = status["legs"].as_array()?;
    legs.iter()
        .filter_map(|leg| stage::span(&leg["parkSent"], &leg["released"]))
        .max()
}

fn latest(cluster: &Cluster) -> Result<Value> {
    stage::migration(cluster, POD)
}

/// Orders a move of each idle consumer; returns when each says for what it waits.
fn queue_up(cluster: &Cluster, count: u32) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    // The stand-in of the pod that is measured is the same application.
    let nodes = get(
        cluster,
        &["pods", "--selector=app=orders,!migration.ms2m.io/role"],
    )?;
    let pods = nodes["items"].as_array().cloned().unwrap_or_default();
    let idle = pods.iter().filter(|pod| pod["metadata"]["name"] != POD);
    let items: Vec<Value> = idle
        .map(|pod| {
            let (name, node) = (&pod["metadata"]["name"], &pod["spec"]["nodeName"]);
            let target = Cluster::node_names().into_iter().find(|other| *node != *other);
            json!({
                "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
                "metadata": {"name": format!("queued-{}", name.as_str().unwrap_or_default()), "labels": {"bench": "queued"}},
                "spec": {"sourcePod": name, "targetNode": target},
            })
        })
        .collect();
    stage::apply(
        cluster,
        &json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string(),
    )?;
    wait_for("the moves to be in line", SOON, || {
        let all = get(cluster, &["statefulmigrations", &format!("--selector={LABEL}")])?;
        let all = all["items"].as_array().cloned().unwrap_or_default();
        let waiting = all
            .iter()
            .filter(|one| one["status"]["waiting"].is_object())
            .count();
        Ok((u32::try_from(waiting) == Ok(count)).then_some(()))
    })
}

/// Goes on when this is dropped.
struct Stopped(Pid);

impl Stopped {
    fn kubelet(cluster: &Cluster, node: &str) -> Result<Self> {
        let pid = Pid::from_raw(cluster.process_on_node(node, KUBELET)?);
        kill(pid, Signal::SIGSTOP).context("stop the kubelet")?;
        Ok(Self(pid))
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if let Err(errno) = kill(self.0, Signal::SIGCONT) {
            eprintln!("kubelet {} cannot go on: {errno}", self.0);
        }
    }
}
