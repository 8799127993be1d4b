//! One row for each move, as it is kept.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::origin::Origin;
use super::outage;
use super::shape::Shape;
use xtask_lab::stage::{self, Move};

/// A move and its figures. What a move does not have (a second handoff, a handoff at all) is empty, and so is what an
/// older version did not measure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Row {
    pub(crate) way: String,
    pub(crate) rate: u32,
    pub(crate) work_us: u32,
    pub(crate) heap_mb: u32,
    pub(crate) message_bytes: u32,
    pub(crate) prefetch: u32,
    /// From 1.
    pub(crate) n: u32,
    /// Of the migration at its end; `Refused` if none was made, `Deleted` and `Replayed` for the baselines, `Error` if it could not
    /// be measured.
    pub(crate) phase: String,
    pub(crate) exact: Option<bool>,
    /// From the controller's first look to the end.
    pub(crate) total_ms: Option<i64>,
    /// Longest time in which nobody consumed, of all handoffs.
    pub(crate) pause_ms: Option<i64>,
    pub(crate) pause1_ms: Option<i64>,
    pub(crate) pause2_ms: Option<i64>,
    pub(crate) freeze1_ms: Option<i64>,
    pub(crate) freeze2_ms: Option<i64>,
    pub(crate) archive_bytes: Option<i64>,
    pub(crate) wire_bytes: Option<i64>,
    /// `Stage1=…;Hold1=…`, milliseconds, in the order in which they were done.
    pub(crate) steps: String,
    /// Of the whole run of this line, by the oracle: the same in all its rows.
    pub(crate) missing: Option<i64>,
    pub(crate) duplicate: Option<i64>,
    pub(crate) reordered: Option<i64>,
    pub(crate) state_equal: Option<bool>,
    pub(crate) probes: Option<i64>,
    pub(crate) probes_failed: Option<i64>,
    pub(crate) slowest_probe_ms: Option<i64>,
    /// Highest resident memory of an agent's process during the move, MB.
    pub(crate) agent_mb: Option<i64>,
    pub(crate) at: String,
    /// The same of a node helper, MB.
    pub(crate) helper_mb: Option<i64>,
    /// From the command to its return.
    pub(crate) wall_ms: Option<i64>,
    /// Longest time in which requests failed during the move.
    pub(crate) downtime_ms: Option<i64>,
    /// What was really published, messages a second; of the whole run.
    pub(crate) published: Option<i64>,
    /// When the run of this line began: rows of one run share it.
    pub(crate) run: String,
    pub(crate) commit: String,
    pub(crate) machine: String,
    /// Why it was undone, refused, or could not be measured.
    pub(crate) error: String,
    /// What a plain pod needed on the target node until it was Ready, before the first move of the run; median of several.
    pub(crate) plain_start_ms: Option<i64>,
}

impl Row {
    /// An empty row.
    pub(crate) fn of(shape: Shape, n: u32, run: &str, origin: &Origin) -> Self {
        Self {
            way: shape.way,
            rate: shape.rate,
            work_us: shape.work_us,
            heap_mb: shape.heap_mb,
            message_bytes: shape.message_bytes,
            prefetch: shape.prefetch,
            n,
            at: jiff::Timestamp::now().to_string(),
            run: run.to_owned(),
            commit: origin.commit.clone(),
            machine: origin.machine.clone(),
            ..Self::default()
        }
    }

    /// What tells its scenario from all others.
    pub(crate) fn shape(&self) -> Shape {
        Shape {
            way: self.way.clone(),
            rate: self.rate,
            work_us: self.work_us,
            heap_mb: self.heap_mb,
            message_bytes: self.message_bytes,
            prefetch: self.prefetch,
        }
    }

    /// It could not be measured.
    pub(crate) fn failed(mut self, error: &anyhow::Error) -> Self {
        self.phase = "Error".to_owned();
        self.error = one_line(&format!("{error:#}"));
        self
    }

