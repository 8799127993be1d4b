//! `kubectl shadow plan --rehearse` dumps a process once for real, and the dump is not there afterwards.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::failures::agent_on;
use super::kills::kill_controller;
use super::{Bench, exact_messages, kept_every_promise, nothing_left};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Load, Oracle, Sample, capture};

const POD: &str = "orders-0";
const LOAD: Load = Load::of(80);
/// Of a node: the agent's folder, and where else a dump might write.
const FOLDERS: &str = "/run/shadow /opt/kubectl-shadow /var/lib/kubelet/checkpoints";
const SOON: Duration = Duration::from_secs(10);
/// So long after it was ordered nothing of a rehearsal is left, whatever becomes of the controller.
const GONE: Duration = Duration::from_secs(30);

/// Under load; the move after it is as exact as ever.
pub(super) fn once(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let source = Sample::node(cluster, POD)?;
    let oracle = Oracle::start(cluster, &bench.product, POD, LOAD)?;
    oracle.run_for(Duration::from_secs(3));
    let (before, files) = (Sample::incarnation(cluster, POD)?, written(cluster)?);

    let plan = figures(bench)?;
    let uid = plan["metadata"]["uid"].as_str().context("the plan has no UID")?;
    let dumps = dumps_of(cluster, &source, uid)?;
    ensure!(dumps == 1, "the node's helper dumped {dumps} times for one plan");
    told(bench, &source)?;

    let left = stage::leftovers(cluster)?;
    ensure!(left.is_empty(), "left behind by a rehearsal: {}", left.join(", "));
    let new: Vec<String> = written(cluster)?.difference(&files).cloned().collect();
    ensure!(new.is_empty(), "a rehearsal left files: {}", new.join(", "));
    let after = Sample::incarnation(cluster, POD)?;
    ensure!(
        before == after,
        "a rehearsal changed {POD}: {before:?}, then {after:?}"
    );

    let target = Sample::other_node(cluster, POD)?;
    let moved = stage::migrate(cluster, &bench.product, POD, target)?;
    ensure!(
        moved.phase() == "Completed" && moved.code == 0,
        "the move after it ended {}: {}",
        moved.phase(),
        moved.why()
    );
    ensure!(Sample::node(cluster, POD)? == target, "{POD} is not on {target}");
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    kept_every_promise(&report)?;
    nothing_left(cluster)
}

/// The controller is killed as soon as the dump is on its node. The process goes on, its archive goes, and the plan is made.
pub(super) fn outlive_the_controller(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    // So that the dump takes a while.
    Sample::deploy(cluster, &["--ballast-mb", "300"])?;
    let source = Sample::node(cluster, POD)?;
    let oracle = Oracle::start(cluster, &bench.product, POD, LOAD)?;
    oracle.run_for(Duration::from_secs(3));
    let before = Sample::incarnation(cluster, POD)?;

    let mut plugin = bench.product.plugin(cluster)?;
    plugin.args(["plan", POD, "--rehearse", "--timeout", "2m"]);
    plugin.stdout(Stdio::piped()).stderr(Stdio::piped());
    let planning = plugin.spawn().context("start kubectl-shadow")?;
    wait_for("the dump to begin", Duration::from_secs(30), || {
        Ok((!keys(cluster, &source)?.is_empty()).then_some(()))
    })?;
    let begun = Instant::now();
    kill_controller(cluster)?;
    wait_for(
        "the dump to be gone",
        GONE.saturating_sub(begun.elapsed()),
        || Ok(keys(cluster, &source)?.is_empty().then_some(())),
    )?;
    println!(
        "     the key was gone {:.1} s after its dump had begun",
        begun.elapsed().as_secs_f64()
    );
    let made = planning.wait_with_output().context("wait for kubectl-shadow")?;
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    // The next controller learns the figures from the node, or it says that they are not known any more.
    let ended = match made.status.code() {
        Some(0) => said.contains("the process stood still for"),
        Some(1) => said.contains("is not dumped again"),
        _ => false,
    };
    ensure!(
        ended,
        "the plan ended with {}: {said}{}",
        made.status,
        String::from_utf8_lossy(&made.stderr)
    );
    let after = Sample::incarnation(cluster, POD)?;
    ensure!(before == after, "{POD} was {before:?} and is {after:?}");
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    nothing_left(cluster)
}

/// The plan as JSON; its figures are those of a dump.
fn figures(bench: &Bench) -> Result<Value> {
    let mut plugin = bench.product.plugin(&bench.cluster)?;
    plugin.args(["plan", POD, "--rehearse", "-o", "json"]);
    let plan: Value = serde_json::from_str(&capture(plugin)?).context("the plan is no JSON")?;
    let rehearsal = &plan["status"]["outlook"]["rehearsal"];
    let figure = |name: &str| {
        let figure = rehearsal["cost"][name].as_u64();
        figure.with_context(|| format!("no {name}: {rehearsal}"))
    };
    let (frozen, bytes, total) = (
        figure("frozenMillis")?,
        figure("archiveBytes")?,
        figure("totalMillis")?,
    );
    println!("     frozen {frozen} ms, archive {bytes} bytes, {total} ms in all");
    ensure!(
        (1..1_000).contains(&frozen) && bytes > 100_000 && total >= frozen,
        "these are no figures of a dump: {rehearsal}"
    );
    Ok(plan)
}

/// What a person reads.
fn told(bench: &Bench, source: &str) -> Result<()> {
    let mut plugin = bench.product.plugin(&bench.cluster)?;
    plugin.args(["plan", POD, "--rehearse"]);
    let said = capture(plugin)?;
    for part in [
        "Rehearsed",
        "the process stood still for",
        &format!("in /run/shadow of {source} and was thrown away"),
        "Nothing was moved, as asked",
    ] {
        ensure!(said.contains(part), "it does not say {part:?}: {said}");
    }
    Ok(())
}

/// Dumps under the keys of a plan, whatever came of them, by the log of the node's helper.
fn dumps_of(cluster: &Cluster, node: &str, uid: &str) -> Result<usize> {
    let agent = agent_on(cluster, node)?;
    let log = cluster.kubectl([
        "logs",
        "--namespace",
        "shadow-system",
        &agent,
        "--container",
        "helper",
    ]);
    let log = capture(log)?;
    Ok(log
        .lines()
        .filter(|line| line.contains("Dump {") && line.contains(uid))
        .count())
}

/// Files of all nodes where a dump might write.
fn written(cluster: &Cluster) -> Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for node in Cluster::node_names() {
        // The agent's sweep may take a file away under the listing, which fails then.
        let listed = wait_for("a list of a node's files", SOON, || {
            let mut find = cluster.run_on_node(node, "sh")?;
            let each =
                format!("for dir in {FOLDERS}; do test ! -e $dir || find $dir -not -type d || exit 1; done");
            find.args(["-c", &each]);
            Ok(capture(find).ok())
        })?;
        all.extend(listed.lines().map(|path| format!("{node}:{path}")));
    }
    Ok(all)
}

/// Keys on a node.
fn keys(cluster: &Cluster, node: &str) -> Result<Vec<String>> {
    let mut list = cluster.run_on_node(node, "ls")?;
    list.arg("/run/shadow/keys");
    Ok(capture(list)?.lines().map(str::to_owned).collect())
}
