//! An application that looks for control messages only when it is idle, once a second, has 50 messages in hand and sleeps
//! 3 s between two connections. Under load it is never idle: new messages are kept away from it for a while.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::workloads::moved;
use super::{Bench, exact_messages, nothing_left};
use crate::cluster::wait_for;
use crate::stage::{self, Load, Oracle, Single};

/// Messages a second; it serves about 90.
const RATES: [u32; 3] = [10, 80, 120];
/// At this rate it is never idle.
const NEVER_IDLE: u32 = 120;
const WARM_UP: Duration = Duration::from_secs(3);
const LISTED: Duration = Duration::from_secs(30);

/// It sleeps 3 s before it connects again, should its first attempt have failed.
fn connected(bench: &Bench) -> Result<()> {
    wait_for("the broker to list the application", LISTED, || {
        let Ok(queue) = stage::broker_api(&bench.cluster, "GET", "queues/%2F/orders.polling-0") else {
            return Ok(None);
        };
        let queue: Value = serde_json::from_str(&queue).context("the broker printed no JSON")?;
        Ok((queue["consumers"] == 1).then_some(()))
    })
}

/// Moves exactly at every rate, and leaves nothing behind.
pub(super) fn at_every_rate(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let single = Single::Polling;
    for rate in RATES {
        single.deploy(cluster)?;
        let load = Load {
            rate,
            publishers: 3,
            tail: 3,
            size: stage::MESSAGE_BYTES,
        };
        let oracle = Oracle::start(cluster, &bench.product, single.stream(), load)?;
        oracle.run_for(WARM_UP);
        connected(bench)?;
        let moved = moved(bench, &single.pod(cluster)?, &[])?;
        let status = &moved.object["status"];
        let fenced = !status["fence"].is_null();
        println!("     at {rate}/s, helped by a fence: {fenced}");
        ensure!(
            fenced || rate < NEVER_IDLE,
            "it parked without help at a rate at which it is never idle"
        );
        ensure!(
            status["verdict"]["exact"] == true,
            "the verdict is {}",
            status["verdict"]
        );
        let report = oracle.finish()?;
        println!("     {}", stage::summary(&report));
        exact_messages(&report)?;
        nothing_left(cluster)?;
    }
    single.remove(cluster)
}
