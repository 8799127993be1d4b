//! What steps know of a stream that was fenced, and what they say of it.

mod lead;

use crate::api::{Fence, HoldKind, Reading};
use crate::machine::observed::{Branched, Flow, PodSeen, PortSeen, QueueSeen};
use crate::machine::port::{PortChange, Seen};
use crate::machine::steps::blind;
use crate::machine::{Action, Decision, Scene};

pub(super) use lead::{Reader, Resumed, lead, release, resume, tell};

/// Whether the source goes on during the present handoff.
pub(super) fn is_live(scene: &Scene<'_>) -> bool {
    scene.route.is_live(scene.plan.queue.hold, scene.leg.number)
}

/// Whether somebody else than the copy consumes the primary queue, seen after the commit.
pub(super) fn intruders(scene: &Scene<'_>) -> u64 {
    let on_backlog = scene.seen.backlog.consumers().unwrap_or(0) > 0;
    let expected = u64::from(!on_backlog);
    scene
        .seen
        .primary
        .consumers()
        .unwrap_or(0)
        .saturating_sub(expected)
}

/// What is known of the stream; `None` while the port cannot be read. A live move wants the mirror, too.
pub(in crate::machine) fn seen(scene: &Scene<'_>, served: Reading) -> Option<Seen> {
    let PortSeen::Seen { flow, branched } = scene.seen.port else {
        return None;
    };
    let (backlog, twin) = match served {
        Reading::Mirror => (scene.seen.mirror, scene.seen.backlog),
        Reading::Primary | Reading::Backlog => (scene.seen.backlog, scene.seen.mirror),
    };
    Some(Seen {
        flow,
        branched,
        hold: scene.seen.hold,
        primary: scene.seen.primary,
        backlog,
        twin,
    })
}

pub(in crate::machine) fn are_twins(scene: &Scene<'_>) -> bool {
    scene
        .status
        .fence
        .as_ref()
        .is_some_and(|Fence { twins, .. }| *twins)
}

/// A controller that died may not have written down that backlog and mirror get the same.
pub(super) fn record_twins(scene: &Scene<'_>, seen: &Seen) -> Option<Decision> {
    let wanted = scene.plan.queue.hold == HoldKind::Exchange && seen.branched == Branched::Fully;
    (wanted && !are_twins(scene)).then(|| make(PortChange::Branch, Reading::Backlog))
}

pub(super) fn make(change: PortChange, served: Reading) -> Decision {
    Decision::Run(Action::Port { change, served })
}

pub(super) fn progress(scene: &Scene<'_>, seen: &Seen) -> String {
    let queue = &scene.plan.queue.queue;
    let older = if seen.flow.is_turned() {
        seen.primary
    } else {
        seen.backlog
    };
    let left = match older {
        QueueSeen::Present { ready, unacked, .. } => format!("{}", ready + unacked.unwrap_or(0)),
        QueueSeen::Absent => "0".to_owned(),
        QueueSeen::Unseen => "an unknown number of".to_owned(),
    };
    let gone = match &scene.seen.from {
        PodSeen::Gone if scene.leg.committed.is_none() => "; no consumer reads them",
        PodSeen::Gone | PodSeen::Present(_) | PodSeen::Unseen => "",
    };
    let what = match seen.flow {
        Flow::Fenced | Flow::Breached => {
            format!("{left} messages of {queue} are still to be worked off; new ones wait behind them")
        }
        Flow::Direct | Flow::Partial | Flow::Ported => {
            format!(
                "{left} messages that came during the move are still to be worked off; new ones wait in {queue}"
            )
        }
    };
    let unbound = match seen.branched {
        Branched::Partly => "; the backlog queues are not all bound",
        Branched::No | Branched::Fully => "",
    };
    format!("{what}{gone}{unbound}{}", blind(scene))
}

pub(super) fn unread(scene: &Scene<'_>) -> String {
    format!("the exchanges before the queue cannot be read{}", blind(scene))
}
