//! Tells people: conditions on the object and Events beside it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use kube::runtime::events::{Event, EventType};
use kube::{Resource, ResourceExt};
use shadow_core::api::{MigrationStatus, Phase, StatefulMigration};

use crate::context::Context;

/// Reason of `Progressing` while something is waited for: another move, or the next step's cause.
pub(crate) const WAITING: &str = "Waiting";

/// Sets a condition; its transition time changes only with its status.
pub fn set_condition(
    status: &mut MigrationStatus,
    kind: &str,
    truth: Option<bool>,
    reason: &str,
    message: &str,
    now: Timestamp,
) {
    let state = match truth {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    };
    let before = status
        .conditions
        .iter()
        .find(|c| c.type_ == kind && c.status == state);
    let since = before.map_or(Time(now), |c| c.last_transition_time.clone());
    let condition = Condition {
        type_: kind.to_owned(),
        status: state.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation: status.observed_generation,
        last_transition_time: since,
    };
    status.conditions.retain(|c| c.type_ != kind);
    status.conditions.push(condition);
}

/// The conditions of an end.
pub fn conclude(status: &mut MigrationStatus, now: Timestamp) {
    let (truth, reason, message) = match (status.phase, &status.rollback) {
        (Phase::Completed, _) => (true, "Completed".to_owned(), moved(status)),
        (_, Some(rollback)) => (false, rollback.reason.to_string(), rollback.message.clone()),
        (_, None) => (
            false,
            "Failed".to_owned(),
            "the move did not take place; the source goes on".to_owned(),
        ),
    };
    set_condition(status, "Completed", Some(truth), &reason, &message, now);
    set_condition(status, "Progressing", Some(false), &reason, &message, now);
}

fn moved(status: &MigrationStatus) -> String {
    let (pod, node) = status
        .plan
        .as_ref()
        .map_or(("the pod", "its node"), |p| (&p.source.name, &p.target_node));
    let pause = status.pause.as_deref().unwrap_or("unknown");
    let exact = status.verdict.as_ref().is_some_and(|verdict| verdict.exact);
    let is = if exact { "runs on" } else { "was moved to" };
    format!("{pod} {is} {node}; longest pause {pause}")
}

/// An Event beside the object. A lost Event loses nothing but the notice, so a failure is logged and passed over.
pub async fn announce(ctx: &Context, migration: &StatefulMigration, good: bool, reason: &str, note: &str) {
    let event = Event {
        type_: if good {
            EventType::Normal
        } else {
            EventType::Warning
        },
        reason: reason.chars().take(120).collect(),
        note: Some(note.chars().take(1000).collect()),
        action: "Migrate".to_owned(),
        secondary: None,
    };
    if let Err(error) = ctx.recorder.publish(&event, &migration.object_ref(&())).await {
        tracing::warn!(migration = migration.name_any(), %error, "event not recorded");
    }
}
