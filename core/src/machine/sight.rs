//! Sight: what each step looks at.
//!
//! A step may rest its decision only on what stands here for it. The controller reads exactly this, and the simulated world
//! of the tests blanks everything else ([`Sight::blank`]): a step that needs more than it looks at fails there first.

use crate::api::{HoldKind, MigrationStatus, Plan, Step};
use crate::machine::Route;
use crate::machine::observed::{Observed, QueueSeen};

/// One thing to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The pod that holds the stream.
    From,
    /// The pod that takes it over.
    To,
    /// The primary queue, with what is not acknowledged.
    Primary,
    /// The consumers of the primary queue; cheaper, and of a classic queue without what is not acknowledged.
    Consumers,
    /// The hold queue of this attempt.
    Hold,
    /// The control queue of [`Look::From`].
    FromControl,
    /// The control queue of [`Look::To`].
    ToControl,
    /// Who consumes the control queue of [`Look::From`], where somebody does.
    Readers,
    /// What the target's agent knows of the key.
    Key,
    /// Whether the StatefulSet makes [`Look::To`] anew, where that is gone.
    Recreation,
    /// Whether the node of [`Look::To`] takes it, where the scheduler finds no place for it.
    Place,
    /// The rule that rewrites the re-created pod.
    Rule,
    /// The endpoints of Services.
    Traffic,
    /// Whether the connections to the broker are those of the moment of the park.
    Connection,
    /// The hold queues of all attempts.
    Leftovers,
    /// Whether a source that cannot be looked at any more was restarted after the commit.
    Afterlife,
    /// The port before the primary queue, and the queues beside it with what is not acknowledged.
    Port,
    /// The consumers of the queues beside the primary one.
    Beside,
    /// Our consumer on a single-active queue, as its own task in the controller knows it; the broker is not asked.
    Link,
    /// The same with a proof that everything delivered before it is settled.
    LinkProof,
    /// Whether the copy is at the broker, where no hold queue shows it.
    CopyConnected,
    /// Whether the broker lists the copy as a consumer of a single-active queue.
    CopyConsumes,
    /// Whether the source's consumer is gone from a single-active queue.
    SourceGone,
    /// Whether something contradicts a premise of the verdict by now. Asked in the background, while something else is waited
    /// for: an answer is at most 2 s old.
    Evidence,
}

/// What one step looks at.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    always: &'static [Look],
    /// Where a StatefulSet may have re-created the pod under the old name before the stand-in was dumped.
    recreated: &'static [Look],
    /// Where the stream may be fenced.
    fenced: &'static [Look],
    /// Where a consumer of ours holds the queue.
    linked: &'static [Look],
}

impl Sight {
    /// What `step` of handoff `leg` looks at.
    pub fn of(step: Step, leg: u8, plan: &Plan, fenced: bool) -> Self {
        let route = Route::of(plan);
        let linked = match plan.queue.hold {
            HoldKind::SingleActive => linked(step),
            HoldKind::Park | HoldKind::Exchange => &[],
        };
        let second = leg > 1 && route.is_recreated(leg);
        Self {
            always: always(step, leg, route),
            recreated: if second { recreated(step) } else { &[] },
            fenced: if fenced { beside(step) } else { &[] },
            linked,
        }
    }

    /// What the step that a status is in looks at; `None` of a status without a plan.
    pub fn in_status(status: &MigrationStatus) -> Option<Self> {
        let (plan, leg) = (status.plan.as_ref()?, status.legs.last()?);
        let step = status.intent.as_ref()?.step;
        Some(Self::of(step, leg.number, plan, status.fence.is_some()))
    }

    /// Whether this is looked at.
    pub fn has(self, look: Look) -> bool {
        let all = [self.always, self.recreated, self.fenced, self.linked];
        all.into_iter().any(|some| some.contains(&look))
    }

