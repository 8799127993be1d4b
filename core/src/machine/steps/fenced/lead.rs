//! Who reads what of a stream that was fenced: oldest messages first, until everything is as it was before.

use crate::api::{Instance, Reading, Step};
use crate::doubt::{Doubt, DoubtReason};
use crate::machine::observed::{PodSeen, QueueSeen};
use crate::machine::port::{self, PortChange, Seen, Verb};
use crate::machine::steps::fenced::{are_twins, make, progress, record_twins, seen, unread};
use crate::machine::steps::{after, blind, guard, is_told, overdue, release, wait, works};
use crate::machine::{Action, Change, Decision, Scene, limits};
use crate::reason::Reason;

/// Release: the copy reads what is oldest. It has the stream as soon as the rest is finite; the end is led to by `Clean`.
pub(in crate::machine::steps) fn release(scene: &Scene<'_>) -> Decision {
    let pod = &scene.leg.to.pod;
    let Some(seen) = seen(scene, Reading::Backlog) else {
        return lost(scene).unwrap_or_else(|| wait(scene, unread(scene)));
    };
    let taken = || Decision::Advance(after(Step::Release, scene).change(Change::Released));
    let told = scene
        .leg
        .told
        .as_ref()
        .filter(|told| told.reading != Reading::Mirror);
    if told.is_none() && !seen.flow.is_turned() {
        // Whoever reads now does not do so because we said it.
        let reading = if port::worked_off(seen.backlog) {
            Reading::Primary
        } else {
            Reading::Backlog
        };
        return tell(scene, pod, scene.seen.to_control, reading, Reading::Backlog);
    }
    let on_backlog = seen.on_backlog() && told.is_some_and(|told| told.reading == Reading::Backlog);
    if on_backlog && !seen.flow.is_turned() {
        return taken();
    }
    match port::after_release(&seen) {
        // Somebody else is on the primary queue, which is worked off: a source that crashed and goes soon.
        Verb::TellBacklog if on_backlog => make(PortChange::FlipBack, Reading::Backlog),
        Verb::Make(
            PortChange::Unbranch | PortChange::DeleteTwin | PortChange::DeleteBacklog | PortChange::GiveBack,
        )
        | Verb::Done => taken(),
        verb @ (Verb::Wait | Verb::TellPrimary | Verb::TellBacklog | Verb::Make(_)) => lost(scene)
            .filter(|_| seen.is_unread())
            .unwrap_or_else(|| act(scene, verb, &seen, pod, scene.seen.to_control, Reading::Backlog)),
    }
}

fn lost(scene: &Scene<'_>) -> Option<Decision> {
    release::is_lost(scene).then(|| Decision::Advance(release::lost(scene)))
}

/// Abandon: whoever holds the stream reads what is oldest, to the end, unless that would take long. In a later handoff it has
/// it as soon as the rest is finite.
pub(in crate::machine::steps) fn resume(scene: &Scene<'_>) -> Resumed {
    let (pod, control) = (&scene.leg.from.pod, scene.seen.from_control);
    let unread = control.ready().unwrap_or(0) > 0;
    if scene.leg.told.is_none() && scene.leg.park_sent.is_some() && unread {
        return Resumed::Not(Decision::Run(Action::WithdrawControl { pod: pod.clone() }));
    }
    // Only a source has a copy of the stream: its own copy reads the backlog.
    let source = scene.leg.number == 1 && are_twins(scene);
    let served = if source { Reading::Mirror } else { Reading::Backlog };
    let on_the_rest = seen(scene, served).is_some_and(|seen| seen.reads_the_rest());
    if scene.leg.number > 1 && on_the_rest {
        return Resumed::OnTheRest;
    }
    if let Some(first) = handed_back(scene, served) {
        return Resumed::Not(first);
    }
    let reader = Reader {
        pod,
        seen: &scene.seen.from,
        control,
    };
    lead(scene, &reader, served).map_or(Resumed::AsBefore, Resumed::Not)
}

