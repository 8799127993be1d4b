//! The controller's metrics. It counts what `shadow_core::tally` finds in each write of a status.

use std::collections::HashMap;
use std::time::Duration;

use k8s_openapi::jiff::SignedDuration;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use shadow_core::api::{HoldKind, Step};
use shadow_core::doubt::DoubtReason;
use shadow_core::gone::{Left, Need};
use shadow_core::reason::Reason;
use shadow_core::tally::{Count, Ended, Held, Outcome, Present};
use shadow_core::{names, words};

use crate::common::Common;
use crate::shelf::{Counters, Described, Gauges, Histograms, Shelf, labels, long_seconds, messages, seconds};

labels!(End { outcome, reason });
labels!(OfStep { step });
labels!(OfHold { hold });
labels!(Because { reason });
labels!(OfVisit { result });
labels!(OfNeed { gone });
labels!(OfKind { kind });
labels!(
    /// For what a move waits.
    Line { waits_for }
);
labels!(Queue {
    namespace,
    vhost,
    queue
});

/// See the module.
#[derive(Debug)]
pub struct Metrics {
    shelf: Shelf,
    /// What each part has.
    pub common: Common,
    leader: Gauge,
    moves: Counters<End>,
    plans: Counters<End>,
    move_seconds: Histogram,
    wait_seconds: Histogram,
    step_seconds: Histograms<OfStep>,
    pause_seconds: Histograms<OfHold>,
    reconnect_seconds: Histogram,
    freeze_seconds: Histogram,
    held_messages: Histogram,
    handoffs: Counters<OfHold>,
    held_too_long: Counters<OfHold>,
    undone: Counters<Because>,
    stuck: Counters<Because>,
    archive_bytes: Counter,
    wire_bytes: Counter,
    visits: Counters<OfVisit>,
    visit_seconds: Histogram,
    failed_effects: Counters<Because>,
    gone_for_good: Counters<OfNeed>,
    left: Counters<OfKind>,
    under_way: Gauge,
    waits_for_person: Gauge,
    line: Gauges<Line>,
    oldest: Gauge,
    hold_active: Gauges<Queue>,
    hold_messages: Gauges<Queue>,
    nodes_ready: Gauge,
}

/// How a visit of a migration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visit {
    /// As far as it goes.
    Done,
    /// Another write came first; it begins again.
    Conflict,
    /// With an error; it is tried again.
    Failed,
}

impl Visit {
    const ALL: [Self; 3] = [Self::Done, Self::Conflict, Self::Failed];

    fn word(self) -> String {
        match self {
            Self::Done => "done",
            Self::Conflict => "conflict",
            Self::Failed => "failed",
        }
        .to_owned()
    }
}

