//! The dump of a plan that is rehearsed (`spec.rehearse`): once for real, and thrown away.
//!
//! Guarantees: the stream is not held, and the application is told nothing. The dump is ordered at most once, whatever becomes of this
//! process: the order is on record before it is given, and who finds it there asks for its outcome only. Whatever comes of it, the
//! plan is made. Nothing of the dump is left when the plan has ended; the node sees to that itself within 30 s.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use shadow_core::api::{MigrationStatus, Outlook, Plan, Rehearsal, RehearsalFailure, StatefulMigration};
use shadow_core::machine::record;
use shadow_core::names::Key;
use shadow_core::rehearsal::{self, Circumstances, Refusal};
use shadow_core::wire::{RehearseRequest, Rehearsed};

use super::malformed;
use crate::context::Context;
use crate::error::ControllerError;
use crate::prepare::Draft;
use crate::{fitness, store};

/// Puts into the outlook of the draft what the dump cost, or why there is none; returns the object as it was written last.
pub(super) async fn rehearse(
    ctx: &Context,
    migration: &StatefulMigration,
    mut status: MigrationStatus,
    draft: &mut Draft,
) -> Result<StatefulMigration, ControllerError> {
    let Some(outlook) = draft.outlook.as_mut() else {
        return Err(ControllerError::Blind(
            "a plan without an outlook cannot be rehearsed".to_owned(),
        ));
    };
    let key = rehearsal::key(&migration.uid().unwrap_or_default()).map_err(malformed)?;
    if let Some(before) = ordered(&status) {
        let outcome = outcome_of_before(ctx, &draft.plan, &key).await?;
        outlook.rehearsal = Some(told(before, outcome));
        forget(ctx, &draft.plan, &key).await;
        return Ok(migration.clone());
    }
    if let Err(refusal) = judged(ctx, &draft.plan, outlook, draft.layer).await? {
        tracing::info!(migration = migration.name_any(), reason = %refusal.reason, message = refusal.message, "not rehearsed");
        outlook.rehearsal = Some(Rehearsal {
            failure: Some(refusal),
            ..Rehearsal::default()
        });
        let mut unchanged = migration.clone();
        unchanged.status = Some(status);
        return Ok(unchanged);
    }
    let begun = MicroTime(Timestamp::now());
    outlook.rehearsal = Some(Rehearsal {
        begun: Some(begun.clone()),
        ..Rehearsal::default()
    });
    record::rehearses(&mut status, outlook.clone());
    let written = store::write(ctx, migration, status).await?;
    let outcome = once(ctx, &draft.plan, &key).await?;
    outlook.rehearsal = Some(told(begun, outcome));
    forget(ctx, &draft.plan, &key).await;
    Ok(written)
}

/// When an earlier process ordered the dump.
fn ordered(status: &MigrationStatus) -> Option<MicroTime> {
    let rehearsal = status.outlook.as_ref()?.rehearsal.as_ref()?;
    rehearsal.begun.clone()
}

fn told(begun: MicroTime, outcome: Result<Rehearsed, RehearsalFailure>) -> Rehearsal {
    let (cost, failure) = match outcome {
        Ok(made) => (Some(made.into()), None),
        Err(failure) => (None, Some(failure)),
    };
    Rehearsal {
        begun: Some(begun),
        cost,
        failure,
    }
}

/// Whether the process may be dumped, as it is now.
async fn judged(
    ctx: &Context,
    plan: &Plan,
    outlook: &Outlook,
    layer: Option<u64>,
) -> Result<Result<(), RehearsalFailure>, ControllerError> {
    let room = match fitness::room(ctx, &plan.source_node).await {
        Ok(room) => room,
        Err(error) => return answered(error).map(Err),
    };
    // Asked last: what begins after this comes to its own dump later, and waits for the rest of this one if need be.
    let all: Api<StatefulMigration> = Api::namespaced(ctx.client.clone(), &plan.source.namespace);
    let all = all.list(&ListParams::default()).await?.items;
    let moved_by = rehearsal::moved_by(&plan.source, &all);
    let now = Circumstances {
        pod: &plan.source.name,
        node: &plan.source_node,
        moved_by: moved_by.as_deref(),
        memory: outlook.memory_bytes,
        layer,
        room,
        freeze_millis: rehearsal::freeze_millis(outlook),
    };
    Ok(rehearsal::judge(&now).map_err(RehearsalFailure::from))
}

