//! Which verb comes next when a park is helped by a fence: pure, from what stands now. `docs/handoff-exchange.md` has the
//! same as a table, with what is proven at each point and how each point is undone.
//!
//! Guarantee: the instance is told to read a queue only when every message that is older, of any publisher, was applied:
//! first what was in the queue at the fence, then the backlog, then what came after the flip.

use std::time::Duration;

use super::topology::PortState;
use crate::broker::QueueSeen;

/// An application that reads its control queue once a second, or at once, whatever it is busy with, has parked by then.
pub const HELP_AFTER: Duration = Duration::from_millis(1500);

/// What is known before a decision. Queues are looked at by [`Broker::queue_with_unacked`], after the port.
///
/// [`Broker::queue_with_unacked`]: crate::broker::Broker::queue_with_unacked
#[derive(Clone, Debug)]
pub struct Seen {
    /// What stands before the queue.
    pub port: PortState,
    /// The backlog queue takes what the fence keeps away.
    pub branched: bool,
    /// The hold queue of this handoff.
    pub hold: QueueSeen,
    /// The primary queue.
    pub primary: QueueSeen,
    /// The backlog queue.
    pub backlog: QueueSeen,
}

/// Queue that an instance is told to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// END_REPLAY.
    Primary,
    /// START_REPLAY with the backlog queue.
    Backlog,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Look again later.
    Wait,
    /// [`Broker::adopt`](crate::broker::Broker::adopt).
    Adopt,
    /// Declare the backlog queue and [`Broker::branch`](crate::broker::Broker::branch) it.
    Branch,
    /// [`Broker::fence`](crate::broker::Broker::fence).
    Fence,
    /// [`Broker::take_in_strays`](crate::broker::Broker::take_in_strays); the verdict gets a doubt.
    TakeInStrays,
    /// [`Broker::flip_back`](crate::broker::Broker::flip_back).
    FlipBack,
    /// Send the control message, if after [`Broker::settled`](crate::broker::Broker::settled) the answer is still the same:
    /// a queue that is empty right after the flow was turned may yet get what was on its way. Once for each change of the
    /// answer; after a crash it may be sent again.
    Tell(Source),
    /// [`Broker::unbranch`](crate::broker::Broker::unbranch).
    Unbranch,
    /// [`Broker::delete_queue`](crate::broker::Broker::delete_queue) with its proof.
    DeleteBacklog,
    /// [`Broker::give_back`](crate::broker::Broker::give_back).
    GiveBack,
    /// Reached.
    Done,
}

/// After START_REPLAY to the hold queue was sent to the instance that is to park. [`Verb::Done`] when it is parked: it
/// has applied and acknowledged everything that it was given, and reads nothing but the empty hold queue.
///
/// An instance that reads control messages only when it has nothing else to do parks when the queue that it reads is
/// finite and worked off: its own queue behind a fence, or, in the second handoff, the backlog after the flip.
pub fn towards_park(seen: &Seen, since_asked: Duration) -> Verb {
    let idle = |queue: QueueSeen| consumers(queue) == 0 && unacked(queue) == 0;
    if consumers(seen.hold) == 1 && idle(seen.primary) && idle(seen.backlog) {
        return Verb::Done;
    }
    if since_asked < HELP_AFTER {
        return Verb::Wait;
    }
    let on_backlog = consumers(seen.backlog) > 0;
    // On its way from one queue to another, or connecting again.
    let nowhere = !on_backlog && consumers(seen.primary) == 0;
    match (&seen.port, on_backlog) {
        (PortState::Breached { .. }, true | false) => Verb::TakeInStrays,
        (PortState::Fenced, true) => Verb::FlipBack,
        (PortState::Fenced, false)
        | (PortState::Adopted | PortState::HalfAdopted { .. } | PortState::NotAdopted, true) => Verb::Wait,
        (PortState::Adopted | PortState::HalfAdopted { .. } | PortState::NotAdopted, false) if nowhere => {
            Verb::Wait
        }
        (PortState::NotAdopted | PortState::HalfAdopted { .. }, false) => Verb::Adopt,
        (PortState::Adopted, false) if seen.branched => Verb::Fence,
        (PortState::Adopted, false) => Verb::Branch,
    }
}

