//! In which step of which move something happened: what a failed run is asked first.

use anyhow::{Context, Result};
use serde_json::Value;

/// Lines for at most as many failed requests.
const TOLD: usize = 5;

/// The steps of several moves, in their order.
#[derive(Default)]
pub(super) struct Timeline(Vec<(i64, String)>);

impl Timeline {
    /// Adds a move that has ended.
    pub(super) fn add(&mut self, n: u32, object: &Value) -> Result<()> {
        for step in object["status"]["steps"].as_array().into_iter().flatten() {
            let started = step["started"]
                .as_str()
                .context("a step does not say when it began")?;
            let time: jiff::Timestamp = started.parse()?;
            let (name, leg) = (step["step"].as_str().unwrap_or("?"), &step["leg"]);
            self.0
                .push((time.as_millisecond(), format!("{name} {leg} of move {n}")));
        }
        Ok(())
    }

    /// The first failed requests of an oracle's report, each with the step that had begun last, a line each.
    pub(super) fn failed_requests(&self, report: &Value) -> String {
        let bad = report["probes"]["bad"].as_array();
        let failed = bad.into_iter().flatten().filter(|bad| !bad["failure"].is_null());
        let line = |bad: &Value| {
            let at = bad["atMs"].as_i64().unwrap_or_default();
            format!("\n     {} {}", bad["failure"], self.at(at))
        };
        failed.take(TOLD).map(line).collect()
    }

    fn at(&self, at: i64) -> String {
        match self.0.iter().rev().find(|(began, _)| *began <= at) {
            Some((began, step)) => format!("{} ms after the begin of {step}", at - began),
            None => "before the first move".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failed_request_is_told_with_its_step() {
        let mut timeline = Timeline::default();
        let step = |name: &str, at: &str| json!({"step": name, "leg": 2, "started": at});
        let steps = [
            step("Switch", "1970-01-01T00:00:01Z"),
            step("Retire", "1970-01-01T00:00:02Z"),
        ];
        timeline.add(3, &json!({"status": {"steps": steps}})).unwrap();
        let bad = |at: i64| json!({"atMs": at, "failure": {"kind": "connect"}});
        let slow = json!({"atMs": 1_500, "failure": null});
        let told = timeline.failed_requests(&json!({"probes": {"bad": [bad(2_300), slow, bad(900)]}}));
        assert!(
            told.contains("300 ms after the begin of Retire 2 of move 3"),
            "{told}"
        );
        assert!(told.contains("before the first move"), "{told}");
        assert_eq!(told.lines().count(), 3, "{told}");
    }
}
