//! Runs one scenario: the sample under load, moved there and back so many times, with the oracle watching.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use super::agents::Agents;
use super::origin::Origin;
use super::plain_start;
use super::replay;
use super::row::Row;
use super::scenario::Scenario;
use super::way::How;
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Load, Oracle, Product, Sample, Single, capture, get};

const WARM_UP: Duration = Duration::from_secs(3);
/// A consumer that lost its memory is back within this time.
const BACK: Duration = Duration::from_secs(120);

/// What all runs share.
pub(crate) struct Bench {
    pub(crate) cluster: Cluster,
    pub(crate) product: Product,
    pub(crate) origin: Origin,
}

impl Bench {
    /// Measures. A move that fails is a row, too; if the run cannot go on, its last row says why.
    pub(crate) fn measure(&self, scenario: &Scenario, moves: u32) -> Vec<Row> {
        let mut rows = Vec::new();
        for run in runs(&scenario.way.how, moves) {
            let next = *run.start();
            let begun = jiff::Timestamp::now().to_string();
            let mut measured = Vec::new();
            let outcome = self.run(scenario, run, &begun, &mut measured);
            let removed = scenario
                .way
                .sample
                .map_or(Ok(()), |single| single.remove(&self.cluster));
            if let Err(error) = outcome.and(removed) {
                let n = measured.last().map_or(next, |row: &Row| row.n + 1);
                println!("     not measured: {error:#}");
                measured.push(Row::of(scenario.shape(), n, &begun, &self.origin).failed(&error));
            }
            rows.extend(measured);
        }
        rows
    }

    fn run(
        &self,
        scenario: &Scenario,
        moves: RangeInclusive<u32>,
        begun: &str,
        rows: &mut Vec<Row>,
    ) -> Result<()> {
        let cluster = &self.cluster;
        let owned = scenario.arguments();
        let arguments: Vec<&str> = owned.iter().map(String::as_str).collect();
        let sample = scenario.way.sample;
        match (sample, scenario.way.is_over_https()) {
            (Some(single), true) => single.deploy_over_https(cluster, &arguments)?,
            (Some(single), false) => single.deploy_with(cluster, &arguments)?,
            (None, true) => Sample::deploy_over_https(cluster, &arguments)?,
            (None, false) => Sample::deploy(cluster, &arguments)?,
        }
        let load = Load {
            rate: scenario.rate,
            publishers: 3,
            tail: 2,
            size: scenario.size,
            patience: 200,
        };
        let agents = Agents::find(cluster)?;
        let stream = sample.map_or(SET_POD, Single::stream);
        let oracle = Oracle::start(cluster, &self.product, stream, load)?;
        oracle.run_for(WARM_UP);
        let plain_start_ms = plain_start::measured(cluster, self.target(sample)?.1)?;
        for n in moves {
            agents.watch()?;
            let row = Row {
                plain_start_ms: Some(plain_start_ms),
                ..Row::of(scenario.shape(), n, begun, &self.origin)
            };
            let mut row = match &scenario.way.how {
                How::Moved(arguments) => self.moved(sample, arguments, row)?,
                How::Deleted => deleted(cluster, row)?,
                How::Replayed(single) => replay::replayed(cluster, *single, row)?,
            };
            agents.note(&mut row)?;
            rows.push(row);
        }
        let report = oracle.finish()?;
        println!("     {}", stage::summary(&report));
        judge(rows, &report);
        Ok(())
    }

    /// The pod to be moved, and the node it goes to.
    fn target(&self, sample: Option<Single>) -> Result<(String, &'static str)> {
        let pod = match sample {
            Some(single) => single.pod(&self.cluster)?,
            None => SET_POD.to_owned(),
        };
        let target = Sample::other_node(&self.cluster, &pod)?;
        Ok((pod, target))
    }

    fn moved(&self, sample: Option<Single>, arguments: &[&str], row: Row) -> Result<Row> {
        let cluster = &self.cluster;
        let (pod, target) = self.target(sample)?;
        let moved = stage::migrate_with(cluster, &self.product, &pod, target, arguments)?;
        let row = row.moved(&moved);
        println!(
            "     {pod} to {target}: {}, total {} ms, pause {} ms{}{}",
            row.phase,
            shown(row.total_ms),
            shown(row.pause_ms),
            if row.error.is_empty() { "" } else { ": " },
            row.error
        );
        Ok(row)
    }
}

/// Moves that share a deployment of the sample and an oracle.
fn runs(how: &How, moves: u32) -> Vec<RangeInclusive<u32>> {
    match how {
        How::Moved(_) | How::Deleted => vec![1..=moves],
        // What a runtime has restored once is not checkpointed again: each begins with a pod of its own.
        How::Replayed(_) => (1..=moves).map(|n| n..=n).collect(),
    }
}

/// The pod of the StatefulSet `orders` that is moved.
const SET_POD: &str = "orders-0";

/// What a drain does: the pod goes, another one starts elsewhere with an empty memory.
fn deleted(cluster: &Cluster, mut row: Row) -> Result<Row> {
    let node = Sample::node(cluster, SET_POD)?;
    let (before, _) = Sample::incarnation(cluster, SET_POD)?;
    capture(cluster.kubectl(["cordon", &node]))?;
    let started = Instant::now();
    let outcome = capture(cluster.kubectl(["delete", "pod", SET_POD, "--wait=false"])).and_then(|_| {
        wait_for("the new pod to be ready", BACK, || {
            let selector = format!("--selector=statefulset.kubernetes.io/pod-name={SET_POD}");
            let pod = get(cluster, &["pods", &selector])?;
            let pod = &pod["items"][0];
            let another = pod["metadata"]["uid"].as_str().is_some_and(|uid| uid != before);
            Ok((another && is_ready(pod)).then_some(()))
        })
    });
    let took = started.elapsed();
    capture(cluster.kubectl(["uncordon", &node]))?;
    outcome?;
    let took = i64::try_from(took.as_millis()).context("a time too long")?;
    row.phase = "Deleted".to_owned();
    (row.wall_ms, row.total_ms, row.pause_ms) = (Some(took), Some(took), Some(took));
    println!("     {SET_POD} deleted: ready again after {took} ms");
    Ok(row)
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|one| one["type"] == "Ready" && one["status"] == "True")
}

/// Each row gets the verdict on the run, and the outage of its own move.
fn judge(rows: &mut [Row], report: &Value) {
    let begun: Vec<String> = rows.iter().map(|row| row.at.clone()).collect();
    for (n, row) in rows.iter_mut().enumerate() {
        let next = begun.get(n + 1).map(String::as_str);
        *row = std::mem::take(row).judged(report, next);
    }
}

fn shown(millis: Option<i64>) -> String {
    millis.map_or_else(|| "?".to_owned(), |millis| millis.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_outage_belongs_to_the_move_in_which_it_began() {
        let at = |second: u32| Row {
            at: format!("1970-01-01T00:00:{second:02}Z"),
            ..Row::default()
        };
        let mut rows = [at(1), at(2), at(3)];
        let bad = |at: i64| json!({"atMs": at, "tookUs": 1_000, "failure": {"kind": "refused"}});
        let report = json!({"probes": {"sent": 9, "bad": [bad(2_100), bad(2_150), bad(3_500)]}});
        judge(&mut rows, &report);
        assert_eq!(rows.map(|row| row.downtime_ms), [Some(0), Some(51), Some(1)]);
    }
}