/// How long a fenced queue will take until it is worked off, from two looks at it; `None` when it did not get shorter.
/// Where that is longer than a move may take, [`Broker::starve`](crate::broker::Broker::starve) parks the application at
/// once and leaves the backlog where it is.
pub fn expected_drain(before: u64, now: u64, between: Duration) -> Option<Duration> {
    let served = before.checked_sub(now).filter(|served| *served > 0)?;
    let left = u32::try_from(now).ok()?;
    Some(between.saturating_mul(left) / u32::try_from(served).ok()?)
}

/// After the commit, to the copy; or after an abandon, to the source. [`Verb::Done`] when everything is as before.
pub fn after_release(seen: &Seen) -> Verb {
    match seen.port {
        PortState::Breached { .. } => Verb::TakeInStrays,
        PortState::Fenced => behind_the_fence(seen),
        PortState::Adopted | PortState::HalfAdopted { .. } | PortState::NotAdopted => after_the_flip(seen),
    }
}

/// New messages go to the backlog; the primary queue is finite and older.
fn behind_the_fence(seen: &Seen) -> Verb {
    let on_primary = consumers(seen.primary) > 0;
    let on_backlog = consumers(seen.backlog) > 0;
    match (worked_off(seen.primary), on_primary, on_backlog) {
        (false, true, true | false) => Verb::Wait,
        (false, false, true | false) => Verb::Tell(Source::Primary),
        (true, true, true | false) | (true, false, false) => Verb::Tell(Source::Backlog),
        (true, false, true) => Verb::FlipBack,
    }
}

/// New messages go to the primary queue; the backlog is finite and older.
fn after_the_flip(seen: &Seen) -> Verb {
    let on_primary = consumers(seen.primary) > 0;
    let on_backlog = consumers(seen.backlog) > 0;
    match (worked_off(seen.backlog), on_primary, on_backlog) {
        (false, true | false, true) => Verb::Wait,
        (false, true | false, false) => Verb::Tell(Source::Backlog),
        (true, false, true | false) | (true, true, true) => Verb::Tell(Source::Primary),
        (true, true, false) => tidy(seen),
    }
}

fn tidy(seen: &Seen) -> Verb {
    if seen.branched {
        return Verb::Unbranch;
    }
    match (&seen.backlog, &seen.port) {
        (QueueSeen::Present { .. }, _) => Verb::DeleteBacklog,
        (QueueSeen::Absent, PortState::NotAdopted) => Verb::Done,
        (
            QueueSeen::Absent,
            PortState::Adopted
            | PortState::HalfAdopted { .. }
            | PortState::Fenced
            | PortState::Breached { .. },
        ) => Verb::GiveBack,
    }
}

/// Whether nothing waits in a queue and nothing is held of it. A queue that is not there holds nothing.
pub fn worked_off(queue: QueueSeen) -> bool {
    match queue {
        QueueSeen::Absent => true,
        // Not known is not nothing.
        QueueSeen::Present { ready, unacked, .. } => ready == 0 && unacked == Some(0),
    }
}

fn consumers(queue: QueueSeen) -> u64 {
    match queue {
        QueueSeen::Absent => 0,
        QueueSeen::Present { consumers, .. } => consumers,
    }
}

