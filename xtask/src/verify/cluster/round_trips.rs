//! Moves back and forth under load, every one exact, with their times.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::moments::Timeline;
use super::{Bench, exact_messages, kept_every_promise, nothing_left};
use crate::stage::{self, Load, Oracle, Sample};

pub(super) const POD: &str = "orders-0";

/// Moves under load.
struct Trip<'a> {
    /// Of the sample.
    arguments: &'a [&'a str],
    /// Messages a second.
    rate: u32,
    moves: u32,
    /// How long the Service is asked after the load has ended, seconds.
    tail: u32,
}

pub(super) fn at_100_a_second(bench: &Bench) -> Result<()> {
    exact(
        bench,
        &Trip {
            arguments: &[],
            rate: 100,
            moves: 10,
            tail: 20,
        },
    )
}

/// 10 ms of work for each message is at most 100 a second.
pub(super) fn beyond_capacity(bench: &Bench) -> Result<()> {
    exact(
        bench,
        &Trip {
            arguments: &["--work", "10ms"],
            rate: 150,
            moves: 4,
            tail: 10,
        },
    )
}

/// Files which the new pod has too, but with its own content.
pub(super) fn with_open_files(bench: &Bench) -> Result<()> {
    let files = [
        "/etc/hostname",
        "/etc/hosts",
        "/etc/resolv.conf",
        "/dev/termination-log",
    ];
    let arguments: Vec<&str> = files.iter().flat_map(|file| ["--keep-open", file]).collect();
    exact(
        bench,
        &Trip {
            arguments: &arguments,
            rate: 100,
            moves: 1,
            tail: 5,
        },
    )
}

fn exact(bench: &Bench, trip: &Trip<'_>) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, trip.arguments)?;
    let bystander = Sample::incarnation(cluster, "orders-1")?;
    let oracle = Oracle::start(
        cluster,
        &bench.product,
        POD,
        Load {
            rate: trip.rate,
            publishers: 3,
            tail: trip.tail,
            size: stage::MESSAGE_BYTES,
        },
    )?;
    oracle.run_for(Duration::from_secs(3));
    let (mut dumps, mut timeline) = (Vec::new(), Timeline::default());
    for n in 1..=trip.moves {
        let target = Sample::other_node(cluster, POD)?;
        let moved = stage::migrate(cluster, &bench.product, POD, target)?;
        ensure!(
            moved.phase() == "Completed" && moved.code == 0,
            "move {n} ended {}: {}",
            moved.phase(),
            moved.why()
        );
        ensure!(
            Sample::node(cluster, POD)? == target,
            "move {n} did not end on {target}"
        );
        Sample::check_own_spec(cluster, POD)?;
        println!(
            "     move {n:>2} to {target}: total {:>5} ms, longest pause {}, pauses {}, frozen {}",
            moved.wall.as_millis(),
            moved.object["status"]["pause"].as_str().unwrap_or("?"),
            pauses(&moved.object),
            frozen(&moved.object),
        );
        dumps.extend(dumps_of(&moved.object)?);
        timeline.add(n, &moved.object)?;
    }
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    if late_for_the_machine(&report, &dumps) {
        println!(
            "     NOT COUNTED: the requests that timed out while a dump took more than {QUIET_FREEZE} ms"
        );
        exact_messages(&report)?;
    } else {
        kept_every_promise(&report).with_context(|| timeline.failed_requests(&report))?;
    }
    ensure!(
        Sample::incarnation(cluster, "orders-1")? == bystander,
        "orders-1 was restarted or replaced"
    );
    nothing_left(cluster)
}

/// A small process on a quiet machine stands still for less, ms.
const QUIET_FREEZE: i64 = 150;
/// No machine is always as slow as that, ms.
const LONG_FREEZE: i64 = 500;
/// Nor ever as slow as that: one dump of ten on a cluster that had just started took 582 ms.
const LONGEST_FREEZE: i64 = 2_000;
/// A request that waits as long has failed, ms.
const PROBE_TIMEOUT: i64 = 200;

/// The step Checkpoint of one handoff, ms since 1970, and how long the process stood still.
struct Dump {
    began: i64,
    ended: i64,
    frozen_ms: i64,
}

/// Whether every failed request timed out in a dump for which the machine was slow. A request that failed at any other
/// time, or otherwise, is never excused, nor is a dump that took longer than a slow machine explains.
fn late_for_the_machine(report: &serde_json::Value, dumps: &[Dump]) -> bool {
    let long: Vec<&Dump> = dumps
        .iter()
        .filter(|dump| dump.frozen_ms > QUIET_FREEZE)
        .collect();
    let excused = |answer: &serde_json::Value| {
        let during = |at: i64| {
            long.iter()
                .any(|dump| (dump.began - PROBE_TIMEOUT..=dump.ended).contains(&at))
        };
        answer["failure"]["kind"] == "timeout" && answer["atMs"].as_i64().is_some_and(during)
    };
    let bad = report["probes"]["bad"].as_array();
    let mut failed = bad
        .into_iter()
        .flatten()
        .filter(|answer| !answer["failure"].is_null());
    let longer_than = |limit| dumps.iter().filter(|dump| dump.frozen_ms >= limit).count();
    let explained = longer_than(LONG_FREEZE) <= 1 && longer_than(LONGEST_FREEZE) == 0;
    report["probes"]["failed"] != 0 && explained && failed.all(excused)
}

fn dumps_of(object: &serde_json::Value) -> Result<Vec<Dump>> {
    let steps = object["status"]["steps"].as_array().cloned().unwrap_or_default();
    let legs = object["status"]["legs"].as_array().cloned().unwrap_or_default();
    let at = |time: &serde_json::Value| -> Result<i64> {
        let time: jiff::Timestamp = time.as_str().context("a dump has no time")?.parse()?;
        Ok(time.as_millisecond())
    };
    let dump = |leg: &serde_json::Value| {
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

fn pauses(object: &serde_json::Value) -> String {
    list(object, |leg| stage::span(&leg["parkSent"], &leg["released"]))
}

pub(super) fn frozen(object: &serde_json::Value) -> String {
    list(object, freeze)
}

fn freeze(leg: &serde_json::Value) -> Option<i64> {
    leg["checkpoint"]["frozenMicros"]
        .as_i64()
        .map(|micros| micros / 1000)
}

fn list(object: &serde_json::Value, of: impl Fn(&serde_json::Value) -> Option<i64>) -> String {
    let legs = object["status"]["legs"].as_array().cloned().unwrap_or_default();
    let all: Vec<String> = legs
        .iter()
        .map(|leg| of(leg).map_or_else(|| "?".to_owned(), |ms| format!("{ms} ms")))
        .collect();
    all.join(" + ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One slow answer, one failed one.
    fn report(kind: &str, at: i64) -> serde_json::Value {
        serde_json::json!({"probes": {"failed": 1, "bad": [
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
}
