//! Which verb comes next when a port stands before the primary queue: pure, from what stands now. The port is two
//! exchanges which let one binding turn the whole flow, to the queue or to a backlog queue beside it
//! (`docs/handoff-exchange.md`, where the same stands as tables, with what is proven at each point and how each point is
//! undone).
//!
//! Guarantee: the instance is told to read a queue only when every message that is older, of any publisher, was applied:
//! first what was in the queue at the fence, then the backlog, then what came after the flip.

use k8s_openapi::jiff::SignedDuration;

use super::observed::{Branched, Flow, QueueSeen};

/// An application that reads its control queue once a second, or at once, whatever it is busy with, has read it by then.
pub const HELP_AFTER: SignedDuration = SignedDuration::from_millis(1500);

/// What is known before a decision; the port is looked at before the queues.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Where new messages go.
    pub flow: Flow,
    /// The backlog queue, and its mirror where one is wanted, take what the fence keeps away.
    pub branched: Branched,
    /// The hold queue of this handoff.
    pub hold: QueueSeen,
    /// The primary queue.
    pub primary: QueueSeen,
    /// The queue with what the fence keeps away that the instance is going to read: the backlog or its mirror.
    pub backlog: QueueSeen,
    /// The other one of the two, where both were wanted.
    pub twin: QueueSeen,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Look again later.
    Wait,
    /// Change what stands before the queue or beside it.
    Make(PortChange),
    /// Tell the instance to read the next queue, if after a settle time the answer is still the same: a queue that is
    /// empty right after the flow was turned may yet get what was on its way. Once for each change of the answer; after a
    /// crash it may be sent again.
    TellPrimary,
    /// The same with the backlog.
    TellBacklog,
    /// Reached.
    Done,
}

/// A change of what stands before the queue or beside it. Each may be asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortChange {
    /// Put the port before the queue.
    Adopt,
    /// Declare the backlog queue (and its mirror) and bind it behind the fence.
    Branch,
    /// Turn every new message to the backlog.
    Fence,
    /// Bindings past the port are taken in; the verdict gets a doubt.
    TakeInStrays,
    /// Turn every new message to the queue.
    FlipBack,
    /// Take the backlog from behind the fence.
    Unbranch,
    /// Delete the queue that got the same messages as the one that was worked off.
    DeleteTwin,
    /// Delete the queue that was worked off.
    DeleteBacklog,
    /// Put what waits in the backlog at the end of the queue, then turn every new message to the queue: for an instance
    /// that does not read what it is told, or is not there. What comes between the two stays in the backlog. Nothing is
    /// poured where new messages go to the queue already.
    PourBack,
    /// Put what is left in the backlog behind the newer messages in the queue, which the verdict has to say before.
    PourRest,
    /// Take the port away.
    GiveBack,
}

/// After START_REPLAY to the hold queue was sent to the instance that is to park. [`Verb::Done`] when it is parked: it
/// has applied and acknowledged everything that it was given, and reads nothing but the empty hold queue.
///
/// An instance that reads control messages only when it has nothing else to do parks when the queue that it reads is
/// finite and worked off: its own queue behind a fence, or, in the second handoff, the backlog after the flip.
pub fn towards_park(seen: &Seen, since_asked: SignedDuration) -> Verb {
    if seen.is_blind() {
        return Verb::Wait;
    }
    if is_parked(seen) {
        return Verb::Done;
    }
    if since_asked < HELP_AFTER {
        return Verb::Wait;
    }
    match (seen.flow, seen.on_backlog()) {
        (Flow::Breached, true | false) => Verb::Make(PortChange::TakeInStrays),
        (Flow::Fenced, true) => Verb::Make(PortChange::FlipBack),
        (Flow::Fenced, false) | (Flow::Ported | Flow::Partial | Flow::Direct, true) => Verb::Wait,
        // On its way from one queue to another, or connecting again.
        (Flow::Ported | Flow::Partial | Flow::Direct, false) if !seen.on_primary() => Verb::Wait,
        (Flow::Ported | Flow::Partial | Flow::Direct, false) => towards_fence(seen),
    }
}

/// Nobody consumes anything but the hold queue, and nothing is unacknowledged.
pub fn is_parked(seen: &Seen) -> bool {
    let idle = |queue: QueueSeen| consumers(queue) == 0 && unacked(queue) == 0;
    consumers(seen.hold) == 1 && idle(seen.primary) && idle(seen.backlog)
}