async fn once(
    ctx: &Context,
    plan: &Plan,
    key: &Key,
) -> Result<Result<Rehearsed, RehearsalFailure>, ControllerError> {
    ctx.leadership.check()?;
    let request = RehearseRequest {
        pod: plan.source.clone(),
        container: plan.container.clone(),
    };
    match ctx.agents.rehearse(&plan.source_node, key, &request).await {
        Ok(made) => Ok(Ok(made)),
        Err(error) => answered(error).map(Err),
    }
}

/// Of a dump that an earlier process ordered: a node that does not know it is not asked to make another one.
async fn outcome_of_before(
    ctx: &Context,
    plan: &Plan,
    key: &Key,
) -> Result<Result<Rehearsed, RehearsalFailure>, ControllerError> {
    match ctx.agents.report(&plan.source_node, key).await {
        Ok(Some(_)) => once(ctx, plan, key).await,
        Ok(None) => {
            let node = plan.source_node.clone();
            Ok(Err(Refusal::Forgotten { node }.into()))
        }
        Err(error) => answered(error).map(Err),
    }
}

/// What an agent says, or that it says nothing, is what came of the rehearsal. The rest is tried again.
fn answered(error: ControllerError) -> Result<RehearsalFailure, ControllerError> {
    match &error {
        ControllerError::Agent { .. } | ControllerError::AgentUnreachable { .. } => Ok(RehearsalFailure {
            reason: error.reason(),
            message: error.to_string(),
        }),
        ControllerError::Api(_)
        | ControllerError::Broker(_)
        | ControllerError::ParkUnsure { .. }
        | ControllerError::Secret { .. }
        | ControllerError::SecretKey { .. }
        | ControllerError::RegistrySecret { .. }
        | ControllerError::RegistryNotAllowed(_)
        | ControllerError::Repository(_)
        | ControllerError::NoBroker
        | ControllerError::RuleNotInForce
        | ControllerError::NotLeading
        | ControllerError::TooLong(_)
        | ControllerError::Blind(_)
        | ControllerError::Malformed(_) => Err(error),
    }
}

/// The record of the dump; the dump itself is gone already.
async fn forget(ctx: &Context, plan: &Plan, key: &Key) {
    if let Err(error) = ctx.agents.forget(&plan.source_node, key).await {
        tracing::warn!(node = plan.source_node, %key, %error, "the record of a rehearsal is left to its node, which removes it within 30 s");
    }
}

#[cfg(test)]
mod tests {
    use shadow_core::reason::Reason;
    use shadow_core::wire::Problem;

    use super::*;

    fn agent(reason: Reason, message: &str) -> ControllerError {
        ControllerError::Agent {
            node: "node-a".into(),
            problem: Problem {
                reason,
                message: message.into(),
            },
            transient: false,
        }
    }

    #[test]
    fn what_an_agent_says_is_told_and_a_silent_api_server_is_asked_again() {
        let failure = answered(agent(Reason::DumpFailed, "the dump failed: io_uring")).unwrap();
        assert_eq!(failure.reason, Reason::DumpFailed);
        assert!(failure.message.contains("io_uring"), "{failure:?}");
        let silent = ControllerError::AgentUnreachable {
            node: "node-a".into(),
            cause: "timed out".into(),
        };
        assert_eq!(answered(silent).unwrap().reason, Reason::AgentUnreachable);
        assert!(answered(ControllerError::NotLeading).is_err());
    }

    #[test]
    fn an_order_on_record_is_not_given_again() {
        let mut status = MigrationStatus::default();
        assert_eq!(ordered(&status), None);
        let begun = MicroTime(Timestamp::UNIX_EPOCH);
        let outlook: Outlook = serde_json::from_value(
            serde_json::json!({"totalMillis": 1, "pauseMillis": 1, "freezeMillis": 1,
            "basis": "Measurements", "rehearsal": {"begun": begun}}),
        )
        .unwrap();
        record::rehearses(&mut status, outlook);
        assert_eq!(ordered(&status), Some(begun));
        assert!(status.plan.is_none(), "a migration with a plan counts as a move");
    }
}
