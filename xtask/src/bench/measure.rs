//! Runs one combination: the sample under load, moved there and back so many times, with the oracle watching.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::row::Row;
use super::scenario::{Mover, Scenario};
use crate::cluster::{Cluster, wait_for};
use crate::stage::{self, Load, Oracle, Product, Sample, Single, capture, get};

const WARM_UP: Duration = Duration::from_secs(3);
/// A consumer that lost its memory is back within this time.
const BACK: Duration = Duration::from_secs(120);

/// Measures; a move that fails is a row, too.
pub(crate) fn measure(
    cluster: &Cluster,
    product: &Product,
    scenario: &Scenario,
    moves: u32,
) -> Result<Vec<Row>> {
    let owned = scenario.arguments();
    let arguments: Vec<&str> = owned.iter().map(String::as_str).collect();
    match scenario.mover.single() {
        Some(single) => single.deploy_with(cluster, &arguments)?,
        None => Sample::deploy(cluster, &arguments)?,
    }
    let stream = scenario.mover.single().map_or("orders-0", Single::stream);
    let load = Load {
        rate: scenario.rate,
        publishers: 3,
        tail: 2,
        size: scenario.size,
    };
    let oracle = Oracle::start(cluster, product, stream, load)?;
    oracle.run_for(WARM_UP);
    let mut rows = Vec::new();
    for n in 1..=moves {
        let row = Row::of(scenario, n);
        rows.push(match scenario.mover {
            Mover::Deleted => deleted(cluster, row)?,
            Mover::ShadowPod | Mover::Sequential | Mover::Deployment | Mover::Bare | Mover::SingleActive => {
                moved(cluster, product, scenario, row)?
            }
        });
    }
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    if let Some(single) = scenario.mover.single() {
        single.remove(cluster)?;
    }
    Ok(rows.into_iter().map(|row| row.judged(&report)).collect())
}

fn moved(cluster: &Cluster, product: &Product, scenario: &Scenario, row: Row) -> Result<Row> {
    let pod = match scenario.mover.single() {
        Some(single) => single.pod(cluster)?,
        None => "orders-0".to_owned(),
    };
    let target = Sample::other_node(cluster, &pod)?;
    let moved = stage::migrate_with(cluster, product, &pod, target, scenario.mover.arguments())?;
    if moved.phase() != "Completed" {
        println!("     {pod} was not moved: {}", moved.why());
    }
    let mut row = row.moved(&moved);
    row.agent_mb = Some(agent_memory(cluster)?);
    println!(
        "     {pod} to {target}: {}, total {} ms, pause {} ms",
        row.phase,
        shown(row.total_ms),
        shown(row.pause_ms)
    );
    Ok(row)
}

/// What a drain does: the pod goes, another one starts elsewhere with an empty memory.
fn deleted(cluster: &Cluster, mut row: Row) -> Result<Row> {
    let node = Sample::node(cluster, "orders-0")?;
    let (before, _) = Sample::incarnation(cluster, "orders-0")?;
    capture(cluster.kubectl(["cordon", &node]))?;
    let started = Instant::now();
    let outcome = capture(cluster.kubectl(["delete", "pod", "orders-0", "--wait=false"])).and_then(|_| {
        wait_for("the new pod to be ready", BACK, || {
            let pod = get(
                cluster,
                &["pods", "--selector=statefulset.kubernetes.io/pod-name=orders-0"],
            )?;
            let pod = &pod["items"][0];
            let another = pod["metadata"]["uid"].as_str().is_some_and(|uid| uid != before);
            Ok((another && is_ready(pod)).then_some(()))
        })
    });
    capture(cluster.kubectl(["uncordon", &node]))?;
    outcome?;
    let took = i64::try_from(started.elapsed().as_millis()).context("a time too long")?;
    row.phase = "Deleted".to_owned();
    (row.total_ms, row.pause_ms) = (Some(took), Some(took));
    println!("     orders-0 deleted: ready again after {took} ms");
    Ok(row)
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|one| one["type"] == "Ready" && one["status"] == "True")
}

/// Highest resident memory that any agent's process has had, MB.
fn agent_memory(cluster: &Cluster) -> Result<u64> {
    let selector = "--selector=app.kubernetes.io/name=shadow-agent";
    let pods = get(cluster, &["pods", "--namespace=shadow-system", selector])?;
    let mut highest = 0;
    for pod in pods["items"].as_array().into_iter().flatten() {
        let name = pod["metadata"]["name"].as_str().context("an agent has no name")?;
        let pid = stage::container_pid(cluster, "shadow-system", name, "agent")?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).context("read an agent's memory")?;
        highest = highest.max(peak(&status).context("an agent's memory is not told")?);
    }
    ensure!(highest > 0, "no agent runs");
    Ok(highest)
}

/// `VmHWM:     12345 kB`
fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes.div_ceil(1024))
}

fn shown(millis: Option<i64>) -> String {
    millis.map_or_else(|| "?".to_owned(), |millis| millis.to_string())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_peak_is_read_from_the_kernel() {
        assert_eq!(super::peak("Name:\tx\nVmHWM:\t   20480 kB\n"), Some(20));
        assert_eq!(super::peak("Name:\tx\n"), None);
    }
}
