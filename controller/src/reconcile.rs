//! The five-beat loop: observe, decide, record the intent, act, record the outcome. Decisions are
//! `shadow_core::machine`'s; this file only carries them out in order.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action as Requeue;
use shadow_core::api::{MigrationStatus, Plan, StatefulMigration, Step};
use shadow_core::machine::{self, Cause, Decision, End, Next, Outcome, record};
use shadow_core::turns::Turn;

use crate::context::Context;
use crate::effects::{self, Subject};
use crate::error::ControllerError;
use crate::prepare::{self, Prepared};
use crate::{observe, occupancy, report, store};

/// While somebody is paused every millisecond counts; the looks are cheap.
const PAUSED_LOOK: Duration = Duration::from_millis(5);
/// Pods and agents change more slowly.
const CALM_LOOK: Duration = Duration::from_millis(50);
/// Somebody else has to end first, which takes seconds.
const QUEUED_LOOK: Duration = Duration::from_millis(500);
/// After an error that may pass.
const AFTER_ERROR: Duration = Duration::from_millis(200);
/// After this many looks without a change the object itself is read again: the user may have cancelled.
const LOOKS_BEFORE_REREAD: u32 = 20;

/// One visit: drives the migration as far as it goes without waiting long.
pub async fn reconcile(
    migration: Arc<StatefulMigration>,
    ctx: Arc<Context>,
) -> Result<Requeue, ControllerError> {
    let namespace = migration.namespace().unwrap_or_default();
    let Some(mut live) = store::read(&ctx, &namespace, &migration.name_any()).await? else {
        return Ok(Requeue::await_change());
    };
    let status = live.status.clone().unwrap_or_default();
    if status.phase.is_terminal() || (live.metadata.deletion_timestamp.is_some() && status.plan.is_none()) {
        store::release(&ctx, &live).await?;
        return Ok(Requeue::await_change());
    }
    if live.metadata.deletion_timestamp.is_none() {
        live = store::hold(&ctx, live).await?;
    }
    if status.plan.is_none() {
        return begin(&ctx, &live).await;
    }
    drive(&ctx, live).await
}

/// Makes the plan and writes it down, or the refusal.
async fn begin(ctx: &Context, migration: &StatefulMigration) -> Result<Requeue, ControllerError> {
    let mut status = migration.status.clone().unwrap_or_default();
    status.observed_generation = migration.metadata.generation;
    record::enter(&mut status, Step::Prepare, Timestamp::now());
    match prepare::prepare(ctx, migration).await? {
        Prepared::Planned(plan, restarts) => match start(ctx, migration, status, *plan, restarts).await? {
            Started::UnderWay(written) => drive(ctx, *written).await,
            Started::Not(requeue) => Ok(requeue),
        },
        Prepared::Refused(cause) => {
            tracing::info!(
                migration = migration.name_any(),
                reason = cause.reason,
                message = cause.message,
                "refused"
            );
            record::roll_back(&mut status, &cause, false, Timestamp::now());
            end(ctx, migration, status, End::Undone).await
        }
    }
}

/// Whether a migration is under way now.
enum Started {
    UnderWay(Box<StatefulMigration>),
    Not(Requeue),
}

/// Writes the plan down if it is this migration's turn. One at a time, until it is written: the next one counts it.
async fn start(
    ctx: &Context,
    migration: &StatefulMigration,
    mut status: MigrationStatus,
    plan: Plan,
    restarts: i32,
) -> Result<Started, ControllerError> {
    let _turn = ctx.beginning.lock().await;
    match occupancy::occupy(ctx, migration, &plan).await? {
        Turn::Begin => {}
        Turn::Wait(why) => return queue_up(ctx, migration, &why).await.map(Started::Not),
        Turn::Refuse(why) => {
            let cause = Cause::new("AlreadyMoving", why);
            record::roll_back(&mut status, &cause, false, Timestamp::now());
            return end(ctx, migration, status, End::Undone).await.map(Started::Not);
        }
    }
    let note = plan.because.clone();
    let uid = migration.uid().unwrap_or_default();
    let now = Timestamp::now();
    record::begin(&mut status, plan, &uid, restarts, now).map_err(malformed)?;
    report::set_condition(&mut status, "Progressing", Some(true), "Planned", &note, now);
    let written = store::write(ctx, migration, status).await?;
    report::announce(ctx, migration, true, "Planned", &note).await;
    Ok(Started::UnderWay(Box::new(written)))
}

