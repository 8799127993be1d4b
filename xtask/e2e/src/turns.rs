//! Turns go round between namespaces: who orders a few moves does not wait for all those of one who ordered many before.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::lanes::{ended, prepared};
use super::parts::{Away, Part};
use super::{Bench, nothing_left};
use xtask_lab::cluster::{Cluster, Tenant, wait_for};
use xtask_lab::stage::{self, Sample, get};

/// Namespace with many moves; where no namespace has had a turn yet, it comes first by its name.
const MANY: (&str, u32) = ("crowd", 6);
/// Namespace with few.
const FEW: (&str, u32) = ("pair", 2);
/// What a user writes about who ordered the move.
const FORGED: &str = "somebody-else";
const LIMIT: Duration = Duration::from_secs(150);

/// All are ordered, the many first, while the controller is away.
pub(super) fn go_round(bench: &Bench) -> Result<()> {
    let tenants = [MANY, FEW].map(|(name, _)| name.to_owned());
    let result = prepared(bench, &tenants).and_then(|_programs| moved(bench));
    let removed = ended(&bench.cluster, &tenants).context("remove the two namespaces");
    result?;
    removed?;
    nothing_left(&bench.cluster)
}

fn moved(bench: &Bench) -> Result<()> {
    let both = [MANY, FEW].map(|(name, moves)| (bench.cluster.of(Tenant::Named(name.to_owned())), moves));
    for (cluster, moves) in &both {
        Sample::deploy_replicas(cluster, *moves)?;
    }
    let away = Away::taken(&bench.cluster, Part::Controller)?;
    for (cluster, moves) in &both {
        for number in 0..*moves {
            order(cluster, &format!("orders-{number}"))?;
        }
    }
    away.brought_back()?;
    let mut begun = Vec::new();
    for (cluster, moves) in &both {
        let all = completed(cluster, *moves)?;
        begun.extend(all.iter().map(begin).collect::<Result<Vec<_>>>()?);
    }
    begun.sort();
    let order: Vec<&str> = begun.iter().map(|(_, namespace)| namespace.as_str()).collect();
    println!("     begun: {}", order.join(", "));
    let last = order.iter().rposition(|namespace| *namespace == FEW.0);
    // By turns it is the fourth at the latest; one turn may lapse on a slow machine.
    ensure!(
        last.is_some_and(|last| last <= 4),
        "the last move of {} was number {last:?}, counted from 0: {order:?}",
        FEW.0
    );
    Ok(())
}

fn order(cluster: &Cluster, pod: &str) -> Result<()> {
    let target = Sample::other_node(cluster, pod)?;
    let migration = json!({
        "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration", "metadata": {"name": pod},
        "spec": {"sourcePod": pod, "targetNode": target, "requestedBy": FORGED},
    });
    stage::apply(cluster, &migration.to_string())
}

/// All migrations of a namespace, once each has moved its pod.
fn completed(cluster: &Cluster, moves: u32) -> Result<Vec<Value>> {
    wait_for("all of them to end", LIMIT, || {
        let all = get(cluster, &["statefulmigrations"])?;
        let all = all["items"].as_array().cloned().unwrap_or_default();
        for one in &all {
            let phase = one["status"]["phase"].as_str().unwrap_or_default();
            ensure!(
                !matches!(phase, "Failed" | "Cancelled"),
                "one was not moved: {}",
                one["status"]
            );
        }
        let over = all.iter().all(|one| one["status"]["phase"] == "Completed");
        Ok((over && all.len() == usize::try_from(moves)?).then_some(all))
    })
}

/// When it began, and in which namespace; it names who ordered it.
fn begin(migration: &Value) -> Result<(jiff::Timestamp, String)> {
    let by = migration["spec"]["requestedBy"].as_str().unwrap_or_default();
    ensure!(!by.is_empty() && by != FORGED, "it says that {by:?} ordered it");
    let steps = migration["status"]["steps"].as_array();
    let stage = steps.and_then(|steps| steps.iter().find(|step| step["step"] == "Stage"));
    let begun = stage.and_then(|step| step["started"].as_str());
    let namespace = migration["metadata"]["namespace"].as_str();
    let (begun, namespace) = begun.zip(namespace).context("it does not say when it began")?;
    Ok((begun.parse().context("when it began")?, namespace.to_owned()))
}
