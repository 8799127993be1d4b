//! How decisions and outcomes change the status. The only place that writes steps, phases and handoffs.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::api::{
    Fence, Instance, Intent, Leg, MigrationStatus, Outlook, Phase, Plan, Reading, Rollback, Step, StepRecord,
    Told, Verdict,
};
use crate::doubt::{Doubt, Told as ToldDoubt};
use crate::machine::action::Outcome;
use crate::machine::decision::{Begin, Cause, Change, End, Next};
use crate::machine::pause_limit;
use crate::machine::route::Route;
use crate::machine::stall::{self, Glance};
use crate::names::{BadKey, Key};
use crate::premise;
use crate::reason::Reason;
use crate::wire::Checkpointed;

/// Writes the plan and the intent of the first step.
pub fn begin(
    status: &mut MigrationStatus,
    plan: Plan,
    uid: &str,
    restarts: i32,
    now: Timestamp,
) -> Result<(), BadKey> {
    let from = Instance {
        pod: plan.source.name.clone(),
        uid: Some(plan.source.uid.clone()),
        node: plan.source_node.clone(),
        restarts,
    };
    let to = Instance {
        pod: Route::of(&plan).first_target(&plan, uid),
        node: plan.target_node.clone(),
        ..Instance::default()
    };
    status.legs = vec![leg(uid, 1, 0, from, to)?];
    status.source_node = Some(plan.source_node.clone());
    status.waiting = None;
    status.plan = Some(plan);
    status.verdict = None;
    enter(status, Step::Stage, now);
    Ok(())
}

/// Applies what a step learned and writes the intent of the next one.
pub fn advance(status: &mut MigrationStatus, next: &Next, uid: &str, now: Timestamp) -> Result<(), BadKey> {
    if let (Some(note), Some(record)) = (&next.note, status.steps.last_mut()) {
        record.note = Some(note.clone());
    }
    for doubt in &next.doubts {
        add_doubt(status, doubt);
    }
    apply_change(status, &next.change, now);
    if let Some(begin) = &next.begin {
        let next = following(status, uid, begin)?;
        status.legs.extend(next);
        status.rollback = None;
    }
    enter(status, next.step, now);
    Ok(())
}

/// Closes the record of the step that is over and opens the next one.
pub fn enter(status: &mut MigrationStatus, step: Step, now: Timestamp) {
    close_step(status, now);
    let (leg, key) = status
        .legs
        .last()
        .map_or((0, None), |l| (l.number, Some(l.key.clone())));
    status.intent = Some(Intent {
        step,
        leg,
        key,
        since: MicroTime(now),
    });
    if let (Step::Fence, None, Some(first)) = (step, &status.fence, status.legs.first()) {
        status.fence = Some(Fence::new(first.key.clone()));
    }
    let route = status.plan.as_ref().map(Route::of);
    let phase = phase_of(step, route, status);
    // Routes differ in the order of their last steps; for people a phase never comes twice in one handoff.
    let begins = matches!(step, Step::Prepare | Step::Stage | Step::Fence | Step::Hold);
    status.phase = if begins { phase } else { phase.max(status.phase) };
    status.steps.push(StepRecord {
        step,
        leg,
        phase: status.phase,
        started: MicroTime(now),
        finished: None,
        note: None,
    });
    let under_way = !matches!(step, Step::Prepare | Step::Clean) && leg > 0;
    status.handoff = route
        .filter(|_| under_way)
        .map(|route| format!("{leg}/{}", route.handoffs()));
    status.start_time.get_or_insert(MicroTime(now));
}

/// Writes down why the present handoff is undone.
pub fn roll_back(status: &mut MigrationStatus, cause: &Cause, now: Timestamp) {
    if let Some(record) = status.steps.last_mut() {
        record.note = Some(cause.message.clone());
    }
    status.rollback = Some(Rollback {
        reason: cause.reason,
        message: cause.message.clone(),
        again: cause.again,
        since: MicroTime(now),
    });
    enter(status, Step::Abandon, now);
}