/// Nothing is touched yet; it says what it waits for and asks again.
async fn queue_up(
    ctx: &Context,
    migration: &StatefulMigration,
    why: &str,
) -> Result<Requeue, ControllerError> {
    remark(ctx, migration, why, false).await?;
    Ok(Requeue::requeue(QUEUED_LOOK))
}

/// Follows the machine until it has to wait.
async fn drive(ctx: &Context, mut migration: StatefulMigration) -> Result<Requeue, ControllerError> {
    let mut idle_looks = 0;
    let mut unsaved = false;
    let mut last_action = None;
    loop {
        let mut status = migration.status.clone().unwrap_or_default();
        let decision = look_and_decide(ctx, &migration, &status).await;
        tracing::debug!(migration = migration.name_any(), ?decision, "decided");
        match decision {
            Decision::Wait { reason, .. } => {
                idle_looks += 1;
                let pace = pace(&status);
                if idle_looks >= LOOKS_BEFORE_REREAD {
                    tracing::debug!(migration = migration.name_any(), reason, "waiting");
                    remark(ctx, &migration, &reason, unsaved).await?;
                    return Ok(Requeue::requeue(pace));
                }
                tokio::time::sleep(pace).await;
                continue;
            }
            // An effect that does not show at once is not repeated without a pause.
            Decision::Run(action) if last_action.as_ref() == Some(&action) => {
                tokio::time::sleep(pace(&status)).await;
                last_action = None;
                continue;
            }
            Decision::Run(action) => match run(ctx, &migration, action.clone()).await {
                Ok(outcome) => {
                    unsaved |= record::absorb(&mut status, outcome, Timestamp::now());
                    migration.status = Some(status);
                    last_action = Some(action);
                }
                Err(error) if !is_final(&error, &status) => {
                    tracing::warn!(migration = migration.name_any(), %error, "effect failed, will be tried again");
                    remark(ctx, &migration, &error.to_string(), unsaved).await?;
                    return Ok(Requeue::requeue(AFTER_ERROR));
                }
                Err(error) => {
                    let cause = Cause::new(error.reason(), error.to_string());
                    migration = undo(ctx, &migration, status, &cause).await?;
                    unsaved = false;
                }
            },
            Decision::Advance(next) => {
                migration = advance(ctx, migration, status, &next).await?;
                unsaved = !next.recorded;
            }
            Decision::RollBack(cause) => {
                migration = undo(ctx, &migration, status, &cause).await?;
                unsaved = false;
            }
            Decision::Finish(how) => return end(ctx, &migration, status, how).await,
            Decision::Stuck(cause) => return stuck(ctx, &migration, status, &cause).await,
        }
        idle_looks = 0;
    }
}

async fn look_and_decide(ctx: &Context, migration: &StatefulMigration, status: &MigrationStatus) -> Decision {
    let seen = match (&status.plan, status.legs.last(), &status.intent) {
        (Some(plan), Some(leg), Some(intent)) => {
            observe::observe(ctx, migration, plan, leg, intent.step).await
        }
        _ => machine::Observed::default(),
    };
    tracing::trace!(migration = migration.name_any(), ?seen, "observed");
    machine::next_step(&migration.spec, status, &seen, Timestamp::now())
}

async fn run(
    ctx: &Context,
    migration: &StatefulMigration,
    action: machine::Action,
) -> Result<Outcome, ControllerError> {
    let status = migration.status.as_ref();
    let (Some(plan), Some(leg)) = (
        status.and_then(|s| s.plan.as_ref()),
        status.and_then(|s| s.legs.last()),
    ) else {
        return Err(ControllerError::Malformed("the status has no plan".to_owned()));
    };
    tracing::info!(migration = migration.name_any(), ?action, "acting");
    effects::perform(ctx, Subject { migration, plan, leg }, action).await
}

async fn advance(
    ctx: &Context,
    mut migration: StatefulMigration,
    mut status: MigrationStatus,
    next: &Next,
) -> Result<StatefulMigration, ControllerError> {
    let uid = migration.uid().unwrap_or_default();
    record::advance(&mut status, next, &uid, Timestamp::now()).map_err(malformed)?;
    tracing::info!(migration = migration.name_any(), step = %next.step, note = next.note, "step");
    if next.recorded {
        return store::write(ctx, &migration, status).await;
    }
    migration.status = Some(status);
    Ok(migration)
}

