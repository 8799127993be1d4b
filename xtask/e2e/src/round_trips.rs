//! Moves back and forth under load, every one exact, with their times.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::moments::Timeline;
use super::{Bench, kept_every_promise, nothing_left};
use xtask_lab::stage::{self, Load, Oracle, Sample};

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

pub(super) fn four_at_100_a_second(bench: &Bench) -> Result<()> {
    exact(
        bench,
        &Trip {
            arguments: &[],
            rate: 100,
            moves: 4,
            tail: 3,
        },
    )
}

pub(super) fn at_100_a_second(bench: &Bench) -> Result<()> {
    exact(
        bench,
        &Trip {
            arguments: &[],
            rate: 100,
            moves: 10,
            tail: 3,
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
            moves: 2,
            tail: 3,
        },
    )
}

/// Keeps files open which the new pod has too, but with its own content. Every look-up of a name reads one of them, so a
/// dump may meet them open.
pub(super) const POD_FILES_OPEN: [&str; 8] = [
    "--keep-open",
    "/etc/hostname",
    "--keep-open",
    "/etc/hosts",
    "--keep-open",
    "/etc/resolv.conf",
    "--keep-open",
    "/dev/termination-log",
];

/// Each of them is another file in the new pod. What the container wrote to its own file system comes along.
pub(super) fn with_open_files(bench: &Bench) -> Result<()> {
    let arguments: Vec<&str> = POD_FILES_OPEN
        .into_iter()
        .chain(["--journal", "/journal"])
        .collect();
    exact(
        bench,
        &Trip {
            arguments: &arguments,
            rate: 100,
            moves: 1,
            tail: 3,
        },
    )?;
    let cluster = &bench.cluster;
    let pid = stage::container_pid(cluster, cluster.namespace(), POD, "orders")?;
    let path = format!("/proc/{pid}/root/journal");
    let journal = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    ensure!(
        journal == "started\n",
        "the process did not start once and go on; its journal says {journal:?}"
    );
    Ok(())
}

fn exact(bench: &Bench, trip: &Trip<'_>) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, trip.arguments)?;
    let bystander = Sample::incarnation(cluster, "orders-1")?;
    let load = Load {
        tail: trip.tail,
        ..Load::of(trip.rate)
    };
    let oracle = Oracle::start(cluster, &bench.product, POD, load)?;
    oracle.run_for(Duration::from_secs(3));
    let mut timeline = Timeline::default();
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
        timeline.add(n, &moved.object)?;
    }
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    kept_every_promise(&report).with_context(|| timeline.failed_requests(&report))?;
    ensure!(
        Sample::incarnation(cluster, "orders-1")? == bystander,
        "orders-1 was restarted or replaced"
    );
    nothing_left(cluster)
}

fn pauses(object: &Value) -> String {
    list(object, |leg| stage::span(&leg["parkSent"], &leg["released"]))
}

/// How long the process stood still in each handoff.
pub(super) fn frozen(object: &Value) -> String {
    list(object, |leg| {
        let micros = leg["checkpoint"]["frozenMicros"].as_i64();
        micros.map(|micros| micros / 1000)
    })
}

fn list(object: &Value, of: impl Fn(&Value) -> Option<i64>) -> String {
    let legs = object["status"]["legs"].as_array().cloned().unwrap_or_default();
    let all: Vec<String> = legs
        .iter()
        .map(|leg| of(leg).map_or_else(|| "?".to_owned(), |ms| format!("{ms} ms")))
        .collect();
    all.join(" + ")
}
