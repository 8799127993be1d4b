//! `spec.maxPause` under way: when a hold has to be given back, and what is told of one that lasted too long.
//!
//! Guarantee: no handoff is committed whose hold has lasted longer at that look than allowed, or is expected to until its release.
//! Before the commit a hold that is spent is given back; a hold whose rest cannot fit any more is not kept up until it is spent.
//! After the commit there is only forward, so an excess is told.
//!
//! One exception: the last attempt of a second handoff is carried to its end. A stand-in never restarts, so it is not left for good.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::api::{ExpectedHold, Leg, LongHold, MigrationStatus, PauseLimit, Step};
use crate::forecast::basis;
use crate::machine::observed::PodSeen;
use crate::machine::steps::guard;
use crate::machine::{Cause, Route, Scene, limits};
use crate::max_pause::told;
use crate::reason::Reason;

/// A hold that can still be given back.
struct Hold<'a> {
    limit: &'a PauseLimit,
    /// When the application was asked to wait.
    since: Timestamp,
    /// What is expected between the commit and the release.
    rest: SignedDuration,
}

impl Hold<'_> {
    /// After this moment it cannot be committed in time.
    fn due(&self) -> Timestamp {
        let left = millis(self.limit.limit_millis) - self.rest;
        self.since.checked_add(left).unwrap_or(Timestamp::MAX)
    }
}

/// The moment after which the present hold has to be given back; `None`: nothing is held, or nothing limits it.
pub fn due(status: &MigrationStatus) -> Option<Timestamp> {
    let (limit, leg) = in_force(status)?;
    hold(status, limit, leg).map(|hold| hold.due())
}

/// Why the present handoff is undone. A stand-in has to be seen: were it gone, its archive would be all that is left.
pub(super) fn spent(step: Step, scene: &Scene<'_>) -> Option<Cause> {
    let (limit, leg) = in_force(scene.status)?;
    if leg.number > 1 && !is_there(scene) {
        return None;
    }
    if leg.followed.is_some() {
        let rest = millis(after_commit(limit, leg));
        let long = step == Step::Commit && rest > millis(limit.limit_millis);
        return long.then(|| cause(scene, step, SignedDuration::ZERO, rest, limit));
    }
    let hold = hold(scene.status, limit, leg)?;
    let held = scene.now.duration_since(hold.since);
    (scene.now > hold.due()).then(|| cause(scene, step, held, hold.rest, limit))
}

fn is_there(scene: &Scene<'_>) -> bool {
    matches!(scene.seen.from, PodSeen::Present(_)) && guard::changed(scene.leg, &scene.seen.from).is_none()
}

/// The limit, where the present handoff can be undone because of it.
fn in_force(status: &MigrationStatus) -> Option<(&PauseLimit, &Leg)> {
    let limit = status.plan.as_ref()?.max_pause.as_ref()?;
    let (step, leg) = (status.intent.as_ref()?.step, status.legs.last()?);
    let undoable = guard::precedes_commit(step) && leg.committed.is_none();
    let last = leg.number > 1 && leg.attempt + 1 >= limits::SECOND_LEG_ATTEMPTS;
    (undoable && !last).then_some((limit, leg))
}

/// A source that goes on after its dump holds nothing until the commit, and what comes after that is a hold of its own.
fn hold<'a>(status: &MigrationStatus, limit: &'a PauseLimit, leg: &Leg) -> Option<Hold<'a>> {
    let since = begun(status, leg).filter(|_| leg.followed.is_none())?;
    let rest = if is_live(status, leg) {
        SignedDuration::ZERO
    } else {
        millis(after_commit(limit, leg))
    };
    Some(Hold { limit, since, rest })
}

fn is_live(status: &MigrationStatus, leg: &Leg) -> bool {
    let plan = status.plan.as_ref();
    plan.is_some_and(|plan| Route::of(plan).is_live(plan.queue.hold, leg.number))
}

/// When the application was asked to wait, at the earliest: when that step began, which a controller that dies leaves on record.
/// Of the last attempt of a handoff; a fence lets its step begin twice.
fn begun(status: &MigrationStatus, leg: &Leg) -> Option<Timestamp> {
    let of_this = status
        .steps
        .iter()
        .rev()
        .filter(|record| record.leg == leg.number);
    let attempt = of_this.take_while(|record| record.step != Step::Stage);
    let holds = attempt.filter(|record| record.step == Step::Hold);
    holds.last().map(|record| record.started.0)
}

fn after_commit(limit: &PauseLimit, leg: &Leg) -> u64 {
    let of_this = |hold: &&ExpectedHold| hold.handoff == leg.number;
    limit
        .holds
        .iter()
        .find(of_this)
        .map_or(0, |hold| hold.after_commit_millis)
}

fn cause(
    scene: &Scene<'_>,
    step: Step,
    held: SignedDuration,
    rest: SignedDuration,
    limit: &PauseLimit,
) -> Cause {
    let pod = &scene.leg.from.pod;
    let rest = if rest.is_zero() {
        String::new()
    } else {
        format!(
            ", and another {} are expected until the copy reads the queue (from {})",
            told(whole(rest)),
            basis::told(limit.basis, limit.moves)
        )
    };
    let then = if scene.leg.number > 1 {
        "The stand-in goes on, and the handoff is tried again; its last attempt takes as long as it needs"
    } else {
        "The source goes on. Raise spec.maxPause (--max-pause of kubectl shadow migrate), leave it out, or move when fewer messages wait"
    };
    Cause::new(
        Reason::PauseTooLong,
        format!(
            "pod {pod} was held for {} up to the step {step}, without a commit{rest}. spec.maxPause allows {}. {then}",
            told(whole(held)),
            told(limit.limit_millis)
        ),
    )
}

/// Holds that lasted longer than allowed, since they were committed by then; one that has not ended lasts until now.
pub(super) fn long_holds(status: &MigrationStatus, now: Timestamp) -> Vec<LongHold> {
    let Some(limit) = status.plan.as_ref().and_then(|plan| plan.max_pause.as_ref()) else {
        return Vec::new();
    };
    let long = status.legs.iter().filter_map(|leg| {
        let committed = leg.committed.as_ref()?.0;
        let since = if leg.followed.is_some() {
            committed
        } else {
            begun(status, leg)?
        };
        let end = leg.released.as_ref().map_or(now, |released| released.0);
        let held = end.duration_since(since);
        (held > millis(limit.limit_millis)).then(|| {
            let before = whole(committed.duration_since(since));
            long_hold(leg, limit.limit_millis, whole(held), before)
        })
    });
    long.collect()
}

fn long_hold(leg: &Leg, limit_millis: u64, held_millis: u64, before: u64) -> LongHold {
    let message = format!(
        "the hold of handoff {} lasted {}, and spec.maxPause allows {}: the commit came after {}, and after it there is only forward",
        leg.number,
        told(held_millis),
        told(limit_millis),
        told(before)
    );
    LongHold {
        handoff: leg.number,
        held_millis,
        limit_millis,
        message,
    }
}

fn millis(millis: u64) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

fn whole(time: SignedDuration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or_default()
}
