//! Tells people: conditions on the object and Events beside it.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use kube::Resource;
use shadow_core::api::{MigrationStatus, Phase, Rehearsal, StatefulMigration};
use shadow_core::notice::Notice;
use shadow_core::wire::PodRef;

use crate::context::Context;

/// Is under way; `False` at the end.
pub(crate) const PROGRESSING: &str = "Progressing";
/// At the end: the pod was moved. `False`: it was not.
pub(crate) const COMPLETED: &str = "Completed";
/// At the end, the opposite of [`COMPLETED`], by the name that the reference system gives it.
pub(crate) const FAILED: &str = "Failed";
/// Nothing safe can be decided without a person.
pub(crate) const STUCK: &str = "Stuck";
/// At the end of a plan without a move: it was made.
pub(crate) const PLANNED: &str = "Planned";

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

/// The conditions of a beginning. `Completed` and `Failed` stay away until the end, so that whoever waits for one of them to be
/// `False` waits for the end.
pub fn begin(status: &mut MigrationStatus, plan: &str, now: Timestamp) {
    set_condition(status, PROGRESSING, Some(true), "Planned", plan, now);
    set_condition(
        status,
        STUCK,
        Some(false),
        "Planned",
        "no person has to decide anything",
        now,
    );
}

/// The conditions of an end; all of them, and the sentence that says how it ended.
pub fn conclude(status: &mut MigrationStatus, now: Timestamp) -> String {
    let (truth, reason, message) = match (status.phase, &status.rollback) {
        (Phase::Completed, _) => (true, "Completed".to_owned(), moved(status)),
        (Phase::Planned, _) => (false, "Planned".to_owned(), planned(status)),
        (_, Some(rollback)) => (
            false,
            rollback.reason.to_string(),
            format!("{}. Why: {}", stays(status), rollback.message),
        ),
        (_, None) => (
            false,
            "Failed".to_owned(),
            "the pod was not moved; the source goes on".to_owned(),
        ),
    };
    set_condition(status, COMPLETED, Some(truth), &reason, &message, now);
    let is_planned = status.phase == Phase::Planned;
    if is_planned {
        set_condition(status, PLANNED, Some(true), &reason, &message, now);
    }
    set_condition(
        status,
        FAILED,
        Some(!truth && !is_planned),
        &reason,
        &message,
        now,
    );
    set_condition(status, STUCK, Some(false), &reason, "it has ended", now);
    set_condition(status, PROGRESSING, Some(false), &reason, &message, now);
    message
}

/// What became of a pod that was not moved: the first question of the reader of an Event.
fn stays(status: &MigrationStatus) -> String {
    let Some(plan) = &status.plan else {
        return "The pod was not moved; nothing was touched".to_owned();
    };
    let pod = &plan.source.name;
    if status.verdict.as_ref().is_some_and(|verdict| verdict.exact) {
        format!("{pod} was not moved and still runs on {}", plan.source_node)
    } else {
        format!("{pod} was not moved")
    }
}

fn planned(status: &MigrationStatus) -> String {
    let Some(plan) = &status.plan else {
        return "the plan is made; nothing was moved".to_owned();
    };
    let (pod, node) = (&plan.source.name, &plan.target_node);
    let failed = status.rehearsal().and_then(Rehearsal::dump_failed);
    match failed {
        Some(failed) => format!(
            "{pod} fits on {node}, but the dump of its process failed in the rehearsal: {}",
            failed.message
        ),
        None => format!(
            "{pod} can be moved to {node}, and nothing was moved: {}",
            plan.because
        ),
    }
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

#[cfg(test)]
mod tests {
    use shadow_core::api::Rollback;
    use shadow_core::reason::Reason;

    use super::*;

    /// What `kubectl wait --for=condition=NAME` and `=NAME=false` look at.
    fn told(status: &MigrationStatus) -> Vec<(&str, &str, &str)> {
        let mut told: Vec<_> = status
            .conditions
            .iter()
            .map(|c| (c.type_.as_str(), c.status.as_str(), c.reason.as_str()))
            .collect();
        told.sort_unstable();
        told
    }

    fn concluded(phase: Phase, reason: Option<Reason>) -> MigrationStatus {
        let now = Timestamp::UNIX_EPOCH;
        let mut status = MigrationStatus {
            phase,
            rollback: reason.map(|reason| Rollback {
                reason,
                message: "why".to_owned(),
                again: false,
                since: k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime(now),
            }),
            ..MigrationStatus::default()
        };
        conclude(&mut status, now);
        status
    }

    #[test]
    fn every_condition_is_set_at_the_end_and_failed_is_the_opposite_of_completed() {
        let moved = concluded(Phase::Completed, None);
        let yes = [
            ("Completed", "True", "Completed"),
            ("Failed", "False", "Completed"),
            ("Progressing", "False", "Completed"),
            ("Stuck", "False", "Completed"),
        ];
        assert_eq!(told(&moved), yes);
        for (phase, reason) in [
            (Phase::Failed, Reason::Refused),
            (Phase::Failed, Reason::RestoreFailed),
            (Phase::Cancelled, Reason::Cancelled),
        ] {
            let name = reason.to_string();
            let undone = concluded(phase, Some(reason));
            let no = [
                ("Completed", "False", name.as_str()),
                ("Failed", "True", name.as_str()),
                ("Progressing", "False", name.as_str()),
                ("Stuck", "False", name.as_str()),
            ];
            assert_eq!(told(&undone), no);
            let failed = undone.conditions.iter().find(|c| c.type_ == FAILED).unwrap();
            let said = "The pod was not moved; nothing was touched. Why: why";
            assert_eq!(failed.message, said);
        }
    }

    #[test]
    fn who_waits_for_completed_to_be_false_waits_for_the_end() {
        let mut status = MigrationStatus::default();
        begin(&mut status, "the plan", Timestamp::UNIX_EPOCH);
        let under_way = [("Progressing", "True", "Planned"), ("Stuck", "False", "Planned")];
        assert_eq!(told(&status), under_way);
    }
}
