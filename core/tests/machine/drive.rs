//! One run of the machine through the simulated world, with what must hold at any time and at the end.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use shadow_core::api::{MigrationStatus, Phase, StatefulMigrationSpec, Step};
use shadow_core::machine::{
    Action, Cause, Change, Decision, End, Next, Observed, Sight, glance, next_step, record,
};
use shadow_core::reference;

use shadow_core::reason::Reason;

use crate::gone::Lost;
use crate::mover::Mover;
use crate::world::{Faults, Memory, Part, SOURCE, TARGET, UID, World};
use crate::{advice, gone, max_pause};

/// Events from outside, each at one point of the run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    /// Which thing of the world moves next, over and over.
    pub(crate) choices: Vec<usize>,
    /// Rounds after which the controller is killed, its memory lost.
    pub(crate) kills: Vec<usize>,
    /// So many rounds nobody controls after a kill.
    pub(crate) outage: usize,
    /// Round in which a container crashes.
    pub(crate) crash: Option<usize>,
    /// The pod whose container does; the source if not named.
    pub(crate) crashing: Option<&'static str>,
    /// Round in which the StatefulSet or Deployment gets another template.
    pub(crate) rollout: Option<usize>,
    /// Round in which it is deleted.
    pub(crate) removal: Option<usize>,
    /// Round in which somebody sends the source away.
    pub(crate) eviction: Option<usize>,
    /// Round in which the user cancels.
    pub(crate) cancel: Option<usize>,
    /// Round in which the node that was asked for takes no pods any more.
    pub(crate) cordon: Option<usize>,
    /// Round from which on its StatefulSet does not make its pod anew, since the one before it is not ready.
    pub(crate) unready: Option<usize>,
    /// The same, since it wants fewer.
    pub(crate) shrink: Option<usize>,
    /// The node that dies for good, and in which round.
    pub(crate) dies: Option<(&'static str, usize)>,
    /// Somebody does what the move says when it waits for a person.
    pub(crate) person: bool,
    /// From which round on something contradicts what the verdict rests on, and for how many.
    pub(crate) contradicted: Option<(usize, usize)>,
    /// What answers nobody, from which round on, and for how many.
    pub(crate) silent: Option<(Part, usize, usize)>,
    /// How long a hold may last, milliseconds.
    pub(crate) max_pause: Option<u64>,
    /// What the move needs and is gone for good, and from which round on.
    pub(crate) gone: Option<(Lost, usize)>,
    /// How the application's connection is lost while it parks.
    pub(crate) lost: Option<String>,
    pub(crate) faults: Faults,
    /// What is moved, and how.
    pub(crate) mover: Mover,
}

impl Script {
    fn silent_in(&self, round: usize) -> Option<Part> {
        let (part, from, rounds) = self.silent?;
        (from..from + rounds).contains(&round).then_some(part)
    }

    /// Whether nobody but the machine ends a process.
    fn keeps_its_pod(&self) -> bool {
        let sent_away = self.rollout.or(self.removal).or(self.eviction);
        self.crash.or(sent_away).is_none() && self.dies.is_none() && self.gone.is_none()
    }

    /// What the present step looks at, as far as it can be seen in this round.
    fn sees(&self, round: usize, world: &mut World, status: &MigrationStatus, now: Timestamp) -> Observed {
        let sight = Sight::in_status(status).unwrap();
        let mut all = sight.blank(world.look(status));
        if world.dead.as_deref() == Some(TARGET) {
            all = Part::Agents.hide(all, status);
        }
        let all = gone::hides(self.lost(round), world, all, status, now);
        match self.silent_in(round) {
            Some(part) => part.hide(all, status),
            None => all,
        }
    }

    fn lost(&self, round: usize) -> Option<Lost> {
        let (lost, from) = self.gone?;
        (round >= from).then_some(lost)
    }

    /// Whether an effect cannot be had in this round.
    fn prevents(&self, round: usize, (world, status): (&World, &MigrationStatus), action: &Action) -> bool {
        let silent = self.silent_in(round);
        silent.is_some_and(|part| part.is_needed_for(action))
            || self.lost(round).is_some_and(|lost| lost.prevents(action))
            || world.cannot_do(action, status)
    }

    /// Agents that were silent to the end tidy up by themselves.
    fn comes_back(&self, round: usize, world: &mut World) {
        if self.silent_in(round) == Some(Part::Agents) || world.dead.is_some() {
            world.agents_return();
        }
    }
}

pub(crate) struct Ended {
    pub(crate) world: World,
    pub(crate) status: MigrationStatus,
    /// How many rounds it took.
    pub(crate) rounds: usize,
    /// What a person saw on the way: handoff, phase and step, each change.
    pub(crate) shown: Vec<(Option<String>, Phase, Step)>,
}

/// From one round to the next.
pub(crate) const BEAT: SignedDuration = SignedDuration::from_millis(200);

