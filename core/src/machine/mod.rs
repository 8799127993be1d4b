//! The machine: from what is wanted, what is recorded and what is seen to what happens next.
//!
//! ```text
//! Prepare → [ Stage → Hold → Checkpoint → Transfer → Restore → Commit → Exclude → Release → Switch → Retire ] → Clean
//!               └────────────── Abandon (undo, before Commit) ──────────────┘
//! ```
//!
//! One handoff stands in brackets; [`Route`] says how many a move has and in which order their steps come. `Fence` comes
//! before a `Hold` that would not end without it, and in a live move, in which `Follow` comes after the dump.
//!
//! [`next_step`] is pure: no clock, no I/O, no memory but `status`. One module per step says what holds when the
//! step succeeds and what holds when it fails. The caller performs a decided [`Action`] only after the intent of
//! its step was written ([`record::enter`]), and looks again afterwards.

pub mod action;
pub mod decision;
pub mod limits;
pub mod observed;
pub mod pause_limit;
pub mod port;
pub mod proof;
pub mod record;
pub mod route;
pub mod sight;
pub mod stall;
pub mod steps;

pub use action::{Action, Outcome};
pub use decision::{Begin, Cause, Change, Decision, End, Next};
pub use observed::{
    Branched, Closed, ConnectionSeen, EvidenceSeen, Exit, Flow, KeySeen, LinkSeen, Observed, Place, PodSeen,
    PodView, PortSeen, QueueSeen, ReaderSeen, ReadersSeen, RuleSeen, TrafficSeen,
};
pub use route::Route;
pub use sight::{Look, Sight};

use k8s_openapi::jiff::Timestamp;

use crate::api::{Leg, MigrationStatus, Phase, Plan, StatefulMigrationSpec, Step};
use crate::reason::Reason;

/// Everything a step may base its decision on.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// What the user wants.
    pub spec: &'a StatefulMigrationSpec,
    /// What is recorded.
    pub status: &'a MigrationStatus,
    /// The resolved plan.
    pub plan: &'a Plan,
    /// The handoffs that it consists of.
    pub route: Route,
    /// The present handoff.
    pub leg: &'a Leg,
    /// What was seen.
    pub seen: &'a Observed,
    /// When it was seen.
    pub now: Timestamp,
    /// When the present step began.
    pub since: Timestamp,
}

/// Decides what happens next to a migration whose plan was made ([`crate::plan`] makes it).
///
/// A status that does not fit together is answered by [`Decision::Stuck`], never by success.
pub fn next_step(
    spec: &StatefulMigrationSpec,
    status: &MigrationStatus,
    seen: &Observed,
    now: Timestamp,
) -> Decision {
    let (scene, step) = match scene(spec, status, seen, now) {
        Ok(found) => found,
        Err(cause) => return Decision::Stuck(cause),
    };
    if let Some(decision) = steps::gone::overrides(step, &scene) {
        return steps::lasting::asked(&scene, decision);
    }
    if let Some(decision) = steps::guard::overrides(step, &scene) {
        return steps::lasting::asked(&scene, decision);
    }
    let decision = match step {
        Step::Prepare => Decision::Advance(Next::to(Step::Stage)),
        Step::Stage => steps::stage::next(&scene),
        Step::Fence => steps::fence::next(&scene),
        Step::Hold => steps::hold::next(&scene),
        Step::Checkpoint => steps::checkpoint::next(&scene),
        Step::Follow => steps::follow::next(&scene),
        Step::Transfer => steps::transfer::next(&scene),
        Step::Restore => steps::restore::next(&scene),
        Step::Commit => steps::commit::next(&scene),
        Step::Exclude => steps::exclude::next(&scene),
        Step::Release => steps::release::next(&scene),
        Step::Switch => steps::switch::next(&scene),
        Step::Retire => steps::retire::next(&scene),
        Step::Clean => steps::clean::next(&scene),
        Step::Abandon => steps::abandon::next(&scene),
    };
    steps::lasting::asked(&scene, decision)
}

/// Why nothing can be decided on this status; `None` also for a migration that has not begun. A controller writes plan, intent and
/// handoff at once, so one without the others is another program's work.
pub fn unreadable(status: &MigrationStatus) -> Option<Cause> {
    let has_begun = status.plan.is_some() || status.phase != Phase::Pending;
    let missing = match (&status.plan, &status.intent, status.legs.last()) {
        _ if !has_begun || status.phase.is_terminal() => return None,
        (Some(_), Some(_), Some(_)) => return None,
        (None, _, _) => "it has no plan",
        (Some(_), None, _) => "it has no intent",
        (Some(_), Some(_), None) => "it has no handoff",
    };
    Some(changed_by_another(missing))
}

fn changed_by_another(missing: &str) -> Cause {
    Cause::new(
        Reason::StatusUnreadable,
        format!(
            "another program changed the status of this migration: {missing}. Delete this object: the controller then undoes the \
             move as it knew it before, and the pod goes on. If the pod does not consume its queue a minute later, delete the pod: \
             it starts from its image, and no message is lost"
        ),
    )
}

/// What a step may base its decision on, and the step; or what does not fit together.
fn scene<'a>(
    spec: &'a StatefulMigrationSpec,
    status: &'a MigrationStatus,
    seen: &'a Observed,
    now: Timestamp,
) -> Result<(Scene<'a>, Step), Cause> {
    if let Some(cause) = unreadable(status) {
        return Err(cause);
    }
    let (Some(plan), Some(intent), Some(leg)) = (&status.plan, &status.intent, status.legs.last()) else {
        return Err(changed_by_another("it has no plan"));
    };
    let scene = Scene {
        spec,
        status,
        plan,
        route: Route::of(plan),
        leg,
        seen,
        now,
        since: intent.since.0,
    };
    Ok((scene, intent.step))
}

/// What a look shows of stalls ([`record::notice`] writes it down).
pub fn glance(
    spec: &StatefulMigrationSpec,
    status: &MigrationStatus,
    seen: &Observed,
    now: Timestamp,
) -> stall::Glance {
    scene(spec, status, seen, now).map_or_else(
        |_| stall::Glance::default(),
        |(scene, step)| stall::glance(step, &scene),
    )
}
