//! Follows the machine of one migration: look, decide, record the intent, act, record the outcome, until it has to wait.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action as Requeue;
use shadow_core::api::{MigrationStatus, StatefulMigration};
use shadow_core::machine::steps::lasting;
use shadow_core::machine::{self, Cause, Decision, Next, Outcome, record};
use shadow_core::notice;
use tokio::time::timeout;

use super::acting::{Acted, act, is_final};
use super::pace::{self, pace};
use super::telling::{end, goes_on, remark, stuck};
use super::{AFTER_ERROR, VISIT_SILENT, malformed, max_pause, visit_of};
use crate::context::Context;
use crate::error::ControllerError;
use crate::{observe, report, store};

/// A doubt that cannot be saved is tried again so often before its cause is forgotten.
const DOUBT_TRIES: u32 = 25;
/// For one look at everything; each question has a limit of its own.
const LOOKS_WITHIN: Duration = Duration::from_secs(15);
/// After this many looks without a change the object itself is read again: the user may have cancelled.
const LOOKS_BEFORE_REREAD: u32 = 20;
/// The same after one look, where the next one comes so late.
const SLOW: Duration = Duration::from_millis(100);

/// Follows the machine until it has to wait.
pub(super) async fn drive(
    ctx: &Context,
    mut migration: StatefulMigration,
) -> Result<Requeue, ControllerError> {
    begins(ctx, &migration);
    let (mut idle_looks, mut unsaved) = (0, false);
    let mut last_action = None;
    loop {
        let mut status = migration.status.clone().unwrap_or_default();
        let seen = look(ctx, &migration, &status).await;
        let now = Timestamp::now();
        unsaved |= noticed(ctx, &mut migration, &mut status, &seen, now);
        let decision = machine::next_step(&migration.spec, &status, &seen, now);
        tracing::debug!(migration = migration.name_any(), ?decision, "decided");
        match decision {
            Decision::Wait { reason, .. } => {
                ctx.progress.waits(&migration, &status, &reason, now);
                idle_looks += 1;
                let pace = pace(&status, &seen, now);
                if idle_looks >= LOOKS_BEFORE_REREAD || pace >= SLOW {
                    tracing::debug!(migration = migration.name_any(), reason, "waiting");
                    remark(ctx, &migration, &reason, unsaved).await?;
                    return Ok(Requeue::requeue(pace));
                }
                tokio::time::sleep(pace).await;
                continue;
            }
            // An effect that does not show at once is not repeated without a pause.
            Decision::Run(action) if last_action.as_ref() == Some(&action) => {
                tokio::time::sleep(pace(&status, &seen, now)).await;
                last_action = None;
                continue;
            }
            Decision::Run(action) => match act(ctx, &migration, action.clone()).await {
                Ok(Acted::Done(outcome)) => {
                    migration.status = Some(status);
                    (migration, unsaved) = absorb(ctx, migration, outcome, unsaved).await?;
                    last_action = Some(action);
                }
                Ok(Acted::CalledOff) => return Ok(Requeue::requeue(Duration::ZERO)),
                Ok(Acted::Spent) => migration.status = Some(status),
                Err(error) if !is_final(&error, &status) => {
                    return try_again(ctx, migration, &error, unsaved).await;
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

/// Known from now on to the sweep of orphans, and to the process after this one.
fn begins(ctx: &Context, migration: &StatefulMigration) {
    ctx.under_way.note(migration);
    ctx.notes.note(migration);
}

/// Says why an effect failed, and saves what it brought to light nevertheless.
async fn try_again(
    ctx: &Context,
    mut migration: StatefulMigration,
    error: &ControllerError,
    mut unsaved: bool,
) -> Result<Requeue, ControllerError> {
    tracing::warn!(migration = migration.name_any(), %error, "effect failed, will be tried again");
    if let Some(outcome) = error.learned() {
        (migration, unsaved) = absorb(ctx, migration, outcome, unsaved).await?;
    }
    let status = migration.status.clone().unwrap_or_default();
    if lasting::is_long(&status, Timestamp::now()) {
        return stuck(ctx, &migration, status, &lasting::cause(&error.to_string())).await;
    }
    remark(ctx, &migration, &error.to_string(), unsaved).await?;
    let later = pace::after_error(&status, Timestamp::now());
    Ok(Requeue::requeue(max_pause::at_most(later, &status)))
}

/// Takes in what an effect brought to light; with it whether there is something to save. A doubt is saved at once: it may be
/// all that is left of its cause, while everything else can be seen again.
async fn absorb(
    ctx: &Context,
    mut migration: StatefulMigration,
    outcome: Outcome,
    unsaved: bool,
) -> Result<(StatefulMigration, bool), ControllerError> {
    let mut status = migration.status.take().unwrap_or_default();
    let verdict = status.verdict.clone();
    let unsaved = record::absorb(&mut status, outcome.clone(), Timestamp::now()) || unsaved;
    if status.verdict == verdict {
        migration.status = Some(status);
        return Ok((migration, unsaved));
    }
    let mut written = store::write(ctx, &migration, status).await;
    for _ in 0..DOUBT_TRIES {
        let Err(error) = &written else { break };
        tracing::warn!(migration = migration.name_any(), %error, "a doubt was not saved, will be tried again");
        tokio::time::sleep(AFTER_ERROR).await;
        written = save_doubt(ctx, &migration, outcome.clone()).await;
    }
    Ok((written?, false))
}

/// Into the object as it is now: what changed it meanwhile has not seen the cause.
async fn save_doubt(
    ctx: &Context,
    migration: &StatefulMigration,
    doubt: Outcome,
) -> Result<StatefulMigration, ControllerError> {
    let namespace = migration.namespace().unwrap_or_default();
    let name = migration.name_any();
    let now = store::read(ctx, &namespace, &name).await?;
    let now =
        now.ok_or_else(|| ControllerError::Blind(format!("StatefulMigration {namespace}/{name} is gone")))?;
    let mut status = now.status.clone().unwrap_or_default();
    record::absorb(&mut status, doubt, Timestamp::now());
    store::write(ctx, &now, status).await
}

pub(super) async fn look(
    ctx: &Context,
    migration: &StatefulMigration,
    status: &MigrationStatus,
) -> machine::Observed {
    ctx.part.pulse.beat(&visit_of(migration), VISIT_SILENT);
    let seen = match (&status.plan, status.legs.last(), &status.intent) {
        (Some(plan), Some(leg), Some(intent)) => {
            let looking = observe::observe(ctx, migration, plan, leg, intent.step);
            // What was not seen in time was not seen.
            let within = max_pause::at_most(LOOKS_WITHIN, status);
            timeout(within, looking).await.unwrap_or_default()
        }
        _ => machine::Observed::default(),
    };
    tracing::trace!(migration = migration.name_any(), ?seen, "observed");
    seen
}

/// Keeps what the look shows of the time in which the state does not go on; whether that is something to save.
fn noticed(
    ctx: &Context,
    migration: &mut StatefulMigration,
    status: &mut MigrationStatus,
    seen: &machine::Observed,
    now: Timestamp,
) -> bool {
    ctx.progress.note(migration, status, seen, now);
    let glance = machine::glance(&migration.spec, status, seen, now);
    let changed = record::notice(status, glance, now);
    if changed {
        migration.status = Some(status.clone());
    }
    changed
}

async fn advance(
    ctx: &Context,
    mut migration: StatefulMigration,
    mut status: MigrationStatus,
    next: &Next,
) -> Result<StatefulMigration, ControllerError> {
    let uid = migration.uid().unwrap_or_default();
    // The handoff that it is about: the next one may begin with it.
    let notice = notice::turned(&status, next);
    record::advance(&mut status, next, &uid, Timestamp::now()).map_err(malformed)?;
    goes_on(&mut status);
    tracing::info!(migration = migration.name_any(), step = %next.step, note = next.note, "step");
    if next.recorded {
        migration = store::write(ctx, &migration, status).await?;
    } else {
        migration.status = Some(status);
    }
    if let Some(notice) = notice {
        report::tell(ctx, &migration, &notice);
    }
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
        reason = %cause.reason,
        message = cause.message,
        "undoing the handoff"
    );
    goes_on(&mut status);
    record::roll_back(&mut status, cause, Timestamp::now());
    let written = store::write(ctx, migration, status).await?;
    report::announce(ctx, migration, false, &cause.reason.to_string(), &cause.message);
    Ok(written)
}
