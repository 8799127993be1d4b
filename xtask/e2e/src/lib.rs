//! Scenarios of the product on the real cluster, an oracle watching. One file for each promise; `scenarios` lists them all.

mod aftermath;
mod as_printed;
mod aside;
mod backends;
mod brokers;
mod by_image;
mod bystanders;
mod cancel;
mod commands;
mod concurrency;
mod dialled;
mod drains;
mod evictions;
mod failures;
mod faults;
mod first_move;
pub mod harm;
mod hostile;
mod image;
mod in_terminal;
mod inexact;
mod keeping;
mod kills;
mod lanes;
mod leases;
mod live;
mod max_pause;
mod moments;
mod monitoring;
mod namespaces;
mod parts;
mod pauses;
mod plans;
mod plugin;
mod policies;
mod polling;
mod protected;
mod reboots;
mod reference;
mod refusals;
mod rehearsals;
mod removal;
mod reserved;
mod rights;
mod round_trips;
mod run;
mod scenarios;
mod scripts;
mod selection;
mod share;
mod situation;
pub mod tally;
mod turns;
mod waits;
mod watchdog;
mod watched;
mod whole_drains;
mod workloads;

use std::time::Duration;

use anyhow::{Context, Result, ensure};

pub use brokers::broker_faults;
pub use lanes::{One, one};
pub use run::{Prepared, prepare};
pub use scenarios::names;
pub use selection::{Selection, listed, page};
pub use share::Share;
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Product};

/// What every scenario gets.
pub(crate) struct Bench {
    pub(crate) cluster: Cluster,
    pub(crate) product: Product,
}

/// Within 60 s nothing of ours is left.
fn nothing_left(cluster: &Cluster) -> Result<()> {
    let gone = wait_for("everything of ours to go", Duration::from_secs(60), || {
        Ok(stage::leftovers(cluster)?.is_empty().then_some(()))
    });
    if gone.is_err() {
        anyhow::bail!(
            "left behind after 60 s: {}",
            stage::leftovers(cluster)?.join(", ")
        );
    }
    Ok(())
}

/// No message was lost, applied twice or reordered, and every request was answered in time.
fn kept_every_promise(report: &serde_json::Value) -> Result<()> {
    match stage::broken_promise(report) {
        None => Ok(()),
        Some(broken) => anyhow::bail!("{broken}\n{:#}", report["comparison"]),
    }
}

/// No message was lost, applied twice or reordered; requests may have failed, since something was killed.
fn exact_messages(report: &serde_json::Value) -> Result<()> {
    ensure!(
        report["exact"] == true,
        "not exact: {}\n{:#}",
        stage::summary(report),
        report["comparison"]
    );
    Ok(())
}

/// The end of a migration that was created without waiting for it.
fn ended(cluster: &Cluster, pod: &str, limit: Duration) -> Result<serde_json::Value> {
    wait_for("the migration to end", limit, || {
        let Ok(object) = stage::migration(cluster, pod) else {
            return Ok(None);
        };
        let phase = object["status"]["phase"].as_str().unwrap_or("");
        Ok(matches!(phase, "Completed" | "Failed" | "Cancelled").then_some(object))
    })
    .with_context(|| match stage::migration(cluster, pod) {
        Ok(object) => format!("status: {:#}", object["status"]),
        Err(error) => error.to_string(),
    })
}