fn unacked(queue: QueueSeen) -> u64 {
    match queue {
        QueueSeen::Absent => 0,
        QueueSeen::Present { unacked, .. } => unacked.unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PortState::{Adopted, Fenced, NotAdopted};

    const NOW: Duration = HELP_AFTER;

    fn queue(ready: u64, unacked: u64, consumers: u64) -> QueueSeen {
        QueueSeen::Present {
            ready,
            consumers,
            unacked: Some(unacked),
        }
    }

    fn seen(port: PortState, hold: u64, primary: QueueSeen, backlog: QueueSeen) -> Seen {
        Seen {
            port,
            branched: true,
            hold: queue(0, 0, hold),
            primary,
            backlog,
        }
    }

    #[test]
    fn help_comes_after_a_while_and_step_by_step() {
        let busy = queue(900, 50, 1);
        let at = |port, backlog| seen(port, 0, busy, backlog);
        let absent = QueueSeen::Absent;
        assert_eq!(
            towards_park(&at(NotAdopted, absent), Duration::from_millis(900)),
            Verb::Wait
        );
        assert_eq!(towards_park(&at(NotAdopted, absent), NOW), Verb::Adopt);
        let switching = seen(Adopted, 0, queue(900, 0, 0), queue(0, 0, 0));
        assert_eq!(towards_park(&switching, NOW), Verb::Wait);
        let unbranched = Seen {
            branched: false,
            ..at(Adopted, absent)
        };
        assert_eq!(towards_park(&unbranched, NOW), Verb::Branch);
        assert_eq!(towards_park(&at(Adopted, queue(0, 0, 0)), NOW), Verb::Fence);
        assert_eq!(towards_park(&at(Fenced, queue(9, 0, 0)), NOW), Verb::Wait);
        let breached = PortState::Breached { strays: Vec::new() };
        assert_eq!(
            towards_park(&at(breached, queue(9, 0, 0)), NOW),
            Verb::TakeInStrays
        );
    }

    #[test]
    fn the_rest_of_a_drain_is_expected_from_what_was_served() {
        let second = Duration::from_secs(1);
        assert_eq!(
            expected_drain(500, 420, second),
            Some(Duration::from_millis(5250))
        );
        assert_eq!(expected_drain(500, 0, second), Some(Duration::ZERO));
        assert_eq!(expected_drain(500, 500, second), None);
        assert_eq!(expected_drain(500, 600, second), None);
    }

    #[test]
    fn parked_is_only_who_holds_nothing_of_any_queue() {
        for (primary, backlog, verb) in [
            (queue(7, 0, 0), queue(9, 0, 0), Verb::Done),
            (queue(7, 0, 0), QueueSeen::Absent, Verb::Done),
            (queue(7, 3, 0), queue(9, 0, 0), Verb::Wait),
            (queue(7, 0, 0), queue(9, 1, 0), Verb::Wait),
            (queue(7, 0, 1), queue(9, 0, 0), Verb::Wait),
        ] {
            assert_eq!(
                towards_park(&seen(Fenced, 1, primary, backlog), NOW),
                verb,
                "{primary:?} {backlog:?}"
            );
        }
    }

    #[test]
    fn an_instance_on_the_backlog_parks_when_the_backlog_is_made_finite() {
        let at = |port| seen(port, 0, queue(0, 0, 0), queue(500, 50, 1));
        assert_eq!(towards_park(&at(Fenced), NOW), Verb::FlipBack);
        assert_eq!(towards_park(&at(Adopted), NOW), Verb::Wait);
    }

    #[test]
    fn what_is_older_is_served_first() {
        let (none, some) = (queue(0, 0, 0), queue(5, 0, 0));
        let (served, done) = (queue(5, 9, 1), queue(0, 0, 1));
        for (port, primary, backlog, verb) in [
            (Fenced, some, some, Verb::Tell(Source::Primary)),
            (Fenced, served, some, Verb::Wait),
            (Fenced, done, some, Verb::Tell(Source::Backlog)),
            (Fenced, none, some, Verb::Tell(Source::Backlog)),
            (Fenced, none, served, Verb::FlipBack),
            (Adopted, some, served, Verb::Wait),
            (Adopted, some, some, Verb::Tell(Source::Backlog)),
            (Adopted, some, queue(0, 1, 1), Verb::Wait),
            (Adopted, some, done, Verb::Tell(Source::Primary)),
            (Adopted, some, none, Verb::Tell(Source::Primary)),
            (Adopted, served, none, Verb::Unbranch),
        ] {
            let scene = seen(port, 0, primary, backlog);
            assert_eq!(after_release(&scene), verb, "{scene:?}");
        }
    }

    #[test]
    fn tidying_ends_where_it_began() {
        let at = |port, branched, backlog| Seen {
            branched,
            ..seen(port, 0, queue(5, 9, 1), backlog)
        };
        let empty = queue(0, 0, 0);
        assert_eq!(after_release(&at(Adopted, true, empty)), Verb::Unbranch);
        assert_eq!(after_release(&at(Adopted, false, empty)), Verb::DeleteBacklog);
        assert_eq!(
            after_release(&at(Adopted, false, QueueSeen::Absent)),
            Verb::GiveBack
        );
        assert_eq!(
            after_release(&at(NotAdopted, false, QueueSeen::Absent)),
            Verb::Done
        );
    }
}
