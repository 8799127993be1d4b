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
    Branched, ConnectionSeen, EvidenceSeen, Exit, Flow, KeySeen, LinkSeen, Observed, PodSeen, PodView,
    PortSeen, QueueSeen, RuleSeen, TrafficSeen,
};
pub use route::Route;
pub use sight::{Look, Sight};

use k8s_openapi::jiff::Timestamp;

use crate::api::{Leg, MigrationStatus, Plan, StatefulMigrationSpec, Step};
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
    if let Some(decision) = steps::guard::overrides(step, &scene) {
        return decision;
    }
    match step {
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
    }
}

/// What a step may base its decision on, and the step; or what does not fit together.
fn scene<'a>(
    spec: &'a StatefulMigrationSpec,
    status: &'a MigrationStatus,
    seen: &'a Observed,
    now: Timestamp,
) -> Result<(Scene<'a>, Step), Cause> {
    let unreadable = |why: &str| Cause::new(Reason::StatusUnreadable, why);
    let (Some(plan), Some(intent)) = (&status.plan, &status.intent) else {
        return Err(unreadable(
            "the status has a phase, but no plan or no intent: another program changed it. Both pods are kept. Look at the \
             pods and at the queue, then delete this object",
        ));
    };
    let leg = status.legs.last().ok_or_else(|| {
        unreadable(
            "the status has a plan, but no handoff: another program changed it. Delete this object, and create it again",
        )
    })?;
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
