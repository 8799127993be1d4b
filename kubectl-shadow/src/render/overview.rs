//! Everything that is known of a migration, for `kubectl shadow status`.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use shadow_core::api::{MigrationStatus, Plan, StatefulMigration, StepRecord};

use super::end::{end_lines, pause};
use super::life::present;
use super::max_pause;
use super::premises::premises;
use super::time::between;

/// The lines, as they are now.
pub fn overview(migration: &StatefulMigration, now: Timestamp) -> Vec<String> {
    let spec = &migration.spec;
    let namespace = migration.namespace().unwrap_or_default();
    let mut lines = vec![
        field("Migration", &format!("{namespace}/{}", migration.name_any())),
        field("Pod", &spec.source_pod),
    ];
    let by = spec.requested_by.as_deref().filter(|by| !by.is_empty());
    lines.extend(by.map(|by| field("Ordered by", by)));
    let Some(status) = migration.status.as_ref() else {
        lines.push(field("To", to(migration)));
        lines.push(field(
            "Phase",
            &format!("Pending, {}", present(Some(migration), now)),
        ));
        return lines;
    };
    lines.push(field(
        "From",
        status.source_node.as_deref().unwrap_or("not known yet"),
    ));
    lines.push(field("To", to(migration)));
    lines.extend(status.plan.iter().flat_map(plan));
    let limit = status.plan.as_ref().and_then(|plan| plan.max_pause.as_ref());
    lines.extend(limit.into_iter().flat_map(max_pause::lines));
    lines.push(field("Phase", &phase(migration, status, now)));
    lines.extend(pause(status).map(|pause| field("Pause", &pause)));
    if !status.steps.is_empty() {
        lines.push(String::new());
        lines.push(row("BEGAN", "STEP", "HANDOFF", "TOOK", "NOTE"));
        lines.extend(status.steps.iter().map(|record| step(status, record)));
    }
    if !status.conditions.is_empty() {
        lines.push(String::new());
        lines.extend(status.conditions.iter().filter(|c| says_something(c)).map(|c| {
            let text = format!("{:<10}  {:<7}  {}: {}", c.type_, c.status, c.reason, c.message);
            text.trim_end().to_owned()
        }));
    }
    let premises = premises(status);
    if !premises.is_empty() {
        lines.push(String::new());
        lines.extend(premises);
    }
    let end = end_lines(migration);
    if !end.is_empty() {
        lines.push(String::new());
        lines.extend(end);
    }
    lines
}

/// Where it goes; who left the node out learns it from the plan.
fn to(migration: &StatefulMigration) -> &str {
    let plan = migration.status.as_ref().and_then(|status| status.plan.as_ref());
    let planned = plan.map(|plan| plan.target_node.as_str());
    let wanted = migration
        .spec
        .target_node
        .as_deref()
        .filter(|node| !node.is_empty());
    planned.or(wanted).unwrap_or("not known yet")
}

fn field(name: &str, value: &str) -> String {
    format!("{name:<10}  {value}")
}

fn plan(plan: &Plan) -> Vec<String> {
    let kind = if plan.queue.quorum { "quorum" } else { "classic" };
    vec![
        field("Container", &plan.container),
        field("Queue", &format!("{} ({kind})", plan.queue.queue)),
        field("Plan", &format!("{:?}: {}", plan.strategy, plan.because)),
    ]
}

/// `Failed` is `Completed` the other way round, and most moves are never stuck.
fn says_something(condition: &Condition) -> bool {
    let is_stuck = condition.type_ != "Stuck" || condition.status == "True";
    condition.type_ != "Failed" && is_stuck
}

fn phase(migration: &StatefulMigration, status: &MigrationStatus, now: Timestamp) -> String {
    if status.phase.is_terminal() {
        format!("{:?}", status.phase)
    } else {
        format!("{:?}, {}", status.phase, present(Some(migration), now))
    }
}

fn step(status: &MigrationStatus, record: &StepRecord) -> String {
    let start = status.start_time.as_ref().unwrap_or(&record.started);
    let handoff = if record.leg == 0 {
        String::new()
    } else {
        record.leg.to_string()
    };
    let took = match &record.finished {
        Some(finished) => between(&record.started, finished),
        None => "going on".to_owned(),
    };
    row(
        &between(start, &record.started),
        &record.step.to_string(),
        &handoff,
        &took,
        record.note.as_deref().unwrap_or_default(),
    )
}

fn row(began: &str, step: &str, handoff: &str, took: &str, note: &str) -> String {
    format!("{began:>9}  {step:<10}  {handoff:<7}  {took:>8}  {note}")
        .trim_end()
        .to_owned()
}