impl Metrics {
    /// All at zero.
    #[expect(
        clippy::too_many_lines,
        reason = "one entry for each metric: it is read as the list that it is"
    )]
    pub fn new(version: &str) -> Self {
        let mut shelf = Shelf::default();
        let metrics = Self {
            common: Common::new(&mut shelf, version),
            leader: shelf.gauge(
                "shadow_leader",
                "1 while this controller leads, 0 while it waits for its turn",
            ),
            moves: shelf.counters(
                "shadow_moves",
                "Moves that have ended, by how they ended and why: the cause of an undone one, the first doubt of an inexact one",
            ),
            plans: shelf.counters(
                "shadow_plans",
                "Plans without a move (kubectl shadow plan, or a dry run of a drain), by how they ended",
            ),
            move_seconds: shelf.histogram(
                "shadow_move_duration_seconds",
                "From the first sight of a migration to the end of its move, the time in line included; of moves that touched something",
                long_seconds,
            ),
            wait_seconds: shelf.histogram(
                "shadow_move_wait_seconds",
                "How long moves that have begun waited for their turn",
                long_seconds,
            ),
            step_seconds: shelf.histograms(
                "shadow_step_duration_seconds",
                "How long a step took; a StatefulSet's pod passes through most of them twice",
                seconds,
            ),
            pause_seconds: shelf.histograms(
                "shadow_pause_seconds",
                "The longest time of a move in which the state of the application did not go on, by how messages were held",
                seconds,
            ),
            reconnect_seconds: shelf.histogram(
                "shadow_reconnect_seconds",
                "What a restored application took to connect to its broker again; part of the pause",
                seconds,
            ),
            freeze_seconds: shelf.histogram(
                "shadow_freeze_seconds",
                "How long a process stood still for its dump",
                seconds,
            ),
            held_messages: shelf.histogram(
                "shadow_held_messages",
                "The most messages that were seen to wait while a move held its queue",
                messages,
            ),
            handoffs: shelf.counters(
                "shadow_handoffs_committed",
                "Handoffs that were committed, by how messages were held",
            ),
            held_too_long: shelf.counters(
                "shadow_max_pause_exceeded",
                "Holds that lasted longer than spec.maxPause allows though they were committed before it was spent, by how messages were held",
            ),
            undone: shelf.counters(
                "shadow_handoffs_undone",
                "Handoffs that were undone, by why; some of them are tried again",
            ),
            stuck: shelf.counters(
                "shadow_moves_stuck_events",
                "How often a move began to wait for a person, by why",
            ),
            archive_bytes: shelf.counter(
                "shadow_archive_bytes",
                "Bytes of memory and files that were dumped",
            ),
            wire_bytes: shelf.counter(
                "shadow_transferred_bytes",
                "Bytes of archives that went over the network, compressed",
            ),
            visits: shelf.counters(
                "shadow_visits",
                "Visits of migrations by this controller, by their result",
            ),
            visit_seconds: shelf.histogram(
                "shadow_visit_duration_seconds",
                "How long a visit took; one drives a move as long as something can be done",
                long_seconds,
            ),
            failed_effects: shelf.counters(
                "shadow_failed_effects",
                "Effects that failed, by why: most are tried again",
            ),
            gone_for_good: shelf.counters(
                "shadow_moves_gone_for_good",
                "Moves that ended since something that they needed was gone for good, by what: their namespace, the broker's Secret, the \
                 Role that shows it, their queue",
            ),
            left: shelf.counters(
                "shadow_left_objects",
                "Objects that such moves left behind, as far as they were made; the controller's log names them",
            ),
            under_way: shelf.gauge("shadow_moves_under_way", "Moves that have begun and wait for no person"),
            waits_for_person: shelf.gauge("shadow_moves_stuck", "Moves that wait for a person"),
            line: shelf.gauges(
                "shadow_moves_waiting",
                "Moves that wait for their turn, by what they wait for",
            ),
            oldest: shelf.gauge(
                "shadow_moves_waiting_oldest_seconds",
                "How long the move that came first waits for its turn; 0 when none waits",
            ),
            hold_active: shelf.gauges(
                names::HOLD_METRIC,
                "1 while messages of this queue are held for a move, 0 otherwise; the series is there from the plan of a move until 2 \
                 minutes after its end",
            ),
            hold_messages: shelf.gauges(
                "shadow_hold_messages",
                "Messages that wait in a queue whose consumer is being moved, its backlog queue included, at the last look",
            ),
            nodes_ready: shelf.gauge(
                "shadow_nodes_ready",
                "Nodes whose agent answered the controller in its last round",
            ),
            shelf: Shelf::default(),
        };
        let metrics = Self { shelf, ..metrics };
        metrics.begin();
        metrics
    }

    /// A series that begins with its first event hides that event from `increase()`: all that can come are there from the
    /// start.
    fn begin(&self) {
        let reasons = variants::<Reason>();
        for outcome in [Outcome::Undone, Outcome::Refused] {
            for reason in &reasons {
                drop(self.moves.get_or_create(&end(outcome, reason)));
            }
        }
        for outcome in [Outcome::Inexact, Outcome::MemoryLost] {
            for reason in variants::<DoubtReason>() {
                drop(self.moves.get_or_create(&end(outcome, &reason)));
            }
        }
        drop(self.moves.get_or_create(&end(Outcome::Exact, "None")));
        drop(self.moves.get_or_create(&end(Outcome::Cancelled, "Cancelled")));
        drop(self.plans.get_or_create(&end(Outcome::Planned, "None")));
        for reason in reasons {
            drop(self.undone.get_or_create(&because(&reason)));
            drop(self.stuck.get_or_create(&because(&reason)));
            drop(self.failed_effects.get_or_create(&because(&reason)));
        }
        for step in variants::<Step>() {
            drop(self.step_seconds.get_or_create(&OfStep { step }));
        }
        for hold in variants::<HoldKind>() {
            let of = OfHold { hold };
            drop(self.pause_seconds.get_or_create(&of));
            drop(self.handoffs.get_or_create(&of));
            drop(self.held_too_long.get_or_create(&of));
        }
        for gone in Need::KINDS.map(str::to_owned) {
            drop(self.gone_for_good.get_or_create(&OfNeed { gone }));
        }
        for (kind, _) in left_by_kind(&Left::default()) {
            drop(self.left.get_or_create(&of_kind(kind)));
        }
        for visit in Visit::ALL {
            drop(self.visits.get_or_create(&OfVisit { result: visit.word() }));
        }
    }

    /// Takes in what a write of a status has brought; `plan_only` as its spec says.
    pub fn count(&self, counts: &[Count], plan_only: bool) {
        for count in counts {
            match count {
                Count::Ended(end) if plan_only => self.planned(end),
                Count::Ended(end) => self.ended(end),
                Count::Step(..) | Count::Begun(_) if plan_only => {}
                Count::Begun(waited) => self.wait_seconds.observe(waited.as_secs_f64()),
                Count::Step(step, took) => observe(
                    &self.step_seconds,
                    &OfStep {
                        step: step.to_string(),
                    },
                    *took,
                ),
                Count::Dumped { bytes, froze } => {
                    self.archive_bytes.inc_by(*bytes);
                    self.freeze_seconds.observe(froze.as_secs_f64());
                }
                Count::Transferred(bytes) => {
                    self.wire_bytes.inc_by(*bytes);
                }
                Count::Committed(hold) => {
                    self.handoffs.get_or_create(&of_hold(*hold)).inc();
                }
                Count::HeldTooLong(hold) => {
                    self.held_too_long.get_or_create(&of_hold(*hold)).inc();
                }
                Count::Undone(reason) => {
                    self.undone.get_or_create(&because(&reason.to_string())).inc();
                }
                Count::Reconnected(took) => self.reconnect_seconds.observe(took.as_secs_f64()),
                Count::Left(left) => self.left(left),
                Count::Stuck(reason) => {
                    self.stuck.get_or_create(&because(&reason.to_string())).inc();
                }
            }
        }
    }

    fn left(&self, left: &Left) {
        let gone = left.gone.clone();
        self.gone_for_good.get_or_create(&OfNeed { gone }).inc();
        for (kind, objects) in left_by_kind(left) {
            self.left
                .get_or_create(&of_kind(kind))
                .inc_by(objects.len() as u64);
        }
    }

    fn planned(&self, ended: &Ended) {
        let end = end(ended.outcome, &ended.why.to_string());
        self.plans.get_or_create(&end).inc();
    }

    fn ended(&self, ended: &Ended) {
        let labels = end(ended.outcome, &ended.why.to_string());
        self.moves.get_or_create(&labels).inc();
        if ended.outcome != Outcome::Refused {
            self.move_seconds.observe(ended.took.as_secs_f64());
        }
        if let Some((hold, pause)) = ended.pause {
            observe(&self.pause_seconds, &of_hold(hold), pause);
        }
    }

    /// The most messages that were seen to wait during a move that has ended.
    pub fn held_messages(&self, most: u64) {
        #[expect(clippy::cast_precision_loss, reason = "a histogram of messages needs no more")]
        self.held_messages.observe(most as f64);
    }

    /// A visit has ended.
    pub fn visited(&self, visit: Visit, took: Duration) {
        self.visits.get_or_create(&OfVisit { result: visit.word() }).inc();
        self.visit_seconds.observe(took.as_secs_f64());
    }

    /// An effect has failed.
    pub fn effect_failed(&self, reason: Reason) {
        self.failed_effects
            .get_or_create(&because(&reason.to_string()))
            .inc();
    }

    /// Whether this process leads.
    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Nodes whose agent answered.
    pub fn nodes_ready(&self, nodes: usize) {
        self.nodes_ready.set(gauge(nodes as u64));
    }

    /// What is to be said of all migrations now; `messages` by the UID of the migration.
    pub fn show(&self, present: &Present, messages: &HashMap<String, u64>) {
        self.under_way.set(gauge(present.under_way));
        self.waits_for_person.set(gauge(present.stuck));
        for (waits_for, moves) in &present.waiting {
            let line = Line {
                waits_for: (*waits_for).to_owned(),
            };
            self.line.get_or_create(&line).set(gauge(*moves));
        }
        self.oldest.set(present.oldest.as_secs());
        self.hold_active.clear();
        self.hold_messages.clear();
        for held in &present.held {
            let queue = queue(held);
            let active = self.hold_active.get_or_create(&queue);
            active.set(active.get().max(i64::from(held.now)));
            if let Some(waiting) = messages.get(&held.uid) {
                self.hold_messages.get_or_create(&queue).set(gauge(*waiting));
            }
        }
    }

    /// In the format of OpenMetrics.
    pub fn text(&self) -> String {
        self.shelf.text()
    }

    /// What is said of each.
    pub fn described(&self) -> &[Described] {
        self.shelf.described()
    }
}

fn variants<T: schemars::JsonSchema>() -> Vec<String> {
    words::of::<T>().into_iter().map(|(name, _)| name).collect()
}

fn observe<L: crate::shelf::Labels>(of: &Histograms<L>, labels: &L, took: SignedDuration) {
    of.get_or_create(labels).observe(took.as_secs_f64());
}

fn end(outcome: Outcome, reason: &str) -> End {
    End {
        outcome: outcome.to_string(),
        reason: reason.to_owned(),
    }
}

fn of_kind(kind: &str) -> OfKind {
    OfKind {
        kind: kind.to_owned(),
    }
}

fn left_by_kind(left: &Left) -> [(&'static str, &[String]); 3] {
    [
        ("queue", left.queues.as_slice()),
        ("exchange", left.exchanges.as_slice()),
        ("pod", left.pods.as_slice()),
    ]
}

fn because(reason: &str) -> Because {
    Because {
        reason: reason.to_owned(),
    }
}

fn of_hold(hold: HoldKind) -> OfHold {
    OfHold {
        hold: format!("{hold:?}"),
    }
}

fn queue(held: &Held) -> Queue {
    Queue {
        namespace: held.namespace.clone(),
        vhost: held.vhost.clone(),
        queue: held.queue.clone(),
    }
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
