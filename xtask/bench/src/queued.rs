//! `cargo xtask bench --queued PAIRS`: what moves that wait in line cost the one that is under way.
//!
//! Each pair moves one pod under load twice, once with sixty moves of idle consumers in line and once alone, in turn which comes
//! first. Before its hold the move waits equally long in both: its target's kubelet stands still while the others queue up.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::figures;
use super::measure::Bench;
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

/// One move of a pair.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    pair: u32,
    in_line: u32,
    pause_ms: i64,
    total_ms: i64,
    at: String,
    commit: String,
    machine: String,
}

/// Measures as many pairs as are missing in the folder's rows, and prints what they say.
pub(crate) fn run(bench: &Bench, folder: &Path, pairs: u32) -> Result<()> {
    let path = folder.join(ROWS);
    let mut rows = read(&path)?;
    let begun = rows.iter().map(|row| row.pair).max().unwrap_or(0);
    one_at_a_time(&bench.cluster)?;
    Sample::deploy_replicas(&bench.cluster, IN_LINE + 1)?;
    let oracle = Oracle::start(&bench.cluster, &bench.product, POD, LOAD)?;
    oracle.run_for(Duration::from_secs(3));
    for pair in begun + 1..=pairs {
        let order = if pair % 2 == 0 { [IN_LINE, 0] } else { [0, IN_LINE] };
        let both = order
            .into_iter()
            .map(|in_line| moved(bench, pair, in_line))
            .collect::<Result<Vec<_>>>()?;
        for row in both {
            append(&path, &row)?;
            rows.push(row);
        }
    }
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    ensure!(
        report["exact"] == true,
        "a message was lost, applied twice or reordered"
    );
    told(&rows)
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
        in_line,
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
fn pause(status: &Value) -> Option<i64> {
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

fn read(path: &Path) -> Result<Vec<Row>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("read {}", path.display()))?;
    let rows: Result<Vec<Row>, _> = reader.deserialize().collect();
    rows.with_context(|| format!("read {}", path.display()))
}

fn append(path: &Path, row: &Row) -> Result<()> {
    let fresh = !path.exists();
    let open = OpenOptions::new().create(true).append(true).open(path);
    let file = open.with_context(|| format!("open {}", path.display()))?;
    let mut writer = csv::WriterBuilder::new().has_headers(fresh).from_writer(file);
    writer.serialize(row).context("write a row")?;
    writer.flush().context("write a row")
}

/// Growth of the pause: the median of the pairs' ratios, with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Growth {
    median: f64,
    /// The true median lies in it with 95 %.
    from: f64,
    to: f64,
}

/// By order statistics: no assumption on how the ratios are distributed.
fn growth(rows: &[Row]) -> Option<Growth> {
    let of = |pair: u32, queued: bool| {
        let mut both = rows.iter().filter(|row| row.pair == pair);
        both.find(|row| (row.in_line > 0) == queued)
            .map(|row| row.pause_ms)
    };
    let last = rows.iter().map(|row| row.pair).max()?;
    let mut ratios: Vec<f64> = (1..=last)
        .filter_map(|pair| of(pair, true).zip(of(pair, false)))
        .map(|(queued, alone)| ratio(queued, alone))
        .collect();
    ratios.sort_by(f64::total_cmp);
    let outside = figures::outside_of_interval(ratios.len())?;
    let middle = ratios.len() / 2;
    let median = if ratios.len() % 2 == 1 {
        ratios[middle]
    } else {
        f64::midpoint(ratios[middle - 1], ratios[middle])
    };
    Some(Growth {
        median,
        from: ratios[outside],
        to: ratios[ratios.len() - 1 - outside],
    })
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds of a pause")]
fn ratio(queued: i64, alone: i64) -> f64 {
    queued as f64 / alone as f64
}

fn told(rows: &[Row]) -> Result<()> {
    let growth = growth(rows).context("too few pairs for an interval: measure at least six")?;
    let verdict = match growth {
        Growth { to, .. } if to < 1.2 => "grows by less than 20 %",
        Growth { from, .. } if from > 1.2 => "grows by more than 20 %",
        Growth { .. } => "is not shown to be worse: the interval holds 1.2",
    };
    println!(
        "pause with {IN_LINE} in line / pause alone: median {:.2}, 95 % interval {:.2} to {:.2}; the pause {verdict}",
        growth.median, growth.from, growth.to
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_growth_is_the_median_of_the_ratios_of_pairs_with_its_interval() {
        let row = |pair, in_line, pause_ms| Row {
            pair,
            in_line,
            pause_ms,
            total_ms: 0,
            at: String::new(),
            commit: String::new(),
            machine: String::new(),
        };
        // Ratios 1.01 to 1.08. Of eight, the interval goes from the first to the last: without both it would hold 93 %.
        let rows: Vec<Row> = (1..=8)
            .flat_map(|n| {
                [
                    row(n, 0, 100 * i64::from(n)),
                    row(n, 60, i64::from(n) * (100 + i64::from(n))),
                ]
            })
            .collect();
        let found = growth(&rows).unwrap();
        assert!((found.median - 1.045).abs() < 1e-9, "{found:?}");
        assert!(
            (found.from - 1.01).abs() < 1e-9 && (found.to - 1.08).abs() < 1e-9,
            "{found:?}"
        );
        assert!(
            growth(&rows[..10]).is_none(),
            "five pairs have no interval of 95 %"
        );
    }
}
