//! `cargo xtask bench --watched PAIRS`: what ten users who watch cost a move. Each pair moves one pod under load twice, once with ten
//! `kubectl shadow watch` beside it and once alone, in turn which comes first.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::measure::Bench;
use super::pairs::{self, Row};
use super::queued::pause;
use xtask_lab::stage::{self, Load, Oracle, Sample};

const WATCHERS: u32 = 10;
const POD: &str = "orders-0";
const ROWS: &str = "watched.csv";
const LOAD: Load = Load::of(80);
/// How much pause and total may grow.
const LIMIT: f64 = 1.1;

/// Measures as many pairs as are missing in the folder's rows, and prints what they say.
pub(crate) fn run(bench: &Bench, folder: &Path, pairs: u32) -> Result<()> {
    Sample::deploy(&bench.cluster, &[])?;
    let oracle = Oracle::start(&bench.cluster, &bench.product, POD, LOAD)?;
    oracle.run_for(Duration::from_secs(3));
    let rows = pairs::measured(&folder.join(ROWS), pairs, WATCHERS, |pair, watchers| {
        moved(bench, pair, watchers)
    })?;
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    ensure!(
        report["exact"] == true,
        "a message was lost, applied twice or reordered"
    );
    let beside = format!("{WATCHERS} watchers");
    pairs::tell(&rows, "pause", &beside, |row| row.pause_ms, LIMIT)?;
    pairs::tell(&rows, "total", &beside, |row| row.total_ms, LIMIT)
}

fn moved(bench: &Bench, pair: u32, watchers: u32) -> Result<Row> {
    let cluster = &bench.cluster;
    let watching = (0..watchers)
        .map(|_| Watcher::start(bench))
        .collect::<Result<Vec<_>>>()?;
    let target = Sample::other_node(cluster, POD)?;
    let at = jiff::Timestamp::now().to_string();
    let moved = stage::migrate(cluster, &bench.product, POD, target)?;
    drop(watching);
    ensure!(
        moved.phase() == "Completed",
        "the move of pair {pair} failed: {}",
        moved.why()
    );
    let status = &moved.object["status"];
    let row = Row {
        pair,
        beside: watchers,
        pause_ms: pause(status).context("the move does not say how long its handoffs took")?,
        total_ms: stage::span(&status["startTime"], &status["completionTime"])
            .context("the move has no times")?,
        at,
        commit: bench.origin.commit.clone(),
        machine: bench.origin.machine.clone(),
    };
    println!(
        "     pair {pair}, {watchers} watchers: pause {} ms, total {} ms",
        row.pause_ms, row.total_ms
    );
    Ok(row)
}

/// One user who watches all migrations of the namespace, until this is dropped.
struct Watcher(Child);

impl Watcher {
    /// Returns when it has said its first line: it sees the cluster then.
    fn start(bench: &Bench) -> Result<Self> {
        let mut command = bench.product.plugin(&bench.cluster)?;
        command
            .args(["watch"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut watcher = Self(command.spawn().context("start kubectl-shadow")?);
        let mut lines = BufReader::new(watcher.0.stdout.take().context("its output")?).lines();
        lines
            .next()
            .context("a watcher says nothing")?
            .context("read a watcher")?;
        // It must not wait for a reader.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(watcher)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait()) {
            eprintln!("a watcher cannot be ended: {error}");
        }
    }
}
