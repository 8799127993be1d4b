//! Fence: new messages go to a backlog queue, so that the primary queue becomes finite; and what every later step does
//! with a stream that was fenced.
//!
//! Success: every new message goes to the backlog (and to its mirror, for a source that is going to go on), and the primary
//! queue is worked off: the instance has nothing else to do, and in a live move its copy will have no older messages.
//! Failure: the stream is led back, oldest messages first, and nothing of ours stays before the queue.
//!
//! Which change of the flow comes next is decided in [`port`]; here stand the conditions around it.

use k8s_openapi::jiff::SignedDuration;

use crate::api::{Fence, HoldKind, Reading, Step, Verdict};
use crate::machine::observed::{Branched, Flow, PodSeen, PortSeen, QueueSeen};
use crate::machine::port::{self, PortChange, Seen, Verb};
use crate::machine::steps::{after, blind, overdue, release, wait};
use crate::machine::{Action, Cause, Change, Decision, Next, Scene, limits};

/// What is overtaken is told once.
const OVERTAKEN: &str = "older ones waited in a backlog queue of ours";

/// Decides.
pub fn next(scene: &Scene<'_>) -> Decision {
    let Some(seen) = seen(scene, Reading::Backlog) else {
        return gave_up(scene).unwrap_or_else(|| wait(scene, unread(scene)));
    };
    if !seen.flow.is_turned() && !port::worked_off(seen.backlog) {
        return Decision::RollBack(Cause::new(
            "BacklogUnread",
            "messages of an earlier handoff still wait in the backlog queue",
        ));
    }
    if let Some(recorded) = record_twins(scene, &seen) {
        return recorded;
    }
    match port::towards_fence(&seen) {
        Verb::Done if !port::worked_off(seen.primary) && !port::is_parked(&seen) => {
            gave_up(scene).unwrap_or_else(|| wait(scene, progress(scene, &seen)))
        }
        Verb::Done => Decision::Advance(
            Next::to(Step::Hold)
                .note("new messages wait in a backlog queue; the primary queue is worked off"),
        ),
        Verb::Wait => gave_up(scene).unwrap_or_else(|| wait(scene, progress(scene, &seen))),
        Verb::Make(change) => make(change, Reading::Backlog),
        Verb::TellPrimary | Verb::TellBacklog => wait(scene, progress(scene, &seen)),
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
            "the application does not read its control queue while it has messages to work on; new ones are kept away from it",
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

/// Release: the copy reads what is oldest. It has the stream as soon as the rest is finite; the end is led to by `Clean`.
pub(super) fn release(scene: &Scene<'_>) -> Decision {
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

/// Abandon: whoever holds the stream reads what is oldest, to the end. In a later handoff it has it as soon as the rest
/// is finite.
pub(super) fn resume(scene: &Scene<'_>) -> Resumed {
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
    let reader = Reader {
        pod,
        seen: &scene.seen.from,
        control,
    };
    lead(scene, &reader, served).map_or(Resumed::AsBefore, Resumed::Not)
}

/// Answer of [`resume`].
pub(super) enum Resumed {
    /// This first.
    Not(Decision),
    /// It reads what is older than the primary queue, which is finite.
    OnTheRest,
    /// Nothing stands before the queue any more.
    AsBefore,
}

/// Leads an instance through everything that waits, and tidies up. `None`: everything is as it was before.
pub(super) fn lead(scene: &Scene<'_>, reader: &Reader<'_>, served: Reading) -> Option<Decision> {
    scene.status.fence.as_ref()?;
    let Some(seen) = seen(scene, served) else {
        return Some(wait(scene, unread(scene)));
    };
    if let Some(recorded) = record_twins(scene, &seen) {
        return Some(recorded);
    }
    if seen.is_overtaken() && !is_doubted(scene.status.verdict.as_ref()) {
        return Some(Decision::Run(Action::Doubt(format!(
            "somebody consumed new messages of {} while {OVERTAKEN}: an instance that crashed and started anew, or one \
             that is not ours",
            scene.plan.queue.queue
        ))));
    }
    let verb = match port::after_release(&seen) {
        Verb::TellPrimary if reader.is_gone() && !seen.flow.is_turned() => port::tidy(&seen),
        Verb::TellPrimary | Verb::TellBacklog if is_deaf(scene, reader, &seen) => {
            Verb::Make(PortChange::PourBack)
        }
        verb @ (Verb::Wait | Verb::Make(_) | Verb::TellPrimary | Verb::TellBacklog | Verb::Done) => verb,
    };
    match verb {
        Verb::Done => None,
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

/// Who reads a message later that names a queue which is gone would read nothing at all.
fn withdraw(scene: &Scene<'_>, reader: &Reader<'_>) -> Decision {
    let told = scene
        .leg
        .told
        .as_ref()
        .map(|told| scene.now.duration_since(told.at.0));
    if told.is_some_and(|since| since < limits::CONTROL_UNREAD) {
        return wait(scene, format!("pod {} reads what it was told", reader.pod));
    }
    Decision::Run(Action::WithdrawControl {
        pod: reader.pod.to_owned(),
    })
}

/// Who is led.
pub(super) struct Reader<'a> {
    pub(super) pod: &'a str,
    pub(super) seen: &'a PodSeen,
    pub(super) control: QueueSeen,
}

impl Reader<'_> {
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

/// A controller that died may not have written down that backlog and mirror get the same.
fn record_twins(scene: &Scene<'_>, seen: &Seen) -> Option<Decision> {
    let wanted = scene.plan.queue.hold == HoldKind::Exchange && seen.branched == Branched::Fully;
    (wanted && !are_twins(scene)).then(|| make(PortChange::Branch, Reading::Backlog))
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

/// Whether new messages are kept away from the primary queue now.
pub(super) fn is_up(scene: &Scene<'_>) -> bool {
    seen(scene, Reading::Backlog).is_some_and(|seen| seen.flow.is_turned())
}

/// How long what waits may take to be worked off.
fn patience(scene: &Scene<'_>) -> SignedDuration {
    if scene.leg.number > 1 {
        limits::FENCE_LATER
    } else {
        limits::FENCE
    }
}

/// Hold of a stream that was fenced: how long it may take to park.
pub(super) fn until_parked(scene: &Scene<'_>) -> SignedDuration {
    match seen(scene, Reading::Backlog) {
        Some(seen) if seen.reads_the_rest() => patience(scene),
        Some(_) | None => limits::PARK,
    }
}

/// Whether the source goes on during the present handoff.
pub(super) fn is_live(scene: &Scene<'_>) -> bool {
    scene.route.is_live(scene.plan.queue.hold, scene.leg.number)
}

/// Sends a control message, unless it was sent already and may still have its effect.
pub(super) fn tell(
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
            format!("pod {pod} goes to {}{}", named(reading), blind(scene)),
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
        Verb::Wait | Verb::Done => wait(scene, progress(scene, seen)),
        Verb::TellPrimary => tell(scene, pod, control, Reading::Primary, served),
        Verb::TellBacklog => tell(scene, pod, control, served, served),
        Verb::Make(change) => make(change, served),
    }
}

fn make(change: PortChange, served: Reading) -> Decision {
    Decision::Run(Action::Port { change, served })
}

/// What is known of the stream; `None` while the port cannot be read. A live move wants the mirror, too.
fn seen(scene: &Scene<'_>, served: Reading) -> Option<Seen> {
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

fn are_twins(scene: &Scene<'_>) -> bool {
    scene
        .status
        .fence
        .as_ref()
        .is_some_and(|Fence { twins, .. }| *twins)
}

fn is_doubted(verdict: Option<&Verdict>) -> bool {
    verdict.is_some_and(|verdict| verdict.because.contains(OVERTAKEN))
}

fn gave_up(scene: &Scene<'_>) -> Option<Decision> {
    let limit = patience(scene);
    overdue(scene, limit).then(|| {
        let how = seen(scene, Reading::Backlog).map_or_else(|| unread(scene), |seen| progress(scene, &seen));
        Decision::RollBack(Cause::new(
            "NotWorkedOff",
            format!(
                "within {} s {how}. The pod works more slowly than messages wait for it: try again when fewer wait, or let it \
                 read control messages at any time (docs/applications.md)",
                limit.as_secs()
            ),
        ))
    })
}

fn progress(scene: &Scene<'_>, seen: &Seen) -> String {
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
        PodSeen::Gone if scene.leg.committed.is_none() => "; nobody is there to read them",
        PodSeen::Gone | PodSeen::Present(_) | PodSeen::Unseen => "",
    };
    let what = match seen.flow {
        Flow::Fenced | Flow::Breached => {
            format!("{left} messages of {queue} are worked off; new ones wait behind them")
        }
        Flow::Direct | Flow::Partial | Flow::Ported => {
            format!("{left} messages that came during the move are worked off; new ones wait in {queue}")
        }
    };
    let unbound = match seen.branched {
        Branched::Partly => "; the backlog queues are not all bound",
        Branched::No | Branched::Fully => "",
    };
    format!("{what}{gone}{unbound}{}", blind(scene))
}

fn unread(scene: &Scene<'_>) -> String {
    format!("what stands before the queue cannot be read{}", blind(scene))
}

fn named(reading: Reading) -> &'static str {
    match reading {
        Reading::Primary => "its primary queue",
        Reading::Backlog => "the backlog queue",
        Reading::Mirror => "its copy of the stream",
    }
}