    /// Whether it says that something could not be measured.
    pub(crate) fn is_error(&self) -> bool {
        self.phase == "Error"
    }

    /// With what the migration says of itself.
    pub(crate) fn moved(mut self, moved: &Move) -> Self {
        self.wall_ms = i64::try_from(moved.wall.as_millis()).ok();
        let status = &moved.object["status"];
        if !begun_since(&self.at, status) {
            self.phase = "Refused".to_owned();
            self.error = one_line(&moved.said);
            return self;
        }
        self.phase = moved.phase().to_owned();
        self.exact = status["verdict"]["exact"].as_bool();
        if self.phase != "Completed" {
            self.error = one_line(&moved.why());
        } else if self.exact == Some(false) {
            self.error = one_line(status["verdict"]["because"].as_str().unwrap_or_default());
        }
        self.total_ms = stage::span(&status["startTime"], &status["completionTime"]);
        self.steps = steps(status);
        self.handed_over(status)
    }

    fn handed_over(mut self, status: &Value) -> Self {
        let legs = status["legs"].as_array().cloned().unwrap_or_default();
        // Attempts that were undone have no release.
        let done: Vec<&Value> = legs.iter().filter(|leg| !leg["released"].is_null()).collect();
        let pause = |n: usize| stage::span(&done.get(n)?["parkSent"], &done.get(n)?["released"]);
        let freeze = |n: usize| Some(done.get(n)?["checkpoint"]["frozenMicros"].as_i64()? / 1_000);
        (self.pause1_ms, self.pause2_ms) = (pause(0), pause(1));
        self.pause_ms = self.pause1_ms.max(self.pause2_ms);
        (self.freeze1_ms, self.freeze2_ms) = (freeze(0), freeze(1));
        let first = done.first();
        self.archive_bytes = first.and_then(|leg| leg["checkpoint"]["bytes"].as_i64());
        self.wire_bytes = first.and_then(|leg| leg["transfer"]["wireBytes"].as_i64());
        self
    }

    /// With the oracle's verdict on the run; `until` is when the next move began.
    pub(crate) fn judged(mut self, report: &Value, until: Option<&str>) -> Self {
        let (comparison, probes) = (&report["comparison"], &report["probes"]);
        self.missing = comparison["missing"].as_i64();
        self.duplicate = comparison["duplicate"].as_i64();
        self.reordered = comparison["reordered"].as_i64();
        self.state_equal = comparison["stateEqual"].as_bool();
        self.probes = probes["sent"].as_i64();
        self.probes_failed = probes["failed"].as_i64();
        self.slowest_probe_ms = probes["slowestUs"].as_i64().map(|micros| micros / 1_000);
        self.downtime_ms = outage::longest(probes, millis(&self.at), until.and_then(millis));
        self.published = published(&report["ledger"]);
        self
    }
}

/// The latest migration of a pod is not ours if none was made.
fn begun_since(at: &str, status: &Value) -> bool {
    let begun = status["startTime"].as_str().and_then(millis);
    begun.zip(millis(at)).is_some_and(|(begun, at)| begun >= at)
}

/// Milliseconds since 1970.
fn millis(time: &str) -> Option<i64> {
    Some(time.parse::<jiff::Timestamp>().ok()?.as_millisecond())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn published(ledger: &Value) -> Option<i64> {
    let span = ledger["endedAtMs"].as_i64()? - ledger["startedAtMs"].as_i64()?;
    let publishers = ledger["publishers"].as_array()?;
    let confirmed: i64 = publishers
        .iter()
        .filter_map(|one| one["confirmed"].as_i64())
        .sum();
    (confirmed * 1_000).checked_div(span)
}

fn steps(status: &Value) -> String {
    let all = status["steps"].as_array().cloned().unwrap_or_default();
    let timed = all.iter().filter_map(|step| {
        let span = stage::span(&step["started"], &step["finished"])?;
        Some(format!("{}{}={span}", step["step"].as_str()?, step["leg"]))
    });
    timed.collect::<Vec<_>>().join(";")
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
