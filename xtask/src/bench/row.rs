//! One row for each move, as it is kept.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

use super::scenario::Scenario;
use crate::stage::{self, Move};

/// A move and its figures. What a move does not have (a second handoff, a handoff at all) is empty.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Row {
    pub(crate) way: String,
    pub(crate) rate: u32,
    pub(crate) work_us: u32,
    pub(crate) heap_mb: u32,
    pub(crate) message_bytes: u32,
    pub(crate) prefetch: u32,
    /// From 1.
    pub(crate) n: u32,
    pub(crate) phase: String,
    pub(crate) exact: Option<bool>,
    pub(crate) total_ms: Option<i64>,
    /// Longest time in which nobody consumed, of all handoffs.
    pub(crate) pause_ms: Option<i64>,
    pub(crate) pause1_ms: Option<i64>,
    pub(crate) pause2_ms: Option<i64>,
    pub(crate) freeze1_ms: Option<i64>,
    pub(crate) freeze2_ms: Option<i64>,
    pub(crate) archive_bytes: Option<i64>,
    pub(crate) wire_bytes: Option<i64>,
    /// `Stage1=…;Hold1=…`, milliseconds.
    pub(crate) steps: String,
    /// Of the whole run of this line, by the oracle: the same in all its rows.
    pub(crate) missing: Option<i64>,
    pub(crate) duplicate: Option<i64>,
    pub(crate) reordered: Option<i64>,
    pub(crate) state_equal: Option<bool>,
    pub(crate) probes: Option<i64>,
    pub(crate) probes_failed: Option<i64>,
    pub(crate) slowest_probe_ms: Option<i64>,
    /// Highest resident memory of any agent so far, MB.
    pub(crate) agent_mb: Option<u64>,
    pub(crate) at: String,
}

impl Row {
    /// An empty row of this scenario.
    pub(crate) fn of(scenario: &Scenario, n: u32) -> Self {
        Self {
            way: scenario.mover.name().to_owned(),
            rate: scenario.rate,
            work_us: scenario.work_micros,
            heap_mb: scenario.heap_mb,
            message_bytes: scenario.size,
            prefetch: scenario.prefetch,
            n,
            at: jiff::Timestamp::now().to_string(),
            ..Self::default()
        }
    }

    /// With what the migration says of itself.
    pub(crate) fn moved(mut self, moved: &Move) -> Self {
        let status = &moved.object["status"];
        let legs = status["legs"].as_array().cloned().unwrap_or_default();
        // Attempts that were undone have no release.
        let done: Vec<&Value> = legs.iter().filter(|leg| !leg["released"].is_null()).collect();
        let pause = |n: usize| stage::span(&done.get(n)?["parkSent"], &done.get(n)?["released"]);
        let freeze = |n: usize| Some(done.get(n)?["checkpoint"]["frozenMicros"].as_i64()? / 1_000);
        self.phase = moved.phase().to_owned();
        self.exact = status["verdict"]["exact"].as_bool();
        self.total_ms = stage::span(&status["startTime"], &status["completionTime"]);
        (self.pause1_ms, self.pause2_ms) = (pause(0), pause(1));
        self.pause_ms = self.pause1_ms.max(self.pause2_ms);
        (self.freeze1_ms, self.freeze2_ms) = (freeze(0), freeze(1));
        let first = done.first();
        self.archive_bytes = first.and_then(|leg| leg["checkpoint"]["bytes"].as_i64());
        self.wire_bytes = first.and_then(|leg| leg["transfer"]["wireBytes"].as_i64());
        self.steps = steps(status);
        self
    }

    /// With the oracle's verdict on the run.
    pub(crate) fn judged(mut self, report: &Value) -> Self {
        let (comparison, probes) = (&report["comparison"], &report["probes"]);
        self.missing = comparison["missing"].as_i64();
        self.duplicate = comparison["duplicate"].as_i64();
        self.reordered = comparison["reordered"].as_i64();
        self.state_equal = comparison["stateEqual"].as_bool();
        self.probes = probes["sent"].as_i64();
        self.probes_failed = probes["failed"].as_i64();
        self.slowest_probe_ms = probes["slowestUs"].as_i64().map(|micros| micros / 1_000);
        self
    }
}

fn steps(status: &Value) -> String {
    let all = status["steps"].as_array().cloned().unwrap_or_default();
    let timed = all.iter().filter_map(|step| {
        let span = stage::span(&step["started"], &step["finished"])?;
        Some(format!("{}{}={span}", step["step"].as_str()?, step["leg"]))
    });
    timed.collect::<Vec<_>>().join(";")
}

/// Writes all rows so far: what was measured survives whatever comes next.
pub(crate) fn write(path: &Path, rows: &[Row]) -> Result<()> {
    let mut writer = csv::Writer::from_path(path).with_context(|| format!("write {}", path.display()))?;
    for row in rows {
        writer.serialize(row).context("write a row")?;
    }
    writer.flush().context("write the rows")
}