/// Writes down what a look shows of the time in which the state does not go on; says whether that changed anything.
pub fn notice(status: &mut MigrationStatus, seen: Glance, now: Timestamp) -> bool {
    let Some(leg) = status.legs.last_mut() else {
        return false;
    };
    let fresh = |known: &Option<MicroTime>, seen: bool| seen && known.is_none();
    let mut changed = false;
    let mut first = |known: &mut Option<MicroTime>, seen: bool| {
        if fresh(known, seen) {
            *known = Some(MicroTime(now));
            changed = true;
        }
    };
    first(&mut leg.runs, seen.runs);
    first(&mut leg.connected, seen.connected);
    first(&mut leg.stopped, seen.stopped == Some(true));
    let held = leg.stopped.is_some() || leg.parked.is_some();
    first(&mut leg.resumed, seen.resumed && held);
    // What was on its way to a queue that was empty.
    if seen.stopped == Some(false) && leg.stopped.take().is_some() {
        changed = true;
    }
    match &mut status.fence {
        Some(fence) => returns(fence, seen.between, now) || changed,
        None => changed,
    }
}

fn returns(fence: &mut Fence, between: Option<bool>, now: Timestamp) -> bool {
    match (between, fence.drained.take()) {
        (Some(true), None) => fence.drained = Some(MicroTime(now)),
        (Some(false), Some(since)) => {
            let time = now.duration_since(since.0).as_millis();
            let time = u64::try_from(time).unwrap_or_default();
            fence.longest_return = fence.longest_return.max(Some(time));
        }
        (None | Some(true), Some(since)) => {
            fence.drained = Some(since);
            return false;
        }
        (None | Some(false), None) => return false,
    }
    true
}

/// Takes in what an effect brought to light; says whether that changed anything worth saving.
pub fn absorb(status: &mut MigrationStatus, outcome: Outcome, now: Timestamp) -> bool {
    let stays_frozen = status.plan.as_ref().is_some_and(|plan| plan.freeze.is_some());
    let Some(leg) = status.legs.last_mut() else {
        return false;
    };
    match outcome {
        Outcome::Done | Outcome::RuleProven => return false,
        Outcome::ParkUnsure(witness) => {
            leg.witness.get_or_insert(witness);
        }
        Outcome::ParkSent(witness) => {
            leg.park_sent = Some(MicroTime(now));
            leg.witness.get_or_insert(witness);
            if leg.committed.is_some() {
                add_doubt(status, &Doubt::HoldLost);
            }
        }
        Outcome::UnparkSent => {
            leg.unpark_sent = Some(MicroTime(now));
            leg.unpark_first_sent.get_or_insert(MicroTime(now));
        }
        Outcome::Told(reading) => {
            let at = MicroTime(now);
            // The mirror is the source's; nobody takes up the stream by it.
            if reading != Reading::Mirror {
                leg.unpark_sent = Some(at.clone());
                leg.unpark_first_sent.get_or_insert(at.clone());
            }
            leg.told = Some(Told { reading, at });
        }
        Outcome::Turned { strays } if strays.is_empty() => return false,
        Outcome::Turned { strays } => add_doubt(status, &Doubt::BoundPastFence { exchanges: strays }),
        Outcome::Twinned => return twinned(status),
        Outcome::Doubted(doubt) => doubted(status, &doubt),
        Outcome::Checkpointed(facts) => {
            leg.frozen = stays_frozen.then(|| MicroTime(now - began(&facts)));
            leg.checkpoint = Some(facts);
        }
        Outcome::Promised => leg.promised = Some(MicroTime(now)),
        Outcome::Thawed => leg.thawed = Some(MicroTime(now)),
        Outcome::Transferred(facts) => leg.transfer = Some(facts),
        Outcome::ImageWithdrawn => leg.image_withdrawn = Some(MicroTime(now)),
        Outcome::ImageKept(why) => leg.image_kept = Some(why),
        Outcome::RestoreRetried => leg.restores_failed += 1,
        Outcome::Ended => leg.ended = Some(MicroTime(now)),
    }
    true
}

/// How long ago a dump began that has just ended.
fn began(facts: &Checkpointed) -> SignedDuration {
    SignedDuration::from_micros(i64::try_from(facts.total_micros).unwrap_or(i64::MAX))
}

fn twinned(status: &mut MigrationStatus) -> bool {
    let fence = status.fence.as_mut().filter(|fence| !fence.twins);
    fence.map(|fence| fence.twins = true).is_some()
}

