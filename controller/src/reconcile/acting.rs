//! Carries out one effect. A dump or a transfer takes as long as there is memory; when the move is called off meanwhile, or its hold
//! is spent, the source does not wait for that.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use shadow_core::api::{MigrationStatus, StatefulMigration};
use shadow_core::machine::steps::guard;
use shadow_core::machine::{Action, Outcome};
use shadow_core::wire::{FreezeOrder, Frozen};
use tokio::time::timeout;

use super::{limits, max_pause};
use crate::context::Context;
use crate::effects::{self, Subject};
use crate::error::ControllerError;
use crate::store;

/// How often it is looked whether the user has cancelled during an effect.
const LOOK: Duration = Duration::from_millis(300);

/// How often the node of a source that stands still hears of us.
const KEEP: Duration = Duration::from_secs(5);

/// What became of an effect.
pub(super) enum Acted {
    /// It is done.
    Done(Outcome),
    /// It was left as if this process had died during it: what is known is what was written.
    CalledOff,
    /// It was left since the hold is spent: the machine decides by what is known.
    Spent,
}

/// Carries it out.
pub(super) async fn act(
    ctx: &Context,
    migration: &StatefulMigration,
    action: Action,
) -> Result<Acted, ControllerError> {
    tracing::info!(migration = migration.name_any(), ?action, "acting");
    let may_take_long = matches!(action, Action::Checkpoint { .. } | Action::Fetch { .. });
    let limit = limits::of(&action);
    let performed = async {
        let performed = timeout(limit, perform(ctx, migration, action)).await;
        performed
            .unwrap_or(Err(ControllerError::TooLong(limit.as_secs())))
            .inspect_err(|error| ctx.part.metrics.effect_failed(error.reason()))
    };
    let bounded = async {
        tokio::select! {
            outcome = performed => outcome.map(Acted::Done),
            () = max_pause::spent(migration.status.as_ref()) => Ok(Acted::Spent),
        }
    };
    if !may_take_long || !can_be_called_off(migration) {
        return bounded.await;
    }
    tokio::select! {
        acted = bounded => acted,
        () = called_off(ctx, migration) => Ok(Acted::CalledOff),
        () = keep_frozen(ctx, migration) => Ok(Acted::CalledOff),
    }
}

/// While a source stands still for a transfer, its node hears of us: it would let the source go on after 30 s. Returns when it
/// has.
async fn keep_frozen(ctx: &Context, migration: &StatefulMigration) {
    let leg = migration.status.as_ref().and_then(|status| status.legs.last());
    let Some(leg) = leg.filter(|leg| leg.frozen.is_some()) else {
        return std::future::pending().await;
    };
    loop {
        tokio::time::sleep(KEEP).await;
        match ctx
            .agents
            .freeze(&leg.from.node, &leg.key, FreezeOrder::Keep)
            .await
        {
            Ok(Frozen::Held | Frozen::Promised) => {}
            // The promise before the commit finds it so, too.
            Ok(Frozen::Thawed) => return,
            Err(error) => {
                tracing::warn!(migration = migration.name_any(), %error, "the source's node was not reached");
            }
        }
    }
}

async fn perform(
    ctx: &Context,
    migration: &StatefulMigration,
    action: Action,
) -> Result<Outcome, ControllerError> {
    let status = migration.status.as_ref();
    let (Some(plan), Some(leg)) = (
        status.and_then(|s| s.plan.as_ref()),
        status.and_then(|s| s.legs.last()),
    ) else {
        return Err(ControllerError::Malformed("the status has no plan".to_owned()));
    };
    effects::perform(ctx, Subject { migration, plan, leg }, action).await
}

/// In the second handoff it is too late, and what is called off already waits for nothing.
fn can_be_called_off(migration: &StatefulMigration) -> bool {
    let first = |status: &MigrationStatus| status.legs.last().is_some_and(|leg| leg.number == 1);
    let status = migration.status.as_ref();
    status.is_some_and(|status| first(status) && can_undo(status)) && !is_called_off(migration)
}

fn is_called_off(migration: &StatefulMigration) -> bool {
    migration.spec.cancel || migration.metadata.deletion_timestamp.is_some()
}

/// Returns when the user has cancelled, has deleted the object, or has waited for as long as they allowed; and when the object is
/// gone.
async fn called_off(ctx: &Context, migration: &StatefulMigration) {
    let namespace = migration.namespace().unwrap_or_default();
    while !is_late(migration) {
        tokio::time::sleep(LOOK).await;
        match store::read(ctx, &namespace, &migration.name_any()).await {
            Ok(Some(now)) if is_called_off(&now) => return,
            // Removed by another program: its move is undone without it, and nothing may be done beside that.
            Ok(None) => return,
            Ok(Some(_)) => {}
            Err(error) => {
                tracing::debug!(migration = migration.name_any(), %error, "not known whether it is cancelled");
            }
        }
    }
}

fn is_late(migration: &StatefulMigration) -> bool {
    let deadline = migration
        .status
        .as_ref()
        .and_then(|s| guard::deadline(&migration.spec, s));
    deadline.is_some_and(|deadline| Timestamp::now() > deadline)
}

/// Whether the present handoff may still be undone.
fn can_undo(status: &MigrationStatus) -> bool {
    let before = status
        .intent
        .as_ref()
        .is_some_and(|intent| guard::precedes_commit(intent.step));
    before && status.legs.last().is_some_and(|leg| leg.committed.is_none())
}

/// Whether a failed effect ends the handoff: it cannot work later, or it kept failing while messages wait.
pub(super) fn is_final(error: &ControllerError, status: &MigrationStatus) -> bool {
    let impatient = guard::is_out_of_patience(status, Timestamp::now());
    can_undo(status) && (impatient || !error.is_transient())
}
