//! Everything known at the end of a run, as JSON and as a few lines for people.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Comparison, ProbeReport};
use crate::load::LoadLedger;
use crate::state::PauseSnapshot;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Exact, and no probe failed.
    Passed,
    /// Exact, but requests failed.
    ProbesFailed,
    /// Something is missing, double, out of order or different.
    NotExact,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// Whether the pod's state is what it would be without any migration.
    pub exact: bool,
    /// Pod against ledger and control.
    pub comparison: Comparison,
    /// What was sent.
    pub ledger: LoadLedger,
    /// Messages left in the pod's queue.
    pub left_in_queue: u32,
    /// Whether pod and control had come to rest in time.
    pub caught_up: bool,
    /// The pod's pauses in processing since the load began.
    pub pauses: PauseSnapshot,
    /// What the service answered, if it was asked.
    pub probes: Option<ProbeReport>,
    /// The name of the pod that answered at the end.
    pub pod: String,
    /// Deliveries marked as redelivered, for an explanation of duplicates.
    pub redelivered: u64,
}

impl Report {
    /// The exit code that stands for the verdict.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.verdict {
            Verdict::Passed => 0,
            Verdict::NotExact => 1,
            Verdict::ProbesFailed => 3,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Comparison {
            missing,
            duplicate,
            reordered,
            state_equal,
            ..
        } = &self.comparison;
        let (confirmed, uncertain, returned) = (
            self.ledger.confirmed(),
            self.ledger.uncertain(),
            self.ledger.returned(),
        );
        let state = if *state_equal { "equal" } else { "DIFFERENT" };
        writeln!(
            f,
            "messages   {confirmed} confirmed, {uncertain} uncertain, {returned} returned"
        )?;
        writeln!(
            f,
            "delivery   {missing} missing, {duplicate} duplicate, {reordered} reordered; state {state}"
        )?;
        writeln!(f, "pause      {} ms at most", self.pauses.longest_ms)?;
        if let Some(probes) = &self.probes {
            let (slowest, median) = (millis(probes.slowest_us), millis(probes.median_us));
            let ProbeReport {
                sent, failed, slow, ..
            } = probes;
            writeln!(
                f,
                "requests   {sent} sent, {failed} failed, {slow} slow; slowest {slowest}, median {median}"
            )?;
        }
        if !self.caught_up {
            writeln!(
                f,
                "not at rest: {} messages left in the queue",
                self.left_in_queue
            )?;
        }
        match self.verdict {
            Verdict::Passed => write!(f, "verdict    exact"),
            Verdict::ProbesFailed => write!(f, "verdict    exact, but requests FAILED"),
            Verdict::NotExact => write!(f, "verdict    NOT EXACT"),
        }
    }
}

fn millis(micros: u64) -> String {
    format!("{}.{:01} ms", micros / 1_000, micros % 1_000 / 100)
}