/// Writes the end.
pub fn finish(status: &mut MigrationStatus, end: End, now: Timestamp) {
    close_step(status, now);
    status.intent = None;
    status.waiting = None;
    status.handoff = None;
    status.completion_time = Some(MicroTime(now));
    let millis = |time: SignedDuration| format!("{}ms", time.as_millis().max(0));
    let stall = stall::longest(status);
    status.pause = stall.map(|stall| millis(stall.time));
    status.reconnect = stall.and_then(|stall| stall.reconnect).map(millis);
    status.phase = match end {
        End::Completed => Phase::Completed,
        End::Undone
            if status
                .rollback
                .as_ref()
                .is_some_and(|r| r.reason == Reason::Cancelled) =>
        {
            Phase::Cancelled
        }
        End::Undone => Phase::Failed,
    };
    if let Some(doubt) = expired(status, now) {
        add_doubt(status, &doubt);
    }
    if end == End::Completed && !rests_on_evidence(status) {
        add_doubt(status, &Doubt::NotWeighed);
    }
    if status.verdict.is_none() {
        let because = match end {
            End::Completed => {
                "every handoff was proven: everything delivered was acknowledged before the dump, and no consumer read the \
                 queue until the copy did"
            }
            End::Undone => STAYED,
        };
        status.verdict = Some(Verdict {
            exact: true,
            because: because.to_owned(),
            doubts: Vec::new(),
            premises: Vec::new(),
            long_holds: Vec::new(),
        });
    }
    let long_holds = pause_limit::long_holds(status, now);
    if let (Some(verdict), Some(plan)) = (&mut status.verdict, &status.plan) {
        verdict.premises = plan.premises.clone();
        verdict.long_holds = long_holds;
    }
}

/// Writes down that a plan's dump is about to be ordered. The plan itself stays unwritten until it is made: who has one, moves.
pub fn rehearses(status: &mut MigrationStatus, outlook: Outlook) {
    status.waiting = None;
    status.outlook = Some(outlook);
}

/// Writes the plan of a migration that is not to move anything, and its end.
pub fn planned(status: &mut MigrationStatus, plan: Plan, outlook: Outlook, now: Timestamp) {
    close_step(status, now);
    status.intent = None;
    status.waiting = None;
    status.source_node = Some(plan.source_node.clone());
    status.plan = Some(plan);
    status.outlook = Some(outlook);
    status.phase = Phase::Planned;
    status.completion_time = Some(MicroTime(now));
}

/// What was weighed for a move that is refused, and so has no plan.
pub fn weighed(status: &mut MigrationStatus, premises: Vec<premise::Told>) {
    status.verdict = Some(Verdict {
        exact: true,
        because: STAYED.to_owned(),
        doubts: Vec::new(),
        premises,
        long_holds: Vec::new(),
    });
}

const STAYED: &str = "the source kept its memory and its place in the stream";

/// What a policy allowed is a doubt of its own.
fn rests_on_evidence(status: &MigrationStatus) -> bool {
    let doubted = status.verdict.as_ref().is_some_and(|verdict| !verdict.exact);
    let weighed = status
        .plan
        .as_ref()
        .is_some_and(|plan| premise::carries_exact(&plan.premises));
    doubted || weighed
}

/// A queue that drops messages by their age did so if a hold lasted as long.
fn expired(status: &MigrationStatus, now: Timestamp) -> Option<Doubt> {
    let queue = &status.plan.as_ref()?.queue;
    let kept = queue.ttl_millis?;
    let held = |leg: &Leg| {
        let end = leg.released.as_ref().or(leg.unpark_first_sent.as_ref());
        let end = end.map_or(now, |end| end.0);
        Some(end.duration_since(leg.park_sent.as_ref()?.0).as_millis())
    };
    let longest = status.legs.iter().filter_map(held).max()?;
    (longest >= i128::from(kept)).then(|| Doubt::Expired {
        queue: queue.queue.clone(),
        kept_millis: kept,
        held_millis: longest,
    })
}

/// Whether the source may never be gone back to.
pub fn is_committed(status: &MigrationStatus) -> bool {
    status.legs.iter().any(|leg| leg.committed.is_some())
}

fn close_step(status: &mut MigrationStatus, now: Timestamp) {
    if let Some(open) = status.steps.last_mut().filter(|r| r.finished.is_none()) {
        open.finished = Some(MicroTime(now));
    }
}

fn doubted(status: &mut MigrationStatus, doubt: &Doubt) {
    if let Doubt::GoneForGood { left, .. } = doubt {
        status.left = Some(left.clone());
    }
    add_doubt(status, doubt);
}

