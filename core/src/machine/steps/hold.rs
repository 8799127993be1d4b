//! Hold: deliveries to the present instance stop at an exact boundary.
//!
//! Success: the instance waits on the hold queue, has applied and acknowledged everything it was given, and
//! nobody consumes the primary queue; new messages wait there in order. Proven by the broker, not assumed: the
//! hold queue is fresh, so its consumer shows that every earlier control message was read.
//! An application that reads control messages only when it has nothing else to do is helped by a fence.
//! Failure: the instance is sent back to its primary queue.

use crate::api::Step;
use crate::doubt::Doubt;
use crate::machine::observed::{ConnectionSeen, QueueSeen};
use crate::machine::steps::fence::Parking;
use crate::machine::steps::{after, blind, fence, overdue, single_active, wait};
use crate::machine::{Action, Cause, Change, Decision, Next, Scene, limits};
use crate::reason::Reason;

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    if single_active::applies(scene) {
        return single_active::hold(scene);
    }
    let seen = scene.seen;
    if scene.leg.park_sent.is_none() {
        return match seen.hold {
            QueueSeen::Unseen => gave_up(scene).unwrap_or_else(|| wait(scene, blind_broker(scene))),
            QueueSeen::Absent | QueueSeen::Present { .. } => Decision::Run(Action::Park {
                pod: scene.leg.from.pod.clone(),
            }),
        };
    }
    let fenced = scene.status.fence.is_some();
    match fence::towards_park(scene).filter(|_| fenced) {
        Some(Parking::Parked) => return Decision::Advance(parked(scene)),
        Some(Parking::Not(first)) => return first,
        None if !fenced && is_parked(seen.hold, seen.primary) => return Decision::Advance(parked(scene)),
        None => {}
    }
    if !fenced && let Some(help) = fence::help(scene) {
        return help;
    }
    gave_up(scene).unwrap_or_else(|| wait(scene, progress(scene)))
}

fn parked(scene: &Scene<'_>) -> Next {
    let next = after(Step::Hold, scene)
        .note(format!(
            "everything delivered to {} is acknowledged",
            scene.leg.from.pod
        ))
        .change(Change::Parked);
    let allowed = scene.plan.queue.inexact.clone();
    let allowed = allowed.map(|why| Doubt::AllowedByPolicy { why });
    let lost = match &scene.seen.connection {
        ConnectionSeen::Lost(how) => Some(Doubt::ConnectionLost { how: how.clone() }),
        ConnectionSeen::Held | ConnectionSeen::Unseen => None,
    };
    match (allowed, lost) {
        // A controller that dies before the dump is recorded asks for the hold once more and finds it.
        (None, None) => next.unrecorded(),
        (Some(doubt), None) | (None, Some(doubt)) => next.doubt(doubt),
        (Some(allowed), Some(lost)) => next.doubt(allowed).doubt(lost),
    }
}

/// The proof: one consumer on the fresh hold queue, none on the primary queue, nothing unacknowledged on it.
pub fn is_parked(hold: QueueSeen, primary: QueueSeen) -> bool {
    hold.consumers() == Some(1) && primary.consumers() == Some(0) && primary.settled()
}

fn gave_up(scene: &Scene<'_>) -> Option<Decision> {
    let unread = scene.seen.from_control.ready().unwrap_or(0) > 0;
    let limit = match (&scene.status.fence, &scene.plan.queue.unfenced) {
        // It has nothing else to do since this step began.
        (Some(_), _) if fence::is_up(scene) => limits::DEAF,
        (None, Some(_)) => limits::CONTROL_UNREAD,
        // It is helped first, or works off the rest.
        (Some(_), _) => fence::until_parked(scene),
        (None, None) => limits::PARK,
    };
    if unread && overdue(scene, limit) {
        let queue = crate::names::control_queue(&scene.leg.from.pod);
        let unhelped = match &scene.plan.queue.unfenced {
            Some(why) => format!(
                ". If it reads control messages only when it has no other message to work on, new messages have to be kept away \
                 from it meanwhile, and that is not possible: {why}"
            ),
            None => String::new(),
        };
        return Some(Decision::RollBack(Cause::new(
            Reason::ControlUnread,
            format!(
                "the application does not read its control queue {queue:?}. It has to consume that queue, take its name from \
                 /etc/hostname and answer START_REPLAY (docs/applications.md){unhelped}"
            ),
        )));
    }
    overdue(scene, fence::until_parked(scene)).then(|| {
        let waited = scene.now.duration_since(scene.since);
        let message = format!(
            "the application did not go to the hold queue within {} s: {}. Read in its log what it does with START_REPLAY, then start \
             the migration again",
            waited.as_secs(),
            progress(scene)
        );
        Decision::RollBack(Cause::new(Reason::NotParked, message))
    })
}

fn progress(scene: &Scene<'_>) -> String {
    let (hold, primary) = (scene.seen.hold, scene.seen.primary);
    let unacked = match primary {
        QueueSeen::Present { unacked: Some(n), .. } => format!("{n} messages unacknowledged"),
        QueueSeen::Present { .. } | QueueSeen::Absent | QueueSeen::Unseen => {
            "an unknown number of messages unacknowledged".to_owned()
        }
    };
    format!(
        "{} consumers on the hold queue (1 wanted), {} on {} (0 wanted), {unacked}{}",
        count(hold),
        count(primary),
        scene.plan.queue.queue,
        blind(scene)
    )
}

fn count(queue: QueueSeen) -> String {
    queue
        .consumers()
        .map_or_else(|| "unknown".to_owned(), |n| n.to_string())
}

fn blind_broker(scene: &Scene<'_>) -> String {
    format!("the broker does not answer{}", blind(scene))
}
