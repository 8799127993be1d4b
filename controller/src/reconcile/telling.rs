//! Ends of a migration, and what is said of one that waits.

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action as Requeue;
use shadow_core::api::{MigrationStatus, StatefulMigration};
use shadow_core::machine::{Cause, End, record};
use shadow_core::notice;
use shadow_core::waiting::{InLine, Waiting};

use super::pace;
use crate::context::Context;
use crate::error::ControllerError;
use crate::{effects, occupancy, report, store};

/// The last write.
pub(super) async fn end(
    ctx: &Context,
    migration: &StatefulMigration,
    mut status: MigrationStatus,
    how: End,
) -> Result<Requeue, ControllerError> {
    record::finish(&mut status, how, Timestamp::now());
    goes_on(&mut status);
    let message = report::conclude(&mut status, Timestamp::now());
    let phase = status.phase;
    if let Some(plan) = &status.plan {
        for note in effects::images_kept(ctx, migration, plan).await? {
            report::announce(ctx, migration, false, "ImageKept", &note);
        }
    }
    occupancy::vacate(ctx, migration).await?;
    ctx.policies.forget(&migration.uid().unwrap_or_default());
    let written = store::write(ctx, migration, status).await?;
    if let Some(most) = ctx.progress.ended(migration) {
        ctx.part.metrics.held_messages(most);
    }
    tracing::info!(migration = migration.name_any(), ?phase, message, "ended");
    ctx.worlds.forget(&migration.uid().unwrap_or_default());
    ctx.notes.forget(migration);
    say_left(&written);
    if let Some(status) = &written.status {
        report::tell(ctx, migration, &notice::ended(status, how, &message));
    }
    store::release(ctx, &written).await?;
    Ok(Requeue::await_change())
}

/// Its namespace may be gone, and its object with it: the log keeps what was left.
pub(super) fn say_left(migration: &StatefulMigration) {
    let status = migration.status.as_ref();
    if let Some(left) = status.and_then(|status| status.left.as_ref()) {
        tracing::warn!(
            migration = migration.name_any(),
            namespace = migration.namespace(),
            uid = migration.uid(),
            gone = left.gone,
            queues = left.queues.join(", "),
            exchanges = left.exchanges.join(", "),
            pods = left.pods.join(", "),
            "something that the move needs is gone for good, so it has ended and left what is named here"
        );
    }
}

pub(super) async fn stuck(
    ctx: &Context,
    migration: &StatefulMigration,
    mut status: MigrationStatus,
    cause: &Cause,
) -> Result<Requeue, ControllerError> {
    let known = status
        .conditions
        .iter()
        .any(|c| c.type_ == report::STUCK && c.status == "True" && c.message == cause.message);
    if !known {
        report::set_condition(
            &mut status,
            report::STUCK,
            Some(true),
            &cause.reason.to_string(),
            &cause.message,
            Timestamp::now(),
        );
        store::write(ctx, migration, status).await?;
        report::announce(ctx, migration, false, &cause.reason.to_string(), &cause.message);
    }
    Ok(Requeue::requeue(pace::asked(migration, Timestamp::now())))
}

/// Says for what a migration waits for its turn, behind how many and since when; once for each change.
pub(super) async fn in_line(
    ctx: &Context,
    migration: &StatefulMigration,
    place: &InLine,
) -> Result<(), ControllerError> {
    let mut status = migration.status.clone().unwrap_or_default();
    let now = Timestamp::now();
    let waiting = Waiting {
        priority: ctx.policies.priority(migration),
        ..place.waiting(status.waiting.as_ref(), now)
    };
    let reason = place.to_string();
    let at_its_place = MigrationStatus {
        waiting: Some(waiting.clone()),
        ..status.clone()
    };
    ctx.progress.waits(migration, &at_its_place, &reason, now);
    if status.waiting.as_ref() == Some(&waiting) && is_said(&status, &reason) {
        return Ok(());
    }
    status.waiting = Some(waiting);
    report::set_condition(
        &mut status,
        report::PROGRESSING,
        Some(true),
        report::WAITING,
        &reason,
        now,
    );
    store::write(ctx, migration, status).await.map(drop)
}

/// Whether it says this as what it waits for.
pub(super) fn is_said(status: &MigrationStatus, reason: &str) -> bool {
    let mut conditions = status.conditions.iter();
    conditions.any(|c| c.type_ == report::PROGRESSING && c.message == reason)
}

/// Says what is being waited for, once for each reason; saves what effects brought to light meanwhile.
pub(super) async fn remark(
    ctx: &Context,
    migration: &StatefulMigration,
    reason: &str,
    unsaved: bool,
) -> Result<(), ControllerError> {
    let mut status = migration.status.clone().unwrap_or_default();
    if !unsaved && is_said(&status, reason) {
        return Ok(());
    }
    let now = Timestamp::now();
    report::set_condition(
        &mut status,
        report::PROGRESSING,
        Some(true),
        report::WAITING,
        reason,
        now,
    );
    store::write(ctx, migration, status).await.map(drop)
}

/// What was stuck is not so any more.
pub(super) fn goes_on(status: &mut MigrationStatus) {
    if status.is_stuck() {
        let now = Timestamp::now();
        report::set_condition(
            status,
            report::STUCK,
            Some(false),
            "GoesOn",
            "the move goes on",
            now,
        );
    }
}