fn add_doubt(status: &mut MigrationStatus, doubt: &Doubt) {
    let told = ToldDoubt::from(doubt);
    let before = status.verdict.take().filter(|verdict| !verdict.exact);
    let mut doubts = before.map(|verdict| verdict.doubts).unwrap_or_default();
    if !doubts.contains(&told) {
        doubts.push(told);
    }
    let because: Vec<&str> = doubts.iter().map(|told| told.message.as_str()).collect();
    status.verdict = Some(Verdict {
        exact: false,
        because: because.join("; "),
        doubts,
        premises: Vec::new(),
        long_holds: Vec::new(),
    });
}

fn apply_change(status: &mut MigrationStatus, change: &Change, now: Timestamp) {
    let Some(leg) = status.legs.last_mut() else {
        return;
    };
    let now = MicroTime(now);
    match change {
        Change::None => {}
        Change::Staged { uid } => leg.to.uid = Some(uid.clone()),
        Change::Parked => leg.parked = Some(now),
        Change::Followed => leg.followed = Some(now),
        Change::Restored { uid, micros } => {
            leg.to.uid = Some(uid.clone());
            leg.restore_micros = Some(*micros);
        }
        Change::Committed => leg.committed = Some(now),
        Change::Released => leg.released = Some(now),
    }
}

/// The handoff after the present one, or another attempt of it: from whoever holds the stream now.
fn following(status: &MigrationStatus, uid: &str, begin: &Begin) -> Result<Option<Leg>, BadKey> {
    let (Some(plan), Some(last)) = (&status.plan, status.legs.last()) else {
        return Ok(None);
    };
    let holder = if last.committed.is_some() {
        last.to.clone()
    } else {
        last.from.clone()
    };
    let pod = if begin.leg > 1 {
        plan.source.name.clone()
    } else {
        Route::of(plan).first_target(plan, uid)
    };
    // A handoff that was sent elsewhere goes there in its next attempt, too.
    let before = (last.number == begin.leg).then(|| last.to.node.clone());
    let node = begin.node.clone().or(before);
    let to = Instance {
        pod,
        node: node.unwrap_or_else(|| plan.target_node.clone()),
        ..Instance::default()
    };
    leg(uid, begin.leg, begin.attempt, holder, to).map(Some)
}

fn leg(uid: &str, number: u8, attempt: u32, from: Instance, to: Instance) -> Result<Leg, BadKey> {
    Ok(Leg {
        number,
        attempt,
        key: Key::of(uid, number, attempt)?,
        from,
        to,
        park_sent: None,
        witness: None,
        stopped: None,
        parked: None,
        checkpoint: None,
        frozen: None,
        promised: None,
        thawed: None,
        transfer: None,
        image_withdrawn: None,
        image_kept: None,
        restore_micros: None,
        runs: None,
        connected: None,
        restores_failed: 0,
        committed: None,
        unpark_sent: None,
        unpark_first_sent: None,
        told: None,
        followed: None,
        released: None,
        resumed: None,
        ended: None,
    })
}

/// The second handoff passes through the same phases as the first: messages are held once more. While the stand-in serves
/// between the two, the stream is taken up; what is left is removed only when nothing is held any more.
fn phase_of(step: Step, route: Option<Route>, status: &MigrationStatus) -> Phase {
    let leg = status.legs.last();
    let second = leg.is_some_and(|leg| leg.number > 1);
    let released = leg.is_some_and(|leg| leg.released.is_some());
    let last = leg.is_none_or(|leg| route.is_none_or(|route| route.ends_with(leg.number)));
    match step {
        Step::Exclude | Step::Retire if route == Some(Route::InPlace) => Phase::Restoring,
        Step::Prepare => Phase::Pending,
        Step::Stage if !second => Phase::Pending,
        Step::Fence | Step::Hold | Step::Checkpoint => Phase::Checkpointing,
        Step::Follow | Step::Transfer => Phase::Transferring,
        Step::Restore | Step::Commit => Phase::Restoring,
        Step::Switch | Step::Retire if last && released => Phase::Finalizing,
        Step::Stage | Step::Exclude | Step::Release | Step::Switch | Step::Retire => Phase::Replaying,
        Step::Abandon if second || is_tried_again(status) => Phase::Replaying,
        Step::Abandon => Phase::Undoing,
        Step::Clean => Phase::Finalizing,
    }
}

fn is_tried_again(status: &MigrationStatus) -> bool {
    status.rollback.as_ref().is_some_and(|rollback| rollback.again)
}