/// [`Verb::Done`] when every new message goes to the backlog (and its mirror) and the primary queue is finite.
pub fn towards_fence(seen: &Seen) -> Verb {
    if seen.is_blind() {
        return Verb::Wait;
    }
    match (seen.flow, seen.branched) {
        (Flow::Breached, _) => Verb::Make(PortChange::TakeInStrays),
        (Flow::Direct | Flow::Partial, _) => Verb::Make(PortChange::Adopt),
        (Flow::Ported, Branched::Fully) => Verb::Make(PortChange::Fence),
        (Flow::Ported, Branched::No | Branched::Partly) => Verb::Make(PortChange::Branch),
        (Flow::Fenced, _) => Verb::Done,
    }
}

/// After the commit, to the copy; or after an abandon, to the source. [`Verb::Done`] when everything is as before.
pub fn after_release(seen: &Seen) -> Verb {
    if seen.is_blind() {
        return Verb::Wait;
    }
    match seen.flow {
        Flow::Breached => Verb::Make(PortChange::TakeInStrays),
        Flow::Fenced => behind_the_fence(seen),
        Flow::Ported | Flow::Partial | Flow::Direct => after_the_flip(seen),
    }
}

/// New messages go to the backlog; the primary queue is finite and older.
fn behind_the_fence(seen: &Seen) -> Verb {
    match (worked_off(seen.primary), seen.on_primary(), seen.on_backlog()) {
        (false, true, true | false) => Verb::Wait,
        (false, false, true | false) => Verb::TellPrimary,
        (true, true, true | false) | (true, false, false) => Verb::TellBacklog,
        (true, false, true) => Verb::Make(PortChange::FlipBack),
    }
}

/// New messages go to the primary queue; the backlog is finite and older.
fn after_the_flip(seen: &Seen) -> Verb {
    match (worked_off(seen.backlog), seen.on_primary(), seen.on_backlog()) {
        (false, true | false, true) => Verb::Wait,
        (false, true | false, false) => Verb::TellBacklog,
        (true, false, true | false) | (true, true, true) => Verb::TellPrimary,
        (true, true, false) => tidy(seen),
    }
}

/// What is left of us, once nothing waits beside the queue.
pub fn tidy(seen: &Seen) -> Verb {
    match seen.branched {
        Branched::Partly | Branched::Fully => return Verb::Make(PortChange::Unbranch),
        Branched::No => {}
    }
    match (seen.twin, seen.backlog, seen.flow) {
        // Whoever was left with it is on its way out.
        (QueueSeen::Present { consumers: 1.., .. }, _, _) => Verb::Wait,
        (QueueSeen::Present { .. }, _, _) => Verb::Make(PortChange::DeleteTwin),
        (_, QueueSeen::Present { .. }, _) => Verb::Make(PortChange::DeleteBacklog),
        (_, _, Flow::Direct) => Verb::Done,
        (_, _, Flow::Partial | Flow::Ported | Flow::Fenced | Flow::Breached) => {
            Verb::Make(PortChange::GiveBack)
        }
    }
}

impl Seen {
    /// What is not known is not decided on.
    pub fn is_blind(&self) -> bool {
        [self.hold, self.primary, self.backlog, self.twin].contains(&QueueSeen::Unseen)
    }

    /// Somebody consumes the primary queue.
    pub fn on_primary(&self) -> bool {
        consumers(self.primary) > 0
    }

    /// Somebody consumes the backlog.
    pub fn on_backlog(&self) -> bool {
        consumers(self.backlog) > 0
    }

    /// Nobody reads anything of the stream.
    pub fn is_unread(&self) -> bool {
        !self.is_blind() && !self.on_primary() && !self.on_backlog()
    }

    /// New messages wait in the primary queue, and the instance works off what came before them.
    pub fn reads_the_rest(&self) -> bool {
        !self.is_blind() && !self.flow.is_turned() && self.on_backlog() && !self.on_primary()
    }

    /// Somebody consumes newer messages while older ones wait.
    pub fn is_overtaken(&self) -> bool {
        !self.is_blind() && !self.flow.is_turned() && self.on_primary() && !worked_off(self.backlog)
    }
}

/// Whether nothing waits in a queue and nothing is held of it. A queue that is not there holds nothing.
pub fn worked_off(queue: QueueSeen) -> bool {
    match queue {
        QueueSeen::Absent => true,
        // Not known is not nothing.
        QueueSeen::Unseen => false,
        QueueSeen::Present { ready, unacked, .. } => ready == 0 && unacked == Some(0),
    }
}

