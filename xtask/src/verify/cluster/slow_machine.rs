//! Requests that were answered late because the machine was slow, not because a pod was moved.

use anyhow::{Context, Result};
use serde_json::Value;

/// A small process on a quiet machine stands still for less, ms.
pub(super) const QUIET_FREEZE: i64 = 150;
/// No machine is always as slow as that, ms.
const LONG_FREEZE: i64 = 500;
/// Nor ever as slow as that: one dump of ten on a cluster that had just started took 582 ms.
const LONGEST_FREEZE: i64 = 2_000;
/// A request that waits as long has failed, ms.
const PROBE_TIMEOUT: i64 = 200;

/// A pod that is not moved answers later than that seldom, of a thousand requests. Where it does so more often, a busy
/// machine is no excuse: we may be what keeps it busy.
const SELDOM: i64 = 10;

/// The step Checkpoint of one handoff, ms since 1970, and how long the process stood still.
pub(super) struct Dump {
    began: i64,
    ended: i64,
    frozen_ms: i64,
}

/// Whether every failed request timed out when the machine was slow: in a dump that took long for that reason, or while a
/// pod that is not moved answered late as well. A request that failed otherwise is never excused, nor is a dump that took
/// longer than a slow machine explains.
pub(super) fn late_for_the_machine(report: &Value, dumps: &[Dump]) -> bool {
    let longer_than = |limit| dumps.iter().filter(|dump| dump.frozen_ms >= limit).count();
    let explained = longer_than(LONG_FREEZE) <= 1 && longer_than(LONGEST_FREEZE) == 0;
    let elsewhere = late_elsewhere(report);
    let excused = |answer: &Value| {
        let late = span(answer).is_some_and(|(sent, ended)| {
            elsewhere.iter().any(|(from, to)| sent <= *to && *from <= ended)
                || dumps.iter().any(|dump| dump.is_long_and_around(sent))
        });
        answer["failure"]["kind"] == "timeout" && late
    };
    let mut failed = answers(report, "probes").filter(|answer| !answer["failure"].is_null());
    report["probes"]["failed"] != 0 && explained && failed.all(excused)
}

/// When a pod that is not moved answered late; nothing if that was no matter of a moment, or if it turned somebody away.
fn late_elsewhere(report: &Value) -> Vec<(i64, i64)> {
    let (sent, bad) = (&report["reference"]["sent"], answers(report, "reference").count());
    let seldom = sent.as_i64().unwrap_or(0) * SELDOM / 1_000;
    let only_late = answers(report, "reference")
        .map(|answer| &answer["failure"])
        .all(|failure| failure.is_null() || failure["kind"] == "timeout");
    if !only_late || i64::try_from(bad).is_ok_and(|bad| bad > seldom) {
        return Vec::new();
    }
    answers(report, "reference").filter_map(span).collect()
}

/// The slow and failed answers of a service.
fn answers<'a>(report: &'a Value, service: &str) -> impl Iterator<Item = &'a Value> {
    report[service]["bad"].as_array().into_iter().flatten()
}

/// When a request was sent, and when its answer came or was not waited for any longer, ms since 1970.
fn span(answer: &Value) -> Option<(i64, i64)> {
    let sent = answer["atMs"].as_i64()?;
    Some((sent, sent + answer["tookUs"].as_i64()? / 1000))
}

impl Dump {
    fn is_long_and_around(&self, sent: i64) -> bool {
        self.frozen_ms > QUIET_FREEZE && (self.began - PROBE_TIMEOUT..=self.ended).contains(&sent)
    }
}

/// The dumps of a move.
pub(super) fn dumps_of(object: &Value) -> Result<Vec<Dump>> {
    let steps = object["status"]["steps"].as_array().cloned().unwrap_or_default();
    let legs = object["status"]["legs"].as_array().cloned().unwrap_or_default();
    let at = |time: &Value| -> Result<i64> {
        let time: jiff::Timestamp = time.as_str().context("a dump has no time")?.parse()?;
        Ok(time.as_millisecond())
    };
    let dump = |leg: &Value| {
        let step = steps
            .iter()
            .find(|step| step["step"] == "Checkpoint" && step["leg"] == leg["number"])
            .context("a handoff has no dump")?;
        Ok(Dump {
            began: at(&step["started"])?,
            ended: at(&step["finished"])?,
            frozen_ms: freeze(leg).context("a dump does not tell how long it froze")?,
        })
    };
    legs.iter().map(dump).collect()
}

/// How long the process stood still, ms.
pub(super) fn freeze(leg: &Value) -> Option<i64> {
    leg["checkpoint"]["frozenMicros"]
        .as_i64()
        .map(|micros| micros / 1000)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// One slow answer, one failed one.
    fn report(kind: &str, at: i64) -> Value {
        json!({"probes": {"failed": 1, "bad": [
            {"atMs": 1, "tookUs": 120_000, "failure": null},
            {"atMs": at, "tookUs": 200_000, "failure": {"kind": kind}},
        ]}})
    }

    fn dumps(frozen: &[i64]) -> Vec<Dump> {
        let dump = |(n, frozen_ms): (i64, &i64)| Dump {
            began: n * 10_000,
            ended: n * 10_000 + 300,
            frozen_ms: *frozen_ms,
        };
        (1..).zip(frozen).map(dump).collect()
    }

    #[test]
    fn only_a_long_dump_excuses_and_only_what_timed_out_in_it() {
        let slow = dumps(&[60, 210, 70]);
        assert!(late_for_the_machine(&report("timeout", 20_100), &slow));
        assert!(!late_for_the_machine(&report("broken", 20_100), &slow));
        assert!(
            !late_for_the_machine(&report("timeout", 10_100), &slow),
            "a quick dump"
        );
        assert!(
            !late_for_the_machine(&report("timeout", 20_900), &slow),
            "the switch after it"
        );
        let once = dumps(&[60, 700, 70]);
        assert!(late_for_the_machine(&report("timeout", 20_100), &once));
        for (frozen, why) in [([60, 700, 700], "too often"), ([60, 2_100, 70], "for ever")] {
            assert!(
                !late_for_the_machine(&report("timeout", 20_100), &dumps(&frozen)),
                "too long for any machine: {why}"
            );
        }
    }

    #[test]
    fn a_pod_that_stays_where_it_is_and_answers_late_excuses_what_timed_out_at_that_moment() {
        let of = |kind: &str, sent: u32, bad: Value| {
            let mut report = report(kind, 20_100);
            report["reference"] = json!({"sent": sent, "bad": [bad]});
            late_for_the_machine(&report, &[])
        };
        let beside = |kind: &str, at: i64, took_us: i64| {
            of(
                kind,
                1_000,
                json!({"atMs": at, "tookUs": took_us, "failure": null}),
            )
        };
        assert!(beside("timeout", 20_250, 110_000));
        assert!(beside("timeout", 19_950, 180_000));
        assert!(!beside("timeout", 19_950, 120_000), "it was over before");
        assert!(!beside("timeout", 20_350, 120_000), "it came later");
        assert!(!beside("connect", 20_250, 110_000));
        let late = |failure: Value| json!({"atMs": 20_250, "tookUs": 200_000, "failure": failure});
        let timeout = || late(json!({"kind": "timeout"}));
        assert!(of("timeout", 1_000, timeout()));
        assert!(!of("timeout", 99, timeout()), "no matter of a moment");
        let refused = late(json!({"kind": "connect"}));
        assert!(!of("timeout", 1_000, refused), "turned away, not late");
    }
}