/// What came since the fence goes to the end of the source's own queue, in order, where the source would take long to be led
/// through it: an undo has an end. `None`: it is led, or this is done.
fn handed_back(scene: &Scene<'_>, served: Reading) -> Option<Decision> {
    let seen = seen(scene, served)?;
    let led = scene.leg.told.as_ref().is_some_and(|told| told.reading == served);
    if scene.leg.number > 1 || led || seen.is_blind() || seen.on_backlog() {
        return None;
    }
    if seen.flow.is_turned() {
        return takes_long(scene, &seen).then(|| make(PortChange::PourBack, served));
    }
    if port::worked_off(seen.backlog) {
        return None;
    }
    // It came between the last message that was handed back and the flip.
    Some(if is_told(scene, DoubtReason::Overtaken) {
        make(PortChange::PourRest, served)
    } else {
        Decision::Run(Action::Doubt(Doubt::HandedBack {
            queue: scene.plan.queue.queue.clone(),
        }))
    })
}

fn takes_long(scene: &Scene<'_>, seen: &Seen) -> bool {
    let cause = scene.status.rollback.as_ref().map(|rollback| rollback.reason);
    let was_slow = matches!(
        cause,
        Some(Reason::NotWorkedOff | Reason::NotParked | Reason::DeadlineExceeded)
    );
    let many = seen.backlog.ready().is_some_and(|ready| ready > limits::MANY);
    was_slow || many || overdue(scene, limits::HANDED_BACK)
}

/// Answer of [`resume`].
pub(in crate::machine::steps) enum Resumed {
    /// This first.
    Not(Decision),
    /// It reads what is older than the primary queue, which is finite.
    OnTheRest,
    /// Nothing stands before the queue any more.
    AsBefore,
}

/// Leads an instance through everything that waits, and tidies up. `None`: everything is as it was before.
pub(in crate::machine::steps) fn lead(
    scene: &Scene<'_>,
    reader: &Reader<'_>,
    served: Reading,
) -> Option<Decision> {
    scene.status.fence.as_ref()?;
    let Some(seen) = seen(scene, served) else {
        return Some(wait(scene, unread(scene)));
    };
    if let Some(recorded) = record_twins(scene, &seen) {
        return Some(recorded);
    }
    let verb = match port::after_release(&seen) {
        Verb::TellPrimary if reader.is_gone() && !seen.flow.is_turned() => port::tidy(&seen),
        Verb::TellPrimary | Verb::TellBacklog if is_deaf(scene, reader, &seen) => {
            Verb::Make(if seen.flow.is_turned() {
                PortChange::PourBack
            } else {
                PortChange::PourRest
            })
        }
        verb @ (Verb::Wait | Verb::Make(_) | Verb::TellPrimary | Verb::TellBacklog | Verb::Done) => verb,
    };
    if let Some(doubt) = overtaken(scene, reader, &seen, verb) {
        return Some(Decision::Run(Action::Doubt(doubt)));
    }
    match verb {
        Verb::Done => None,
        // Nobody follows there any more what it is told; that it ends may need a person.
        Verb::TellPrimary | Verb::TellBacklog if reader.is_leaving() => {
            Some(wait(scene, guard::ends(scene, reader.instance(scene))))
        }
        Verb::Make(PortChange::Unbranch | PortChange::DeleteTwin | PortChange::DeleteBacklog)
            if reader.control.ready().unwrap_or(0) > 0 =>
        {
            Some(withdraw(scene, reader))
        }
        verb @ (Verb::Wait | Verb::Make(_) | Verb::TellPrimary | Verb::TellBacklog) => {
            Some(act(scene, verb, &seen, reader.pod, reader.control, served))
        }
    }
}

