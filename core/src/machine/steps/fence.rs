//! Fence: new messages go to a backlog queue, so that the primary queue becomes finite.
//!
//! Success: every new message goes to the backlog (and to its mirror, for a source that is going to go on), and the primary
//! queue is worked off: the instance has nothing else to do, and in a live move its copy will have no older messages.
//! Failure: the stream is led back, oldest messages first, and nothing of ours stays before the queue.
//!
//! Which change of the flow comes next is decided in [`port`]; here stand the conditions around it. What later steps do with
//! a stream that was fenced stands in `fenced`.

use k8s_openapi::jiff::SignedDuration;

use crate::api::{Reading, Step};
use crate::machine::port::{self, PortChange, Verb};
use crate::machine::steps::fenced::{make, progress, record_twins, seen, unread};
use crate::machine::steps::{guard, overdue, wait, works};
use crate::machine::{Cause, Decision, Next, Scene, limits};
use crate::reason::Reason;

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    let Some(seen) = seen(scene, Reading::Backlog) else {
        return gave_up(scene).unwrap_or_else(|| wait(scene, unread(scene)));
    };
    if !seen.flow.is_turned() && !port::worked_off(seen.backlog) {
        return Decision::RollBack(Cause::new(
            Reason::BacklogUnread,
            format!(
                "messages of an earlier handoff still wait in a backlog queue (ms2m.backlog.*, beside {}). Wait until pod \
                 {} has worked them off. Then start the migration again",
                scene.plan.queue.queue, scene.leg.from.pod
            ),
        ));
    }
    if let Some(recorded) = record_twins(scene, &seen) {
        return recorded;
    }
    match port::towards_fence(&seen) {
        Verb::Done if !port::worked_off(seen.primary) && !port::is_parked(&seen) => {
            gave_up(scene).unwrap_or_else(|| works(scene, progress(scene, &seen)))
        }
        Verb::Done => Decision::Advance(
            Next::to(Step::Hold)
                .note("new messages wait in a backlog queue; the primary queue is worked off"),
        ),
        Verb::Wait => gave_up(scene).unwrap_or_else(|| works(scene, progress(scene, &seen))),
        Verb::Make(change) => make(change, Reading::Backlog),
        Verb::TellPrimary | Verb::TellBacklog => works(scene, progress(scene, &seen)),
    }
}

/// Hold: the application reads control messages only when it has nothing else to do, and gets something else all the
/// time. `None`: it is not so, or cannot be helped.
pub(super) fn help(scene: &Scene<'_>) -> Option<Decision> {
    let asked = scene.leg.park_sent.as_ref()?.0;
    let unread = scene.seen.from_control.ready().unwrap_or(0) > 0;
    let can = scene.plan.queue.unfenced.is_none();
    let late = scene.now.duration_since(asked) >= port::HELP_AFTER;
    (unread && can && late).then(|| {
        Decision::Advance(Next::to(Step::Fence).note(
            "the application does not read its control queue while it has messages to work on, so new messages are kept \
             away from it",
        ))
    })
}

/// Hold of a stream that was fenced: whether it is parked, or what leads on to that. `None`: it is waited for.
pub(super) fn towards_park(scene: &Scene<'_>) -> Option<Parking> {
    let seen = seen(scene, Reading::Backlog)?;
    let since = scene
        .leg
        .park_sent
        .as_ref()
        .map(|asked| scene.now.duration_since(asked.0));
    match port::towards_park(&seen, since.unwrap_or_default()) {
        Verb::Done => Some(Parking::Parked),
        Verb::Make(PortChange::Adopt | PortChange::Branch | PortChange::Fence) => {
            help(scene).map(Parking::Not)
        }
        Verb::Make(change) => Some(Parking::Not(make(change, Reading::Backlog))),
        Verb::Wait | Verb::TellPrimary | Verb::TellBacklog => None,
    }
}

/// Answer of [`towards_park`].
pub(super) enum Parking {
    /// It is parked.
    Parked,
    /// This first.
    Not(Decision),
}

/// Whether new messages are kept away from the primary queue now.
pub(super) fn is_up(scene: &Scene<'_>) -> bool {
    seen(scene, Reading::Backlog).is_some_and(|seen| seen.flow.is_turned())
}

/// How long what waits may take to be worked off, from the begin of this step: before the first commit as long as the user
/// lets the move take.
fn patience(scene: &Scene<'_>) -> SignedDuration {
    if scene.leg.number > 1 {
        return limits::FENCE_LATER;
    }
    let allowed = guard::allowed(scene.spec);
    let left =
        guard::deadline(scene.spec, scene.status).map_or(allowed, |end| end.duration_since(scene.since));
    left - limits::AFTER_FENCE.min(allowed / 2)
}

/// Hold of a stream that was fenced: how long it may take to park. One that reads nothing at this moment is on its way from
/// one queue to the next, however long ago it began with the first.
pub(super) fn until_parked(scene: &Scene<'_>) -> SignedDuration {
    match seen(scene, Reading::Backlog) {
        Some(seen) if seen.reads_the_rest() || seen.is_unread() => patience(scene),
        Some(_) | None => limits::PARK,
    }
}

fn gave_up(scene: &Scene<'_>) -> Option<Decision> {
    overdue(scene, patience(scene)).then(|| {
        let how = seen(scene, Reading::Backlog).map_or_else(|| unread(scene), |seen| progress(scene, &seen));
        Decision::RollBack(Cause::new(
            Reason::NotWorkedOff,
            format!(
                "after {} s {how}. The pod does not work them off in time: give it more time (spec.deadlineSeconds), start \
                 the migration again when fewer messages wait, or let the application read control messages at any time \
                 (docs/applications.md)",
                scene.now.duration_since(scene.since).as_secs()
            ),
        ))
    })
}
