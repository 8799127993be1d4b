//! A plan without a move, for `kubectl shadow plan`.

use kube::ResourceExt;
use shadow_core::api::{
    Candidate, ForecastBasis, HoldKind, MigrationStatus, Outlook, Plan, Rehearsal, StatefulMigration,
};
use shadow_core::forecast::basis;
use shadow_core::names;
use shadow_core::policy::words::joined;

use super::end::end_lines;
use super::max_pause;
use super::premises::premises;
use crate::amount;

/// The lines: what a move would do, or why it would be refused.
pub fn plan(migration: &StatefulMigration) -> Vec<String> {
    let mut lines = end_lines(migration);
    let Some(status) = &migration.status else {
        return lines;
    };
    if let (Some(plan), Some(outlook)) = (&status.plan, &status.outlook) {
        lines.push(String::new());
        lines.extend(told(plan, outlook));
        let rehearsal = outlook.rehearsal.iter();
        lines.extend(rehearsal.flat_map(|one| rehearsed(one, &plan.source_node)));
        lines.push(String::new());
        lines.extend(nodes(plan, &outlook.candidates));
    }
    lines.extend(weighed(status));
    let dump_failed = status.rehearsal().and_then(Rehearsal::dump_failed);
    if let (Some(plan), None) = (&status.plan, dump_failed) {
        let (pod, node) = (&migration.spec.source_pod, &plan.target_node);
        let namespace = migration.namespace().unwrap_or_default();
        lines.push(String::new());
        let limit = migration.spec.max_pause.iter();
        let limit: String = limit.map(|time| format!(" --max-pause {time}")).collect();
        lines.push(format!(
            "to move it, type: kubectl shadow migrate {pod} --to {node}{limit} -n {namespace}"
        ));
    }
    lines
}

fn told(plan: &Plan, outlook: &Outlook) -> Vec<String> {
    let kind = if plan.queue.quorum { "quorum" } else { "classic" };
    let memory = outlook
        .memory_bytes
        .map(|bytes| format!(", {} of memory", amount::bytes(bytes)));
    let exact = match &plan.queue.inexact {
        None => "the move is exact: nothing is lost, doubled or reordered".to_owned(),
        Some(why) => format!("NOT EXACT: {why}"),
    };
    let field = |name: &str, value: &str| format!("{name:<10}  {value}");
    let policies = (!plan.policies.is_empty())
        .then(|| field("Policies", &format!("allowed by {}", joined(&plan.policies))));
    let mut lines = vec![
        field(
            "Pod",
            &format!(
                "{} on {}, container {}{}",
                plan.source.name,
                plan.source_node,
                plan.container,
                memory.unwrap_or_default()
            ),
        ),
        field("Plan", &format!("{:?}: {}", plan.strategy, plan.because)),
        field(
            "Queue",
            &format!("{} ({kind}); {}", plan.queue.queue, held(plan.queue.hold)),
        ),
        field("Messages", &exact),
        field("Silence", &silence(plan)),
        field(
            "Expected",
            &format!(
                "{} in all; the longest pause {}; the process stands still for {}",
                amount::millis(outlook.total_millis),
                amount::millis(outlook.pause_millis),
                amount::millis(outlook.freeze_millis)
            ),
        ),
        field("", &format!("(from {})", basis(outlook))),
    ];
    lines.extend(policies);
    lines.extend(plan.max_pause.iter().flat_map(max_pause::lines));
    lines
}

/// What the dump cost that was thrown away, or why there was none.
fn rehearsed(rehearsal: &Rehearsal, node: &str) -> Vec<String> {
    let line = |name: &str, value: &str| format!("{name:<10}  {value}");
    match (&rehearsal.cost, &rehearsal.failure, &rehearsal.begun) {
        (Some(cost), _, _) => vec![
            line(
                "Rehearsed",
                &format!(
                    "the process stood still for {}, and goes on",
                    amount::millis(cost.frozen_millis)
                ),
            ),
            line(
                "",
                &format!(
                    "(its dump took {} in /run/shadow of {node} and was thrown away; {} in all)",
                    amount::bytes(cost.archive_bytes),
                    amount::millis(cost.total_millis)
                ),
            ),
        ],
        (None, Some(failure), Some(_)) => vec![line(
            "Rehearsed",
            &format!("FAILED ({}): {}", failure.reason, failure.message),
        )],
        (None, Some(failure), None) => vec![line(
            "Rehearsed",
            &format!("NO, nothing was dumped ({}): {}", failure.reason, failure.message),
        )],
        (None, None, _) => vec![line("Rehearsed", "not known")],
    }
}

/// What alerts on the depth of the queue, and scalers, look at while it is held.
fn silence(plan: &Plan) -> String {
    format!(
        "alerts and scalers on its depth by {}{{namespace={:?},queue={:?}}} (docs/monitoring.md)",
        names::HOLD_METRIC,
        plan.source.namespace,
        plan.queue.queue
    )
}

fn held(hold: HoldKind) -> &'static str {
    match hold {
        HoldKind::Park => "the application is asked to wait on another queue",
        HoldKind::SingleActive => "a consumer of ours holds it, which takes no message",
        HoldKind::Exchange => "the application goes on with a copy of the stream",
    }
}

fn basis(outlook: &Outlook) -> String {
    let told = basis::told(outlook.basis, outlook.moves);
    match outlook.basis {
        ForecastBasis::Application | ForecastBasis::Cluster => told,
        ForecastBasis::Measurements => format!("{told}; its own moves count as soon as there are some"),
    }
}

fn nodes(plan: &Plan, candidates: &[Candidate]) -> Vec<String> {
    let width = candidates
        .iter()
        .map(|one| one.node.chars().count())
        .max()
        .unwrap_or(0)
        .max(4);
    let head = format!("{:<width$}  FITS", "NODE");
    let row = |one: &Candidate| {
        let fits = if one.node == plan.target_node {
            "yes, and the pod would go there".to_owned()
        } else if one.against.is_empty() {
            "yes".to_owned()
        } else {
            format!("no: it {}", one.against.join(", "))
        };
        format!("{:<width$}  {fits}", one.node)
    };
    std::iter::once(head).chain(candidates.iter().map(row)).collect()
}

fn weighed(status: &MigrationStatus) -> Vec<String> {
    let premises = premises(status);
    if premises.is_empty() {
        return premises;
    }
    let head = [String::new(), "This rests on:".to_owned()];
    head.into_iter().chain(premises).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_names_the_series_that_silences_alerts_on_its_queue() {
        let plan: Plan = serde_json::from_value(json!({
            "strategy": "ShadowPod", "because": "", "container": "c", "sourceNode": "node-a", "targetNode": "node-b",
            "checkpointBackend": "Runtime", "source": {"namespace": "shop", "name": "orders-0", "uid": "u"},
            "queue": {"queue": "orders.0", "quorum": false}}))
        .unwrap();
        let selector = r#"shadow_hold_active{namespace="shop",queue="orders.0"}"#;
        assert!(silence(&plan).contains(selector), "{}", silence(&plan));
    }
}
