//! Moves, ordered through the plugin as a user would.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{Product, get};
use crate::cluster::Cluster;

/// A move and what became of it.
pub struct Move {
    /// The StatefulMigration at its end.
    pub object: Value,
    /// From the command to its return.
    pub wall: Duration,
    /// Exit code of the plugin.
    pub code: i32,
    /// What the plugin said.
    pub said: String,
}

impl Move {
    /// Phase at the end.
    pub fn phase(&self) -> &str {
        self.object["status"]["phase"].as_str().unwrap_or("unknown")
    }

    /// Why it was undone, and what the plugin said, for a failed test.
    pub fn why(&self) -> String {
        let rollback = &self.object["status"]["rollback"];
        format!("{}: {}\n{}", rollback["reason"], rollback["message"], self.said)
    }
}

/// The command that moves a pod and follows it.
pub fn migrate_command(cluster: &Cluster, product: &Product, pod: &str, node: &str) -> Result<Command> {
    let mut plugin = product.plugin(cluster)?;
    plugin.args(["migrate", pod, "--to", node]);
    Ok(plugin)
}

/// Moves a pod and waits for the end, whatever it is.
pub fn migrate(cluster: &Cluster, product: &Product, pod: &str, node: &str) -> Result<Move> {
    migrate_with(cluster, product, pod, node, &[])
}

/// The same, with more arguments for the plugin.
pub fn migrate_with(
    cluster: &Cluster,
    product: &Product,
    pod: &str,
    node: &str,
    arguments: &[&str],
) -> Result<Move> {
    let started = Instant::now();
    let output = migrate_command(cluster, product, pod, node)?
        .args(arguments)
        .output()
        .context("run kubectl-shadow")?;
    let wall = started.elapsed();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let object = migration(cluster, pod).unwrap_or(Value::Null);
    Ok(Move {
        object,
        wall,
        code: output.status.code().unwrap_or(-1),
        said,
    })
}

/// What `kubectl shadow cancel` answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It is undone, unless it commits at this moment.
    Accepted,
    /// It was committed before: it goes on.
    TooLate,
}

/// Calls the move of a pod off.
///
/// # Errors
/// When the plugin says anything else.
pub fn cancel(cluster: &Cluster, product: &Product, pod: &str) -> Result<Cancelled> {
    let output = product
        .plugin(cluster)?
        .args(["cancel", pod, "--wait=false"])
        .output()
        .context("run kubectl-shadow")?;
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => Ok(Cancelled::Accepted),
        Some(1) if said.contains("cannot be undone any more") => Ok(Cancelled::TooLate),
        code => bail!("cancel {pod} ended with {code:?}: {said}"),
    }
}

/// The latest migration of a pod.
pub fn migration(cluster: &Cluster, pod: &str) -> Result<Value> {
    let all = get(cluster, &["statefulmigrations"])?;
    let mut ours: Vec<Value> = all["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|m| m["spec"]["sourcePod"] == pod)
        .cloned()
        .collect();
    ours.sort_by_key(|m| m["status"]["startTime"].as_str().unwrap_or("9").to_owned());
    ours.pop().with_context(|| format!("no migration of {pod}"))
}

/// Milliseconds between two time stamps of the API.
pub fn span(from: &Value, to: &Value) -> Option<i64> {
    let at = |v: &Value| v.as_str()?.parse::<jiff::Timestamp>().ok();
    Some(at(to)?.duration_since(at(from)?).as_millis() as i64)
}
