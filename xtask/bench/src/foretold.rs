//! `cargo xtask bench --foretold ROUNDS`: how near `kubectl shadow plan` comes. Three applications are moved twice each; then each round
//! plans a move of each and makes it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::Value;

use super::measure::Bench;
use super::pairs::append;
use xtask_lab::cluster::Cluster;
use xtask_lab::stage::{self, Load, Oracle, Sample, Single, capture};

const ROWS: &str = "foretold.csv";
/// As many moves of an application make its own forecast.
const BEFORE: u32 = 2;
const LOAD: Load = Load::of(80);
/// By so much a time may differ from what was told.
const TOTAL: f64 = 1.5;
const PAUSE: f64 = 2.0;

#[derive(Clone, Debug, Serialize)]
struct Row {
    application: &'static str,
    round: u32,
    basis: String,
    told_total_ms: i64,
    total_ms: i64,
    told_pause_ms: i64,
    pause_ms: i64,
    at: String,
    commit: String,
    machine: String,
}

/// Measures, and prints which moves were not as they were told.
pub(crate) fn run(bench: &Bench, folder: &Path, rounds: u32) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let singles = [Single::Deployment, Single::Plain];
    for single in singles {
        single.deploy(cluster)?;
    }
    let streams = ["orders-0", Single::Deployment.stream(), Single::Plain.stream()];
    let oracles = streams
        .iter()
        .map(|stream| Oracle::start(cluster, &bench.product, stream, LOAD))
        .collect::<Result<Vec<_>>>()?;
    let mut rows = Vec::new();
    for round in 0..BEFORE + rounds {
        for application in ["orders", "single", "plain"] {
            let row = moved(bench, application, round)?;
            if round >= BEFORE {
                append(&folder.join(ROWS), &row)?;
                rows.push(row);
            }
        }
    }
    for oracle in oracles {
        let report = oracle.finish()?;
        println!("     {}", stage::summary(&report));
        ensure!(
            report["exact"] == true,
            "a message was lost, applied twice or reordered"
        );
    }
    tell(&rows);
    Ok(())
}

/// Plans a move, and makes it.
fn moved(bench: &Bench, application: &'static str, round: u32) -> Result<Row> {
    let cluster = &bench.cluster;
    let pod = pod(cluster, application)?;
    let target = Sample::other_node(cluster, &pod)?;
    let at = jiff::Timestamp::now().to_string();
    let mut plan = bench.product.plugin(cluster)?;
    plan.args(["plan", &pod, "--to", target, "-o", "json"]);
    let plan: Value = serde_json::from_str(&capture(plan)?).context("read the plan")?;
    let outlook = &plan["status"]["outlook"];
    let moved = stage::migrate(cluster, &bench.product, &pod, target)?;
    ensure!(moved.phase() == "Completed", "{pod}: {}", moved.why());
    let status = &moved.object["status"];
    let pause = status["pause"].as_str().and_then(|text| text.strip_suffix("ms"));
    let row = Row {
        application,
        round,
        basis: outlook["basis"].as_str().unwrap_or_default().to_owned(),
        told_total_ms: outlook["totalMillis"].as_i64().context("no total was told")?,
        total_ms: stage::span(&status["startTime"], &status["completionTime"]).context("no times")?,
        told_pause_ms: outlook["pauseMillis"].as_i64().context("no pause was told")?,
        pause_ms: pause.context("no pause")?.parse().context("read the pause")?,
        at,
        commit: bench.origin.commit.clone(),
        machine: bench.origin.machine.clone(),
    };
    println!(
        "     {application}, round {round} ({}): total {} ms, told {}; pause {} ms, told {}",
        row.basis, row.total_ms, row.told_total_ms, row.pause_ms, row.told_pause_ms
    );
    Ok(row)
}

fn pod(cluster: &Cluster, application: &str) -> Result<String> {
    match application {
        "single" => Single::Deployment.pod(cluster),
        "plain" => Single::Plain.pod(cluster),
        _ => Ok("orders-0".to_owned()),
    }
}

fn tell(rows: &[Row]) {
    let far = |told: i64, took: i64, limit: f64| factor(told, took) > limit;
    let totals = rows
        .iter()
        .filter(|row| far(row.told_total_ms, row.total_ms, TOTAL))
        .count();
    let pauses = rows
        .iter()
        .filter(|row| far(row.told_pause_ms, row.pause_ms, PAUSE))
        .count();
    println!(
        "{} moves: {totals} totals were off by more than a factor of {TOTAL}, {pauses} pauses by more than {PAUSE}",
        rows.len()
    );
}

/// 1 or more: by how much two times differ.
#[allow(clippy::cast_precision_loss, reason = "milliseconds of a move")]
fn factor(one: i64, other: i64) -> f64 {
    let (one, other) = (one.max(1) as f64, other.max(1) as f64);
    (one / other).max(other / one)
}

#[cfg(test)]
mod tests {
    use super::factor;

    #[test]
    fn a_time_may_be_too_long_or_too_short() {
        for (one, other) in [(100, 150), (150, 100)] {
            assert!((factor(one, other) - 1.5).abs() < 1e-9);
        }
    }
}