    /// What is left of a view of everything: what this step does not look at is `Unseen`.
    pub fn blank(self, all: Observed) -> Observed {
        let has = |look| self.has(look);
        Observed {
            cancel: all.cancel,
            give_memory_up: all.give_memory_up,
            from: or_blank(has(Look::From), all.from),
            restarted: or_blank(has(Look::Afterlife), all.restarted),
            to: or_blank(has(Look::To), all.to),
            primary: self.primary(all.primary),
            hold: or_blank(has(Look::Hold), without_unacked(all.hold)),
            from_control: or_blank(has(Look::FromControl), without_unacked(all.from_control)),
            to_control: or_blank(has(Look::ToControl), without_unacked(all.to_control)),
            readers: or_blank(has(Look::Readers), all.readers),
            key: or_blank(has(Look::Key), all.key),
            recreation: or_blank(has(Look::Recreation), all.recreation),
            place: or_blank(has(Look::Place), all.place),
            rule: or_blank(has(Look::Rule), all.rule),
            traffic: or_blank(has(Look::Traffic), all.traffic),
            link: or_blank(has(Look::Link) || has(Look::LinkProof), all.link),
            copy_connected: or_blank(has(Look::CopyConnected), all.copy_connected),
            copy_consumes: or_blank(has(Look::CopyConsumes), all.copy_consumes),
            source_gone: or_blank(has(Look::SourceGone), all.source_gone),
            port: or_blank(has(Look::Port), all.port),
            backlog: self.beside(all.backlog),
            mirror: self.beside(all.mirror),
            connection: or_blank(has(Look::Connection), all.connection),
            leftovers: or_blank(has(Look::Leftovers), all.leftovers),
            evidence: or_blank(has(Look::Evidence), all.evidence),
            world: all.world,
            blind: all.blind,
        }
    }

    fn primary(self, seen: QueueSeen) -> QueueSeen {
        if self.has(Look::Primary) {
            return seen;
        }
        or_blank(self.has(Look::Consumers), without_unacked(seen))
    }

    fn beside(self, seen: QueueSeen) -> QueueSeen {
        if self.has(Look::Port) {
            return seen;
        }
        or_blank(self.has(Look::Beside), without_unacked(seen))
    }
}

fn always(step: Step, leg: u8, route: Route) -> &'static [Look] {
    use Look::{
        Afterlife, Connection, Consumers, Evidence, From, FromControl, Hold, Key, Leftovers, Place, Primary,
        Readers, Recreation, Rule, To, ToControl, Traffic,
    };
    match (step, leg) {
        (Step::Prepare, _) => &[],
        (Step::Stage, 1) => &[From, To, Key, Rule],
        (Step::Stage, _) => &[From, To, Key, Recreation, Place],
        (Step::Fence, _) => &[From, Primary, Hold, FromControl],
        (Step::Follow, _) => &[From, Hold, FromControl],
        (Step::Hold, _) => &[From, Primary, Hold, FromControl, Connection],
        (Step::Checkpoint, _) => &[From],
        // The answer comes while the archive is on its way.
        (Step::Transfer, _) => &[From, Evidence],
        // After the commit.
        (Step::Restore, _) if route == Route::InPlace => &[From, To, Hold, Key, Recreation, Place],
        (Step::Restore, _) => &[From, To, Hold, Key, Evidence],
        (Step::Commit, _) if route == Route::InPlace => &[From, Consumers, Hold, Evidence],
        (Step::Commit, _) => &[From, To, Consumers, Hold, Evidence],
        (Step::Exclude, _) if route == Route::Adopted => &[From, To, Consumers, Afterlife],
        (Step::Exclude, _) => &[From, Consumers, Rule],
        (Step::Release, _) => &[To, Consumers],
        (Step::Switch, _) => &[From, To, Consumers, Traffic, Afterlife],
        (Step::Retire, _) => &[From, To, Hold, FromControl, Readers],
        (Step::Clean, 1) => &[From, Key, Rule, Leftovers],
        (Step::Clean, _) => &[From, To, FromControl, Readers, Key, Rule, Leftovers],
        (Step::Abandon, _) => &[
            From,
            To,
            Primary,
            Hold,
            FromControl,
            ToControl,
            Key,
            Rule,
            Leftovers,
        ],
    }
}

/// Its revision tells a rollout from a crash of the stand-in.
fn recreated(step: Step) -> &'static [Look] {
    match step {
        Step::Fence | Step::Hold | Step::Checkpoint => &[Look::To],
        Step::Prepare
        | Step::Stage
        | Step::Follow
        | Step::Transfer
        | Step::Restore
        | Step::Commit
        | Step::Exclude
        | Step::Release
        | Step::Switch
        | Step::Retire
        | Step::Clean
        | Step::Abandon => &[],
    }
}

