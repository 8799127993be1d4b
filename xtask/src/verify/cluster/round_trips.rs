//! Moves back and forth under load, every one exact, with their times.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::moments::Timeline;
use super::slow_machine::{QUIET_FREEZE, dumps_of, freeze, late_for_the_machine};
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
            tail: 10,
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
            tail: 3,
        },
    )
}

fn exact(bench: &Bench, trip: &Trip<'_>) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, trip.arguments)?;
    let bystander = Sample::incarnation(cluster, "orders-1")?;
    let oracle = Oracle::start_beside(
        cluster,
        &bench.product,
        POD,
        Some("orders-1"),
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
            "     NOT COUNTED: requests that timed out while the machine was slow: in a dump of more than {QUIET_FREEZE} ms, or \
             together with those to a pod that stays where it is"
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

fn pauses(object: &serde_json::Value) -> String {
    list(object, |leg| stage::span(&leg["parkSent"], &leg["released"]))
}

pub(super) fn frozen(object: &serde_json::Value) -> String {
    list(object, freeze)
}

fn list(object: &serde_json::Value, of: impl Fn(&serde_json::Value) -> Option<i64>) -> String {
    let legs = object["status"]["legs"].as_array().cloned().unwrap_or_default();
    let all: Vec<String> = legs
        .iter()
        .map(|leg| of(leg).map_or_else(|| "?".to_owned(), |ms| format!("{ms} ms")))
        .collect();
    all.join(" + ")
}
