//! What is not known to be exact is refused, unless the owner of the namespace allows it; then it is reported as such, and
//! no message is lost.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Bench, nothing_left};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Load, Oracle, Sample};

const LOAD: Load = Load::of(100);
const WARM_UP: Duration = Duration::from_secs(3);
const SOON: Duration = Duration::from_secs(30);
pub(super) const POLICY: &str = "replays-are-fine";

/// A quorum queue puts what an application returns behind newer messages, and this one returns what it had prefetched.
pub(super) fn with_a_policy(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    without_queues(cluster)?;
    Sample::deploy(cluster, &["--queue-type", "quorum", "--prefetch", "50"])?;
    let target = Sample::other_node(cluster, "orders-0")?;
    let migrate = || stage::migrate_with(cluster, &bench.product, "orders-0", target, &[]);

    refused(&migrate()?, &["InexactHandoff", "prefetch 50", "MigrationPolicy"])?;
    let limited =
        json!({"pattern": "^orders\\.", "apply-to": "queues", "definition": {"max-length": 100_000}});
    let broker_policy = format!("policies/{}/limited", cluster.tenant().virtual_host());
    stage::broker_call(cluster, "PUT", &broker_policy, &limited)?;
    wait_for("the broker's policy to apply", SOON, || {
        let queue = stage::broker_api(cluster, "GET", &stage::queue_path(cluster, "orders.orders-0"))?;
        let queue: Value = serde_json::from_str(&queue).context("the broker printed no JSON")?;
        Ok((queue["effective_policy_definition"]["max-length"] == 100_000).then_some(()))
    })?;
    let overflows = refused(
        &migrate()?,
        &["InexactHandoff", "max-length 100000", "prefetch 50"],
    );
    stage::broker_api(cluster, "DELETE", &broker_policy)?;
    overflows?;
    policy(cluster, "billing", "Allow")?;
    refused(&migrate()?, &["InexactHandoff"])?;
    policy(cluster, "orders", "Refuse")?;
    refused(&migrate()?, &["InexactHandoff", POLICY])?;

    policy(cluster, "orders", "Allow")?;
    let oracle = Oracle::start(cluster, &bench.product, "orders-0", LOAD)?;
    oracle.run_for(WARM_UP);
    let moved = migrate()?;
    ensure!(moved.phase() == "Completed", "it ended {}", moved.why());
    let verdict = &moved.object["status"]["verdict"];
    let because = verdict["because"].as_str().unwrap_or_default();
    ensure!(
        verdict["exact"] == false && because.contains(POLICY) && moved.said.contains(because),
        "the verdict is {verdict}, and the plugin said {}",
        moved.said
    );
    println!("     {because}");
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    ensure!(
        report["comparison"]["missing"] == 0,
        "messages were lost: {:#}",
        report["comparison"]
    );
    nothing_left(cluster)?;
    stage::delete(cluster, "migrationpolicy", POLICY)?;
    without_queues(cluster)
}

fn refused(moved: &stage::Move, says: &[&str]) -> Result<()> {
    let rollback: &Value = &moved.object["status"]["rollback"];
    let said = format!("{} {}", rollback["reason"], rollback["message"]);
    ensure!(moved.phase() == "Failed", "it ended {}: {said}", moved.phase());
    for word in says {
        ensure!(said.contains(word), "the answer does not name {word:?}: {said}");
    }
    Ok(())
}

pub(super) fn policy(cluster: &Cluster, app: &str, inexact: &str) -> Result<()> {
    let policy = json!({
        "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "MigrationPolicy",
        "metadata": {"name": POLICY},
        "spec": {"podSelector": {"matchLabels": {"app": app}}, "inexactHandoff": inexact},
    });
    stage::apply(cluster, &policy.to_string())
}

/// The sample declares its queue anew, of whichever type it is told.
pub(super) fn without_queues(cluster: &Cluster) -> Result<()> {
    Sample::remove(cluster)?;
    for queue in stage::broker_queues(cluster)? {
        if ["orders.orders-0", "orders.orders-1"].contains(&queue.as_str()) {
            stage::broker_api(cluster, "DELETE", &stage::queue_path(cluster, &queue))?;
        }
    }
    Ok(())
}