fn beside(step: Step) -> &'static [Look] {
    use Look::{Beside, Hold, Port, Primary, To, ToControl};
    match step {
        Step::Fence | Step::Hold | Step::Abandon => &[Port],
        Step::Follow | Step::Commit | Step::Switch | Step::Exclude => &[Beside],
        Step::Release | Step::Clean => &[To, Primary, Hold, ToControl, Port],
        Step::Prepare | Step::Stage | Step::Checkpoint | Step::Transfer | Step::Restore | Step::Retire => &[],
    }
}

fn linked(step: Step) -> &'static [Look] {
    use Look::{CopyConnected, CopyConsumes, Link, LinkProof, SourceGone};
    match step {
        Step::Hold => &[LinkProof],
        Step::Commit => &[LinkProof, CopyConsumes],
        Step::Restore => &[Link, CopyConnected, CopyConsumes],
        Step::Abandon => &[Link, CopyConnected],
        Step::Release => &[Link, SourceGone],
        Step::Prepare
        | Step::Stage
        | Step::Fence
        | Step::Follow
        | Step::Checkpoint
        | Step::Transfer
        | Step::Exclude
        | Step::Switch
        | Step::Retire
        | Step::Clean => &[Link],
    }
}

/// A passive declare tells nothing of what is not acknowledged.
fn without_unacked(seen: QueueSeen) -> QueueSeen {
    match seen {
        QueueSeen::Present { ready, consumers, .. } => QueueSeen::Present {
            ready,
            consumers,
            unacked: None,
        },
        QueueSeen::Unseen | QueueSeen::Absent => seen,
    }
}

fn or_blank<T: Default>(seen: bool, what: T) -> T {
    if seen { what } else { T::default() }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;
    use crate::gone::WorldSeen;
    use crate::machine::observed::{
        ConnectionSeen, EvidenceSeen, KeySeen, LinkSeen, Place, PodSeen, PortSeen, ReadersSeen, RuleSeen,
        TrafficSeen,
    };
    use crate::recreation::Recreation;

    fn left_alone() -> WorldSeen {
        WorldSeen {
            leaving: Some(("shop".to_owned(), Timestamp::UNIX_EPOCH)),
            absent: None,
        }
    }

    /// Each field of [`Observed`] is shown by some look and hidden without it.
    #[test]
    fn a_step_without_looks_sees_nothing_but_the_wish_to_cancel() {
        let queue = QueueSeen::Present {
            ready: 1,
            consumers: 2,
            unacked: Some(3),
        };
        let all = Observed {
            cancel: true,
            give_memory_up: true,
            from: PodSeen::Gone,
            restarted: Some(true),
            to: PodSeen::Gone,
            primary: queue,
            hold: queue,
            from_control: queue,
            to_control: queue,
            readers: ReadersSeen::Listed(Vec::new()),
            recreation: Some(Recreation::Comes),
            place: Some(Place::Open),
            key: KeySeen::Unknown,
            rule: RuleSeen::Proven,
            traffic: TrafficSeen::Switched,
            link: LinkSeen::Proven,
            copy_connected: Some(true),
            copy_consumes: Some(true),
            source_gone: Some(true),
            port: PortSeen::Unseen,
            backlog: queue,
            mirror: queue,
            connection: ConnectionSeen::Held,
            leftovers: vec![("hold".to_owned(), queue)],
            evidence: EvidenceSeen::Holds,
            world: left_alone(),
            blind: vec!["the broker does not answer".to_owned()],
        };
        let nothing = Sight {
            always: &[],
            recreated: &[],
            fenced: &[],
            linked: &[],
        };
        let expected = Observed {
            cancel: true,
            give_memory_up: true,
            world: all.world.clone(),
            blind: all.blind.clone(),
            ..Observed::default()
        };
        assert_eq!(nothing.blank(all.clone()), expected);
        let consumers = Sight {
            always: &[Look::Consumers],
            ..nothing
        };
        assert_eq!(consumers.blank(all.clone()).primary, without_unacked(queue));
        let primary = Sight {
            always: &[Look::Primary],
            ..nothing
        };
        assert_eq!(primary.blank(all).primary, queue);
    }
}