/// Drives the machine to its end. Every effect is done twice.
pub(crate) fn drive(script: &Script) -> Ended {
    let spec = StatefulMigrationSpec {
        source_pod: SOURCE.into(),
        ..Default::default()
    };
    let mut now = Timestamp::from_second(1_700_000_000).unwrap();
    let (mut world, mut saved) = begin(script, now);
    let mut status = saved.clone();
    let mut shown = Vec::new();
    for round in 0..4000 {
        now += BEAT;
        disturb(&mut world, script, round);
        if script.kills.contains(&round) {
            status = saved.clone();
            now += killed(&mut world, script, round, &saved);
        }
        passes(&mut world, script, round, &saved);
        let seen = script.sees(round, &mut world, &status, now);
        notice(&spec, &mut status, &seen, now);
        let decision = next_step(&spec, &status, &seen, now);
        show(round, &decision);
        shown.extend(face(&status));
        shown.dedup();
        match decision {
            Decision::Wait { .. } => {}
            Decision::Run(action) => {
                if !script.prevents(round, (&world, &status), &action)
                    && act(&mut world, &action, &mut status, now)
                {
                    saved = status.clone();
                }
            }
            Decision::Advance(next) => {
                check_commit(&world, &status, &next);
                max_pause::check_commit(&status, &next, now);
                record::advance(&mut status, &next, UID, now).unwrap();
                if next.recorded {
                    saved = status.clone();
                }
            }
            Decision::RollBack(cause) => {
                record::roll_back(&mut status, &cause, now);
                saved = status.clone();
            }
            Decision::Finish(end) => {
                record::finish(&mut status, end, now);
                check_all(script, round, &mut world, &status, end);
                return Ended {
                    world,
                    status,
                    rounds: round,
                    shown,
                };
            }
            Decision::Stuck(cause) => asked(&cause, script, round, &mut world, &status),
        }
    }
    no_end(&world, &status)
}

/// The world as it is when the plan is written.
fn begin(script: &Script, now: Timestamp) -> (World, MigrationStatus) {
    let mut plan = script.mover.plan();
    plan.max_pause = script.max_pause.map(max_pause::of);
    let mut world = World::new(script.mover.faults(script.faults), &plan);
    world.lost.clone_from(&script.lost);
    let mut status = MigrationStatus::default();
    record::begin(&mut status, plan, UID, 0, now).unwrap();
    (world, status)
}

/// One round of the world.
fn passes(world: &mut World, script: &Script, round: usize, saved: &MigrationStatus) {
    world.tick(chosen(script, round), saved);
    world.deliver(chosen(script, round));
    // Pods of two templates consume beside each other in a rollout of a Deployment, as they do without us.
    world.overlapped |= !world.is_replaced() && overlaps(world, saved);
}

fn check_all(script: &Script, round: usize, world: &mut World, status: &MigrationStatus, end: End) {
    script.comes_back(round, world);
    if status.left.is_some() {
        return gone::check_left(world, status);
    }
    check_end(world, status, end);
    if script.keeps_its_pod() {
        check_state(world, status);
    }
}

fn notice(spec: &StatefulMigrationSpec, status: &mut MigrationStatus, seen: &Observed, now: Timestamp) {
    let glance = glance(spec, status, seen, now);
    record::notice(status, glance, now);
}

/// What a person sees of it.
fn face(status: &MigrationStatus) -> Option<(Option<String>, Phase, Step)> {
    let step = status.intent.as_ref()?.step;
    Some((status.handoff.clone(), status.phase, step))
}

/// A person is asked, who does what is said if there is one.
fn asked(cause: &Cause, script: &Script, round: usize, world: &mut World, status: &MigrationStatus) {
    // It goes on by itself when that is there; whether it comes, the script says.
    let comes = cause.reason == Reason::WaitsForLong || script.cancel.is_some_and(|cancel| cancel > round);
    if script.person {
        advice::follow(cause, world, status);
    } else {
        assert!(comes, "stuck: {cause:?}");
    }
}

/// What the controller only remembered is gone, and the world goes on without one; for how long.
fn killed(world: &mut World, script: &Script, round: usize, saved: &MigrationStatus) -> SignedDuration {
    world.forget_memory();
    (0..script.outage).for_each(|n| world.tick(chosen(script, round + n), saved));
    BEAT * i32::try_from(script.outage).unwrap()
}

/// Does it twice; whether that brought a doubt to light, which is saved at once.
fn act(world: &mut World, action: &Action, status: &mut MigrationStatus, now: Timestamp) -> bool {
    world.perform(action, status);
    let outcome = world.perform(action, status);
    let verdict = status.verdict.clone();
    record::absorb(status, outcome, now);
    status.verdict != verdict
}

/// What happens from outside in this round, but for the death of the controller.
fn disturb(world: &mut World, script: &Script, round: usize) {
    let contradicted = |(from, rounds): (usize, usize)| (from..from + rounds).contains(&round);
    world.contradiction = script
        .contradicted
        .filter(|span| contradicted(*span))
        .map(|_| Cause::new(Reason::PremiseBroken, "the queue has a maximum length now"));
    world.cancel |= script.cancel == Some(round);
    world.rolled_out |= script.rollout == Some(round);
    world.removed |= script.removal == Some(round);
    if let Some((node, dies)) = script.dies {
        world.lives_on_without(node, round.checked_sub(dies));
    }
    world.cordoned |= script.cordon == Some(round);
    world.unready_before |= script.unready == Some(round);
    world.scaled_down |= script.shrink == Some(round);
    if script.eviction == Some(round) {
        world.evict();
    }
    if script.gone == Some((Lost::Namespace, round)) {
        (world.removed, world.cancel) = (true, true);
        world.sends_all_away();
    }
    if script.crash == Some(round) {
        world.crash(script.crashing.unwrap_or(SOURCE));
    }
}