fn consumers(queue: QueueSeen) -> u64 {
    queue.consumers().unwrap_or(0)
}

fn unacked(queue: QueueSeen) -> u64 {
    match queue {
        QueueSeen::Absent => 0,
        QueueSeen::Unseen => u64::MAX,
        QueueSeen::Present { unacked, .. } => unacked.unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Flow::{Breached, Direct, Fenced, Ported};

    const NOW: SignedDuration = HELP_AFTER;

    fn queue(ready: u64, unacked: u64, consumers: u64) -> QueueSeen {
        QueueSeen::Present {
            ready,
            consumers,
            unacked: Some(unacked),
        }
    }

    fn seen(flow: Flow, hold: u64, primary: QueueSeen, backlog: QueueSeen) -> Seen {
        Seen {
            flow,
            branched: Branched::Fully,
            hold: queue(0, 0, hold),
            primary,
            backlog,
            twin: QueueSeen::Absent,
        }
    }

    #[test]
    fn help_comes_after_a_while_and_step_by_step() {
        let busy = queue(900, 50, 1);
        let at = |port, backlog| seen(port, 0, busy, backlog);
        let absent = QueueSeen::Absent;
        assert_eq!(
            towards_park(&at(Direct, absent), SignedDuration::from_millis(900)),
            Verb::Wait
        );
        assert_eq!(
            towards_park(&at(Direct, absent), NOW),
            Verb::Make(PortChange::Adopt)
        );
        let switching = seen(Ported, 0, queue(900, 0, 0), queue(0, 0, 0));
        assert_eq!(towards_park(&switching, NOW), Verb::Wait);
        let unbranched = Seen {
            branched: Branched::No,
            ..at(Ported, absent)
        };
        assert_eq!(towards_park(&unbranched, NOW), Verb::Make(PortChange::Branch));
        assert_eq!(
            towards_park(&at(Ported, queue(0, 0, 0)), NOW),
            Verb::Make(PortChange::Fence)
        );
        assert_eq!(towards_park(&at(Fenced, queue(9, 0, 0)), NOW), Verb::Wait);
        assert_eq!(
            towards_park(&at(Breached, queue(9, 0, 0)), NOW),
            Verb::Make(PortChange::TakeInStrays)
        );
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
        assert_eq!(towards_park(&at(Fenced), NOW), Verb::Make(PortChange::FlipBack));
        assert_eq!(towards_park(&at(Ported), NOW), Verb::Wait);
    }

    #[test]
    fn what_is_older_is_served_first() {
        let (none, some) = (queue(0, 0, 0), queue(5, 0, 0));
        let (served, done) = (queue(5, 9, 1), queue(0, 0, 1));
        for (port, primary, backlog, verb) in [
            (Fenced, some, some, Verb::TellPrimary),
            (Fenced, served, some, Verb::Wait),
            (Fenced, done, some, Verb::TellBacklog),
            (Fenced, none, some, Verb::TellBacklog),
            (Fenced, none, served, Verb::Make(PortChange::FlipBack)),
            (Ported, some, served, Verb::Wait),
            (Ported, some, some, Verb::TellBacklog),
            (Ported, some, queue(0, 1, 1), Verb::Wait),
            (Ported, some, done, Verb::TellPrimary),
            (Ported, some, none, Verb::TellPrimary),
            (Ported, served, none, Verb::Make(PortChange::Unbranch)),
        ] {
            let scene = seen(port, 0, primary, backlog);
            assert_eq!(after_release(&scene), verb, "{scene:?}");
        }
    }

    #[test]
    fn tidying_ends_where_it_began() {
        let at = |flow, branched, backlog| Seen {
            branched,
            ..seen(flow, 0, queue(5, 9, 1), backlog)
        };
        let empty = queue(0, 0, 0);
        assert_eq!(
            after_release(&at(Ported, Branched::Fully, empty)),
            Verb::Make(PortChange::Unbranch)
        );
        assert_eq!(
            after_release(&at(Ported, Branched::No, empty)),
            Verb::Make(PortChange::DeleteBacklog)
        );
        assert_eq!(
            after_release(&at(Ported, Branched::No, QueueSeen::Absent)),
            Verb::Make(PortChange::GiveBack)
        );
        assert_eq!(
            after_release(&at(Direct, Branched::No, QueueSeen::Absent)),
            Verb::Done
        );
    }
}
