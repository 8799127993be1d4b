//! Tells people: conditions on the object and Events beside it.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use kube::Resource;
use shadow_core::api::{MigrationStatus, Phase, StatefulMigration};
use shadow_core::notice::Notice;
use shadow_core::wire::PodRef;

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
            "the pod was not moved; the source goes on".to_owned(),
        ),
    };
    set_condition(status, "Completed", Some(truth), &reason, &message, now);
    set_condition(status, "Progressing", Some(false), &reason, &message, now);
}

fn moved(status: &MigrationStatus) -> String {
    let pod = status.plan.as_ref().map_or("the pod", |plan| &plan.source.name);
    let node = status.legs.last().map_or("its node", |leg| &leg.to.node);
    let pause = status.pause.as_deref().unwrap_or("unknown");
    let exact = status.verdict.as_ref().is_some_and(|verdict| verdict.exact);
    let is = if exact { "runs on" } else { "was moved to" };
    let own = status
        .reconnect
        .as_ref()
        .map(|own| format!(", of which the application took {own} to connect to the broker again"));
    format!(
        "{pod} {is} {node}; longest pause {pause}{}",
        own.unwrap_or_default()
    )
}

/// An Event beside the object.
pub fn announce(ctx: &Context, migration: &StatefulMigration, good: bool, reason: &str, note: &str) {
    ctx.events.tell(migration.object_ref(&()), good, reason, note);
}

/// An Event beside the object, and one beside each pod that it is about.
pub fn tell(ctx: &Context, migration: &StatefulMigration, notice: &Notice) {
    let Notice {
        good,
        reason,
        note,
        pods,
    } = notice;
    announce(ctx, migration, *good, reason, note);
    for pod in pods {
        ctx.events.tell(reference(pod), *good, reason, note);
    }
}

/// This incarnation of the pod, and no other of its name.
fn reference(pod: &PodRef) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        namespace: Some(pod.namespace.clone()),
        name: Some(pod.name.clone()),
        uid: Some(pod.uid.clone()),
        ..ObjectReference::default()
    }
}
