//! What is to be said of all migrations at one moment: how many are under way, how many wait, and which queues are held.

use std::collections::BTreeMap;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::api::{Leg, MigrationStatus, Phase, Plan, StatefulMigration, Step};
use crate::waiting::WaitsFor;

/// A queue is named for so long after the end of its move: it may still be worked off, and what looks at it once a minute has
/// to see it.
pub const KEPT_SECONDS: i64 = 120;

/// All migrations at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Present {
    /// Moves that have begun and wait for no person.
    pub under_way: u64,
    /// Moves that wait for a person.
    pub stuck: u64,
    /// Moves that wait for their turn, by what they wait for.
    pub waiting: BTreeMap<&'static str, u64>,
    /// How long the one that came first waits.
    pub oldest: SignedDuration,
    /// Queues of moves that are under way, or ended not long ago.
    pub held: Vec<Held>,
}

/// A queue whose consumer is being moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// UID of the migration.
    pub uid: String,
    /// Namespace of the pod.
    pub namespace: String,
    /// Virtual host of the broker.
    pub vhost: String,
    /// The queue.
    pub queue: String,
    /// Whether its messages are held at this moment.
    pub now: bool,
}

/// For what a move may wait, as the labels of a metric call it.
const WAITS: [WaitsFor; 11] = [
    WaitsFor::MovesPerCluster,
    WaitsFor::MovesPerNode,
    WaitsFor::PolicyLimit,
    WaitsFor::HigherPriority,
    WaitsFor::EarlierMoves,
    WaitsFor::OtherNamespaces,
    WaitsFor::Preparation,
    WaitsFor::Answer,
    WaitsFor::Pause,
    WaitsFor::Budget,
    WaitsFor::Node,
];

/// Looks at all of them.
pub fn present<'a>(all: impl Iterator<Item = &'a StatefulMigration>, now: Timestamp) -> Present {
    let mut present = Present {
        waiting: WAITS.into_iter().map(|waits| (word(waits), 0)).collect(),
        ..Present::default()
    };
    for migration in all.filter(|migration| !migration.spec.plan_only) {
        let Some(status) = &migration.status else { continue };
        match (&status.plan, status.phase.is_terminal()) {
            (Some(_), false) if status.is_stuck() => present.stuck += 1,
            (Some(_), false) => present.under_way += 1,
            (None, false) => in_line(&mut present, status, now),
            (_, true) => {}
        }
        present.held.extend(held(migration, status, now));
    }
    present
}

fn in_line(present: &mut Present, status: &MigrationStatus, now: Timestamp) {
    let Some(waiting) = &status.waiting else { return };
    *present.waiting.entry(word(waiting.r#for)).or_default() += 1;
    present.oldest = present.oldest.max(now.duration_since(waiting.since.0));
}

/// As in the status.
fn word(waits: WaitsFor) -> &'static str {
    match waits {
        WaitsFor::MovesPerCluster => "MovesPerCluster",
        WaitsFor::MovesPerNode => "MovesPerNode",
        WaitsFor::PolicyLimit => "PolicyLimit",
        WaitsFor::HigherPriority => "HigherPriority",
        WaitsFor::EarlierMoves => "EarlierMoves",
        WaitsFor::OtherNamespaces => "OtherNamespaces",
        WaitsFor::Preparation => "Preparation",
        WaitsFor::Answer => "Answer",
        WaitsFor::Pause => "Pause",
        WaitsFor::Budget => "Budget",
        WaitsFor::Node => "Node",
        WaitsFor::Plans => "Plans",
    }
}

fn held(migration: &StatefulMigration, status: &MigrationStatus, now: Timestamp) -> Option<Held> {
    let plan = status.plan.as_ref().filter(|_| status.phase != Phase::Planned)?;
    let ended = status.completion_time.as_ref();
    let is_recent = ended.is_none_or(|ended| now.duration_since(ended.0).as_secs() < KEPT_SECONDS);
    let metadata = &migration.metadata;
    is_recent.then(|| Held {
        uid: metadata.uid.clone().unwrap_or_default(),
        namespace: metadata.namespace.clone().unwrap_or_default(),
        vhost: vhost(plan),
        queue: plan.queue.queue.clone(),
        now: is_held(status),
    })
}

/// `host/virtual host/queue`: only the first has no `/`.
fn vhost(plan: &Plan) -> String {
    let after_host = plan.queue.stream.split_once('/').map_or("", |(_, rest)| rest);
    let vhost = after_host.strip_suffix(plan.queue.queue.as_str());
    let vhost = vhost.and_then(|vhost| vhost.strip_suffix('/'));
    vhost.unwrap_or_default().to_owned()
}

/// Whether messages wait for the move: from the request to hold them until somebody was seen to read again.
pub fn is_held(status: &MigrationStatus) -> bool {
    let Some(leg) = status.legs.last().filter(|_| !status.phase.is_terminal()) else {
        return false;
    };
    let fenced = status
        .intent
        .as_ref()
        .is_some_and(|intent| intent.step == Step::Fence);
    (fenced || leg.park_sent.is_some() || leg.parked.is_some()) && !is_read(leg)
}

fn is_read(leg: &Leg) -> bool {
    let taken_over = leg.committed.is_some() && leg.released.is_none();
    leg.released.is_some() || leg.resumed.is_some() || (leg.followed.is_some() && !taken_over)
}