async fn undo(
    ctx: &Context,
    migration: &StatefulMigration,
    mut status: MigrationStatus,
    cause: &Cause,
) -> Result<StatefulMigration, ControllerError> {
    tracing::warn!(
        migration = migration.name_any(),
        reason = cause.reason,
        message = cause.message,
        "undoing the handoff"
    );
    record::roll_back(&mut status, cause, cause.reason == "Cancelled", Timestamp::now());
    let written = store::write(ctx, migration, status).await?;
    report::announce(ctx, migration, false, &cause.reason, &cause.message).await;
    Ok(written)
}

async fn end(
    ctx: &Context,
    migration: &StatefulMigration,
    mut status: MigrationStatus,
    how: End,
) -> Result<Requeue, ControllerError> {
    record::finish(&mut status, how, Timestamp::now());
    report::conclude(&mut status, Timestamp::now());
    let phase = status.phase;
    let message = status
        .conditions
        .last()
        .map(|c| c.message.clone())
        .unwrap_or_default();
    if let Some(plan) = &status.plan {
        occupancy::vacate(ctx, migration, plan).await?;
    }
    let written = store::write(ctx, migration, status).await?;
    tracing::info!(migration = migration.name_any(), ?phase, message, "ended");
    report::announce(
        ctx,
        migration,
        how == End::Completed,
        &format!("{phase:?}"),
        &message,
    )
    .await;
    store::release(ctx, &written).await?;
    Ok(Requeue::await_change())
}

async fn stuck(
    ctx: &Context,
    migration: &StatefulMigration,
    mut status: MigrationStatus,
    cause: &Cause,
) -> Result<Requeue, ControllerError> {
    let known = status
        .conditions
        .iter()
        .any(|c| c.type_ == "Stuck" && c.message == cause.message);
    if !known {
        report::set_condition(
            &mut status,
            "Stuck",
            Some(true),
            &cause.reason,
            &cause.message,
            Timestamp::now(),
        );
        store::write(ctx, migration, status).await?;
        report::announce(ctx, migration, false, &cause.reason, &cause.message).await;
    }
    Ok(Requeue::requeue(Duration::from_secs(30)))
}

/// Says what is being waited for, once for each reason; saves what effects brought to light meanwhile.
async fn remark(
    ctx: &Context,
    migration: &StatefulMigration,
    reason: &str,
    unsaved: bool,
) -> Result<(), ControllerError> {
    let mut status = migration.status.clone().unwrap_or_default();
    if !unsaved
        && status
            .conditions
            .iter()
            .any(|c| c.type_ == "Progressing" && c.message == reason)
    {
        return Ok(());
    }
    report::set_condition(
        &mut status,
        "Progressing",
        Some(true),
        "Waiting",
        reason,
        Timestamp::now(),
    );
    store::write(ctx, migration, status).await.map(drop)
}

/// Whether the present handoff may still be undone.
fn can_undo(status: &MigrationStatus) -> bool {
    let before = status
        .intent
        .as_ref()
        .is_some_and(|intent| machine::steps::guard::precedes_commit(intent.step));
    before && status.legs.last().is_some_and(|leg| leg.committed.is_none())
}

/// Whether a failed effect ends the handoff: it cannot work later, or it kept failing while messages wait.
fn is_final(error: &ControllerError, status: &MigrationStatus) -> bool {
    let impatient = machine::steps::guard::is_out_of_patience(status, Timestamp::now());
    can_undo(status) && (impatient || !error.is_transient())
}

fn pace(status: &MigrationStatus) -> Duration {
    match status.intent.as_ref().map(|intent| intent.step) {
        Some(
            Step::Fence
            | Step::Hold
            | Step::Checkpoint
            | Step::Follow
            | Step::Transfer
            | Step::Restore
            | Step::Commit
            | Step::Exclude
            | Step::Release,
        ) => PAUSED_LOOK,
        Some(Step::Prepare | Step::Stage | Step::Switch | Step::Retire | Step::Clean | Step::Abandon)
        | None => CALM_LOOK,
    }
}

fn malformed(error: shadow_core::names::BadKey) -> ControllerError {
    ControllerError::Malformed(error.to_string())
}