/// `SHOW_DECISIONS=1 cargo test -p shadow-core --test machine NAME -- --nocapture`
fn show(round: usize, decision: &Decision) {
    if std::env::var_os("SHOW_DECISIONS").is_some() {
        eprintln!("{round} {decision:?}");
    }
}

fn no_end(world: &World, status: &MigrationStatus) -> ! {
    let steps: Vec<(Step, u8)> = status
        .steps
        .iter()
        .map(|record| (record.step, record.leg))
        .collect();
    panic!("no end: {steps:?} {:?}\n{:?}", status.rollback, world.pods)
}

/// What is committed is never set back to its checkpoint.
fn check_commit(world: &World, status: &MigrationStatus, next: &Next) {
    let key = status.legs.last().map(|leg| &leg.key);
    let offered = key.is_some_and(|key| world.offers_image(key));
    assert!(
        next.change != Change::Committed || !offered,
        "committed, and could be set back to its checkpoint"
    );
    assert!(
        next.change != Change::Committed || world.keeps_its_promise(),
        "committed, and the source may run on"
    );
    assert!(
        next.change != Change::Committed || world.contradiction.is_none() || !next.doubts.is_empty(),
        "committed, and it is known that the verdict would be wrong"
    );
}

/// Nothing is left behind, and the verdict says what was seen.
fn check_end(world: &World, status: &MigrationStatus, end: End) {
    assert!(
        world.leftovers().is_empty(),
        "left behind: {:?}",
        world.leftovers()
    );
    assert_eq!(end == End::Completed, status.phase == Phase::Completed);
    check_figures(status);
    let exact = status.verdict.as_ref().is_some_and(|verdict| verdict.exact);
    assert!(
        end == End::Completed || !exact || world.kept_its_source(),
        "the source went, and the verdict does not say so: {:?}",
        status.verdict
    );
    assert!(
        !(world.overlapped && exact),
        "somebody else consumed, and the verdict does not say so"
    );
}

/// What scripts of the reference system read of a move that has ended: all its phases, and the pod that has the stream now.
fn check_figures(status: &MigrationStatus) {
    let mut told = status.clone();
    reference::fill(&StatefulMigrationSpec::default(), &mut told);
    let last = status.legs.last().map(|leg| leg.to.pod.clone());
    let holder = last.filter(|_| status.phase == Phase::Completed);
    let second = status.legs.iter().any(|leg| leg.number > 1);
    assert!(
        second || told.target_pod == holder,
        "{:?} is no {holder:?}",
        told.target_pod
    );
    let phases = told.phase_timings.len();
    assert!(
        status.phase != Phase::Completed || phases == 6,
        "{:?}",
        told.phase_timings
    );
}

/// Whoever has the stream has applied every message before those that wait, once and in order.
fn check_state(world: &World, status: &MigrationStatus) {
    let exact = status.verdict.as_ref().is_some_and(|verdict| verdict.exact);
    let last = status.legs.iter().rfind(|leg| leg.committed.is_some());
    let holder = last.map_or(SOURCE, |leg| leg.to.pod.as_str());
    let process = world.pods[holder].process.as_ref();
    let Some(process) = process else {
        assert!(!exact, "the holder of the stream does not run");
        return;
    };
    let expected = world.stream.applied();
    assert!(
        !exact || process.in_order && process.applied == expected,
        "{holder} should have applied {expected} messages, and the verdict says exact: {process:?}"
    );
}

/// After the commit, somebody else than the lineage that holds the moved memory is on the primary queue.
fn overlaps(world: &World, saved: &MigrationStatus) -> bool {
    let mut committed = saved.legs.iter().filter(|leg| leg.committed.is_some());
    committed.any(|leg| world.consumers(None) > 1 || world.consumes_afresh(leg.from.uid.as_deref()))
}

/// Any order, but nothing starves: every other event is the next one in turn.
fn chosen(script: &Script, round: usize) -> usize {
    if round.is_multiple_of(2) {
        script.choices[(round / 2) % script.choices.len()]
    } else {
        round / 2
    }
}

pub(crate) fn in_turn() -> Script {
    Script {
        choices: (0..8).collect(),
        ..Script::default()
    }
}

pub(crate) fn serving(world: &World, pod: &str) -> Option<Memory> {
    let process = world.pods.get(pod)?.process.as_ref()?;
    process.reads.is_none().then_some(process.memory)
}

/// Name of the pod that has the stream after a move, and after one that was undone.
pub(crate) fn holder(ended: &Ended) -> String {
    let kept = ended.world.pods.contains_key(SOURCE);
    if kept {
        SOURCE.to_owned()
    } else {
        ended.world.target.clone()
    }
}
