//! One visit of a migration: whether it has ended, waits, begins or is under way. What is under way is driven by `driving`; decisions
//! are `shadow_core::machine`'s.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action as Requeue;
use shadow_core::api::{MigrationStatus, StatefulMigration, Step};
use shadow_core::aside::{self, Standing};
use shadow_core::machine::{self, Cause, End, record};
use shadow_core::notice;
use shadow_core::reason::Reason;
use shadow_core::turns::Turn;
use shadow_core::waiting::Obstacle;
use shadow_telemetry::controller::Visit;
use tracing::Instrument;

use crate::context::Context;
use crate::error::ControllerError;
use crate::prepare::{self, Draft, Prepared, Refusal};
use crate::{evacuations, occupancy, report, store};

mod acting;
mod driving;
mod led_back;
mod limits;
mod max_pause;
mod pace;
mod planning;
mod rehearsing;
mod telling;
mod waiting;

use driving::drive;
pub use led_back::lead_back;
use telling::{end, in_line, stuck};
use waiting::{QUEUED_LOOK, asked_again, during, held_up, kept_back, queue_up, still_waits};

/// After an error that may pass.
const AFTER_ERROR: Duration = Duration::from_millis(200);
/// The longest effect takes 150 s, and a preparation some questions of several seconds each; a visit that is not heard of for so
/// long stands still.
const VISIT_SILENT: Duration = Duration::from_mins(10);

/// One visit: drives the migration as far as it goes without waiting long.
pub async fn reconcile(
    migration: Arc<StatefulMigration>,
    ctx: Arc<Context>,
) -> Result<Requeue, ControllerError> {
    let begun = Instant::now();
    let status = migration.status.as_ref();
    let step = status.and_then(|status| Some(status.intent.as_ref()?.step.to_string()));
    let span = tracing::info_span!(
        "visit",
        migration = migration.name_any(),
        namespace = migration.namespace(),
        uid = migration.uid(),
        step
    );
    let working = ctx.part.pulse.working(visit_of(&migration), VISIT_SILENT);
    let visited = visit(&migration, &ctx).instrument(span).await;
    drop(working);
    let how = match &visited {
        Ok(_) => Visit::Done,
        Err(error) if error.is_conflict() => Visit::Conflict,
        Err(_) => Visit::Failed,
    };
    ctx.part.metrics.visited(how, begun.elapsed());
    visited
}

/// As what this visit is heard of.
fn visit_of(migration: &StatefulMigration) -> String {
    format!("the visit of {}", migration.uid().unwrap_or_default())
}

async fn visit(migration: &StatefulMigration, ctx: &Context) -> Result<Requeue, ControllerError> {
    if let Some(later) = still_waits(ctx, migration).await? {
        return Ok(later);
    }
    let namespace = migration.namespace().unwrap_or_default();
    let Some(mut live) = store::read(ctx, &namespace, &migration.name_any()).await? else {
        ctx.progress.ended(migration);
        let uid = migration.uid().unwrap_or_default();
        ctx.meter.forget(&uid);
        ctx.worlds.forget(&uid);
        ctx.policies.forget(&uid);
        ctx.notes.forget(migration);
        return Ok(Requeue::await_change());
    };
    ctx.meter.sees(&live);
    let status = live.status.clone().unwrap_or_default();
    let unreadable = machine::unreadable(&status);
    // Of an unreadable one, a person has looked after the pods; what else is left of it goes as an orphan.
    let may_go = status.plan.is_none() || unreadable.is_some();
    if status.phase.is_terminal() || (live.metadata.deletion_timestamp.is_some() && may_go) {
        if status.phase.is_terminal() {
            live = acknowledge(ctx, live, status).await?;
        }
        ctx.progress.ended(&live);
        ctx.notes.forget(&live);
        store::release(ctx, &live).await?;
        return Ok(Requeue::await_change());
    }
    if live.metadata.deletion_timestamp.is_none() {
        live = store::hold(ctx, live).await?;
    }
    if let Some(cause) = unreadable {
        return stuck(ctx, &live, status, &cause).await;
    }
    let suspected = match ctx.notes.standing(&live) {
        Standing::Aside => return stuck(ctx, &live, status, &aside::cause(&live)).await,
        Standing::Suspect => Some(ctx.notes.alone().await),
        Standing::Free => None,
    };
    let visited = if status.plan.is_none() {
        begin(ctx, &live).await
    } else {
        drive(ctx, live.clone()).await
    };
    if suspected.is_some() {
        // The next death names the one that is driven then.
        ctx.notes.forget(&live);
    }
    visited
}

/// Says of one that has ended that a spec which was changed since changes nothing: `kubectl wait` believes no condition that is older
/// than the spec.
async fn acknowledge(
    ctx: &Context,
    migration: StatefulMigration,
    status: MigrationStatus,
) -> Result<StatefulMigration, ControllerError> {
    let is_known = status.observed_generation == migration.metadata.generation;
    if is_known || migration.metadata.deletion_timestamp.is_some() {
        return Ok(migration);
    }
    store::write(ctx, &migration, status).await
}

