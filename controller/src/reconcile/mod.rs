//! The five-beat loop: observe, decide, record the intent, act, record the outcome. Decisions are
//! `shadow_core::machine`'s; this file only carries them out in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action as Requeue;
use shadow_core::api::{MigrationStatus, StatefulMigration, Step};
use shadow_core::machine::steps::lasting;
use shadow_core::machine::{self, Cause, Decision, End, Next, Outcome, record};
use shadow_core::notice;
use shadow_core::pause::{self, Paused};
use shadow_core::reason::Reason;
use shadow_core::turns::Turn;
use shadow_core::waiting::{InLine, Obstacle};
use shadow_telemetry::controller::Visit;
use tokio::time::timeout;
use tracing::Instrument;

use crate::context::Context;
use crate::error::ControllerError;
use crate::prepare::{self, Draft, Prepared, Refusal};
use crate::{observe, occupancy, report, store};

mod acting;
mod led_back;
mod limits;
mod planning;
mod rehearsing;
mod telling;

use acting::{Acted, act, is_final};
pub use led_back::lead_back;
use telling::{end, goes_on, in_line, remark, stuck};

/// While somebody is paused every millisecond counts; the looks are cheap.
const PAUSED_LOOK: Duration = Duration::from_millis(5);
/// Pods and agents change more slowly.
const CALM_LOOK: Duration = Duration::from_millis(50);
/// Somebody else has to end first, which takes seconds.
const QUEUED_LOOK: Duration = Duration::from_millis(500);
/// The same of one whose broker has not answered for long.
const UNANSWERED_LOOK: Duration = Duration::from_secs(30);
/// After an error that may pass.
const AFTER_ERROR: Duration = Duration::from_millis(200);
/// A doubt that cannot be saved is tried again so often before its cause is forgotten.
const DOUBT_TRIES: u32 = 25;
/// For one look at everything; each question has a limit of its own.
const LOOKS_WITHIN: Duration = Duration::from_secs(15);
/// The longest effect takes 150 s, and a preparation some questions of several seconds each; a visit that is not heard of for so
/// long stands still.
const VISIT_SILENT: Duration = Duration::from_mins(10);
/// After this many looks without a change the object itself is read again: the user may have cancelled.
const LOOKS_BEFORE_REREAD: u32 = 20;

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
    let namespace = migration.namespace().unwrap_or_default();
    let Some(mut live) = store::read(ctx, &namespace, &migration.name_any()).await? else {
        ctx.progress.ended(migration);
        ctx.meter.forget(&migration.uid().unwrap_or_default());
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
        store::release(ctx, &live).await?;
        return Ok(Requeue::await_change());
    }
    if live.metadata.deletion_timestamp.is_none() {
        live = store::hold(ctx, live).await?;
    }
    if let Some(cause) = unreadable {
        return stuck(ctx, &live, status, &cause).await;
    }
    if status.plan.is_none() {
        return begin(ctx, &live).await;
    }
    drive(ctx, live).await
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
        return planning::plan(ctx, migration, status).await;
    }
    if let Some(paused) = ctx.pauses.seen(&ctx.client).await? {
        return queue_up(ctx, migration, &during(ctx, migration, &paused)).await;
    }
    if let Some(place) = ctx.line.wait(ctx.limits, migration) {
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
    let prepared = prepare::prepare(ctx, migration).await;
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
        Prepared::Refused(refusal) => refuse(ctx, migration, status, refusal).await,
    }
}

/// Its place in line while moves are paused.
fn during(ctx: &Context, migration: &StatefulMigration, paused: &Paused) -> InLine {
    let words = pause::wait(paused);
    ctx.line.behind(migration, Obstacle::Pause { words })
}

/// Nothing was touched.
async fn refuse(
    ctx: &Context,
    migration: &StatefulMigration,
    mut status: MigrationStatus,
    Refusal { cause, premises }: Refusal,
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

/// The longer it was not answered, the later it is asked again; each question may take seconds.
fn asked_again(migration: &StatefulMigration) -> Duration {
    let status = migration.status.as_ref();
    let since = status.and_then(|status| Some(status.waiting.as_ref()?.since.0));
    let waited = since.map(|since| Timestamp::now().duration_since(since).unsigned_abs());
    (waited.unwrap_or_default() / 4).clamp(QUEUED_LOOK, UNANSWERED_LOOK)
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
    let Draft { plan, restarts, .. } = draft;
    let _turn = ctx.beginning.lock().await;
    // It was prepared for some time: a pause that was made meanwhile holds for it, too.
    if let Some(paused) = crate::pause::look(&ctx.client).await? {
        let place = during(ctx, migration, &paused);
        return queue_up(ctx, migration, &place).await.map(Started::Not);
    }
    match occupancy::occupy(ctx, migration, &plan).await? {
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

/// Nothing is touched yet; it says what it waits for and asks again.
async fn queue_up(
    ctx: &Context,
    migration: &StatefulMigration,
    place: &InLine,
) -> Result<Requeue, ControllerError> {
    in_line(ctx, migration, place).await?;
    Ok(Requeue::requeue(QUEUED_LOOK))
}

/// Follows the machine until it has to wait.
async fn drive(ctx: &Context, mut migration: StatefulMigration) -> Result<Requeue, ControllerError> {
    ctx.under_way.note(&migration);
    let mut idle_looks = 0;
    let mut unsaved = false;
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
            Decision::Run(action) => match act(ctx, &migration, action.clone()).await {
                Ok(Acted::Done(outcome)) => {
                    migration.status = Some(status);
                    (migration, unsaved) = absorb(ctx, migration, outcome, unsaved).await?;
                    last_action = Some(action);
                }
                Ok(Acted::CalledOff) => return Ok(Requeue::requeue(Duration::ZERO)),
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
    Ok(Requeue::requeue(AFTER_ERROR))
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

/// Into the object as it is now: whoever has changed it meanwhile has not seen the cause.
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

async fn look(ctx: &Context, migration: &StatefulMigration, status: &MigrationStatus) -> machine::Observed {
    ctx.part.pulse.beat(&visit_of(migration), VISIT_SILENT);
    let seen = match (&status.plan, status.legs.last(), &status.intent) {
        (Some(plan), Some(leg), Some(intent)) => {
            let looking = observe::observe(ctx, migration, plan, leg, intent.step);
            // What was not seen in time was not seen.
            timeout(LOOKS_WITHIN, looking).await.unwrap_or_default()
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

fn pace(status: &MigrationStatus) -> Duration {
    match status.intent.as_ref().map(|intent| intent.step) {
        Some(
            Step::Hold
            | Step::Checkpoint
            | Step::Follow
            | Step::Transfer
            | Step::Restore
            | Step::Commit
            | Step::Exclude
            | Step::Release,
        ) => PAUSED_LOOK,
        Some(
            Step::Prepare
            | Step::Stage
            | Step::Fence
            | Step::Switch
            | Step::Retire
            | Step::Clean
            | Step::Abandon,
        )
        | None => CALM_LOOK,
    }
}

fn malformed(error: shadow_core::names::BadKey) -> ControllerError {
    ControllerError::Malformed(error.to_string())
}