/// Older messages that come after newer ones, if that is not told yet. It is told before they do, as nothing shows it later.
fn overtaken(scene: &Scene<'_>, reader: &Reader<'_>, seen: &Seen, verb: Verb) -> Option<Doubt> {
    if is_told(scene, DoubtReason::Overtaken) {
        return None;
    }
    let queue = scene.plan.queue.queue.clone();
    if verb == Verb::Make(PortChange::PourRest) {
        let pod = reader.pod.to_owned();
        return Some(Doubt::PouredBack { pod, queue });
    }
    seen.is_overtaken().then_some(Doubt::Overtaken { queue })
}

/// Who reads a message later that names a queue which is gone would read nothing at all.
fn withdraw(scene: &Scene<'_>, reader: &Reader<'_>) -> Decision {
    let told = scene
        .leg
        .told
        .as_ref()
        .map(|told| scene.now.duration_since(told.at.0));
    if told.is_some_and(|since| since < limits::CONTROL_UNREAD) {
        return wait(
            scene,
            format!("pod {} has not yet read its last control message", reader.pod),
        );
    }
    Decision::Run(Action::WithdrawControl {
        pod: reader.pod.to_owned(),
    })
}

/// Who is led.
pub(in crate::machine::steps) struct Reader<'a> {
    pub(in crate::machine::steps) pod: &'a str,
    pub(in crate::machine::steps) seen: &'a PodSeen,
    pub(in crate::machine::steps) control: QueueSeen,
}

impl Reader<'_> {
    fn is_leaving(&self) -> bool {
        match self.seen {
            PodSeen::Present(view) => view.terminating && !view.ended,
            PodSeen::Gone | PodSeen::Unseen => false,
        }
    }

    fn instance<'a>(&self, scene: &'a Scene<'_>) -> &'a Instance {
        if self.pod == scene.leg.from.pod {
            &scene.leg.from
        } else {
            &scene.leg.to
        }
    }

    fn is_gone(&self) -> bool {
        match self.seen {
            PodSeen::Gone => true,
            PodSeen::Present(view) => view.ended,
            PodSeen::Unseen => false,
        }
    }
}

/// It consumes and does not read what it is told, or nobody is there to be told.
fn is_deaf(scene: &Scene<'_>, reader: &Reader<'_>, seen: &Seen) -> bool {
    let told = scene
        .leg
        .told
        .as_ref()
        .map(|told| scene.now.duration_since(told.at.0));
    let ignores = reader.control.ready().unwrap_or(0) > 0 && told.is_some_and(|since| since > limits::DEAF);
    let left = reader.is_gone() && seen.is_unread() && overdue(scene, limits::TRAFFIC);
    left || ignores && seen.on_primary()
}

/// Sends a control message, unless it was sent already and may still have its effect.
pub(in crate::machine::steps) fn tell(
    scene: &Scene<'_>,
    pod: &str,
    control: QueueSeen,
    reading: Reading,
    served: Reading,
) -> Decision {
    let unread = control.ready().unwrap_or(0) > 0;
    let told = scene.leg.told.as_ref().filter(|told| told.reading == reading);
    match told {
        Some(told) if unread || scene.now.duration_since(told.at.0) < limits::RETELL => wait(
            scene,
            format!("pod {pod} changes to {}{}", named(reading), blind(scene)),
        ),
        Some(_) | None => Decision::Run(Action::Tell {
            pod: pod.to_owned(),
            reading,
            served,
        }),
    }
}

fn act(
    scene: &Scene<'_>,
    verb: Verb,
    seen: &Seen,
    pod: &str,
    control: QueueSeen,
    served: Reading,
) -> Decision {
    match verb {
        Verb::Wait | Verb::Done => works(scene, progress(scene, seen)),
        Verb::TellPrimary => tell(scene, pod, control, Reading::Primary, served),
        Verb::TellBacklog => tell(scene, pod, control, served, served),
        Verb::Make(change) => make(change, served),
    }
}

fn named(reading: Reading) -> &'static str {
    match reading {
        Reading::Primary => "its primary queue",
        Reading::Backlog => "the backlog queue",
        Reading::Mirror => "its copy of the stream",
    }
}