/// Makes the plan and writes it down, or the refusal.
async fn begin(ctx: &Context, migration: &StatefulMigration) -> Result<Requeue, ControllerError> {
    let mut status = migration.status.clone().unwrap_or_default();
    record::enter(&mut status, Step::Prepare, Timestamp::now());
    if migration.spec.cancel {
        let cause = Cause::new(
            Reason::Cancelled,
            "cancelled as asked, before anything was touched",
        );
        record::roll_back(&mut status, &cause, Timestamp::now());
        return end(ctx, migration, status, End::Undone).await;
    }
    if migration.spec.plan_only {
        ctx.notes.note(migration);
        let planned = planning::plan(ctx, migration, status).await;
        ctx.notes.forget(migration);
        return planned;
    }
    if let Some(place) = kept_back(ctx, migration).await? {
        return queue_up(ctx, migration, &place).await;
    }
    let Some(place) = ctx.line.place(migration) else {
        // One that waits already says for what; it is prepared as soon as those before it are.
        if status.waiting.is_none() {
            let place = ctx.line.behind(migration, Obstacle::Preparation);
            return queue_up(ctx, migration, &place).await;
        }
        return Ok(Requeue::requeue(QUEUED_LOOK));
    };
    ctx.notes.note(migration);
    let prepared = prepare::prepare(ctx, migration).await;
    ctx.notes.forget(migration);
    drop(place);
    let prepared = match prepared {
        Err(error) if prepare::passes(migration, &error) => {
            let what = error.to_string();
            let place = ctx.line.behind(migration, Obstacle::Answer { what });
            in_line(ctx, migration, &place).await?;
            return Ok(Requeue::requeue(asked_again(migration)));
        }
        prepared => prepared?,
    };
    match prepared {
        Prepared::Planned(draft) => match start(ctx, migration, status, *draft).await? {
            Started::UnderWay(written) => drive(ctx, *written).await,
            Started::Not(requeue) => Ok(requeue),
        },
        Prepared::Refused(refusal) => refused(ctx, migration, status, refusal).await,
    }
}

/// It cannot be moved. Where that is for want of a node only, and an eviction waits for it, it waits for a node as long as the eviction.
async fn refused(
    ctx: &Context,
    migration: &StatefulMigration,
    status: MigrationStatus,
    refusal: Refusal,
) -> Result<Requeue, ControllerError> {
    if !refusal.lacks_node || !evacuations::waits_for_node(ctx, migration).await? {
        return refuse(ctx, migration, status, refusal).await;
    }
    let words = refusal.cause.message;
    held_up(ctx, migration, Obstacle::NoNode { words }).await
}

/// Nothing was touched.
async fn refuse(
    ctx: &Context,
    migration: &StatefulMigration,
    mut status: MigrationStatus,
    Refusal { cause, premises, .. }: Refusal,
) -> Result<Requeue, ControllerError> {
    tracing::info!(
        migration = migration.name_any(),
        reason = %cause.reason,
        message = cause.message,
        "refused"
    );
    record::roll_back(&mut status, &cause, Timestamp::now());
    record::weighed(&mut status, premises);
    end(ctx, migration, status, End::Undone).await
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
    draft: Draft,
) -> Result<Started, ControllerError> {
    let Draft {
        plan,
        restarts,
        standing,
        ..
    } = draft;
    let _turn = ctx.beginning.lock().await;
    // It was prepared for some time: a pause that was made meanwhile holds for it, too.
    if let Some(paused) = crate::pause::look(&ctx.client).await? {
        let place = during(ctx, migration, &paused);
        return queue_up(ctx, migration, &place).await.map(Started::Not);
    }
    if let Some(words) = evacuations::against_begin(ctx, migration, &plan).await? {
        let obstacle = Obstacle::Budget { words };
        return held_up(ctx, migration, obstacle).await.map(Started::Not);
    }
    match occupancy::occupy(ctx, migration, &plan, &standing).await? {
        Turn::Begin => {}
        Turn::Wait(place) => return queue_up(ctx, migration, &place).await.map(Started::Not),
        Turn::Refuse(why) => {
            let cause = Cause::new(Reason::AlreadyMoving, why);
            record::roll_back(&mut status, &cause, Timestamp::now());
            return end(ctx, migration, status, End::Undone).await.map(Started::Not);
        }
    }
    let note = plan.because.clone();
    let uid = migration.uid().unwrap_or_default();
    let now = Timestamp::now();
    record::begin(&mut status, plan, &uid, restarts, now).map_err(malformed)?;
    report::begin(&mut status, &note, now);
    let written = match store::write(ctx, migration, status).await {
        Err(error) if error.is_conflict() => {
            // The plan was not written, and the migration may have to wait now: it keeps no other move out meanwhile.
            occupancy::vacate(ctx, migration).await?;
            return Err(error);
        }
        written => written?,
    };
    ctx.line.begun(migration);
    ctx.policies.forget(&uid);
    if let Some(plan) = written.status.as_ref().and_then(|status| status.plan.as_ref()) {
        let by = migration.spec.requested_by.as_deref().filter(|by| !by.is_empty());
        tracing::info!(
            migration = migration.name_any(),
            from = plan.source_node,
            to = plan.target_node,
            by,
            "begins"
        );
        report::tell(ctx, migration, &notice::planned(plan, by));
    }
    Ok(Started::UnderWay(Box::new(written)))
}

fn malformed(error: shadow_core::names::BadKey) -> ControllerError {
    ControllerError::Malformed(error.to_string())
}
