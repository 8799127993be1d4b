//! In which state a migration is, in one word. Each word has a mark and a colour of its own in [`crate::view::draw::theme`].

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use serde::{Deserialize, Serialize};
use shadow_core::api::{Leg, MigrationStatus, Phase, StatefulMigration};
use shadow_core::machine::record::is_committed;

/// The states, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// A person decides.
    Stuck,
    /// Messages wait: no instance consumes.
    Held,
    /// The move is being undone.
    Undoing,
    /// It goes on.
    Moving,
    /// For its turn.
    Waiting,
    /// The source stays where it was.
    Undone,
    /// The same, as asked.
    Cancelled,
    /// A plan without a move.
    Planned,
    /// Moved, and not proven exact.
    Inexact,
    /// Moved, and proven exact.
    Exact,
    /// Deleted while it was watched.
    Gone,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Stuck,
        Self::Held,
        Self::Undoing,
        Self::Moving,
        Self::Waiting,
        Self::Undone,
        Self::Cancelled,
        Self::Planned,
        Self::Inexact,
        Self::Exact,
        Self::Gone,
    ];

    /// Of a migration that is there.
    pub fn of(migration: &StatefulMigration) -> Self {
        let Some(status) = migration.status.as_ref() else {
            return Self::Waiting;
        };
        match status.phase {
            Phase::Completed if status.verdict.as_ref().is_some_and(|verdict| verdict.exact) => Self::Exact,
            Phase::Completed => Self::Inexact,
            Phase::Failed => Self::Undone,
            Phase::Cancelled => Self::Cancelled,
            Phase::Planned => Self::Planned,
            Phase::Pending
            | Phase::Checkpointing
            | Phase::Transferring
            | Phase::Restoring
            | Phase::Replaying
            | Phase::Finalizing
            | Phase::Undoing => Self::under_way(status),
        }
    }

    fn under_way(status: &MigrationStatus) -> Self {
        let is_stuck = |c: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
            c.type_ == "Stuck" && c.status == "True"
        };
        if status.conditions.iter().any(is_stuck) {
            Self::Stuck
        } else if status.rollback.is_some() {
            Self::Undoing
        } else if held_since(status).is_some() {
            Self::Held
        } else if status.plan.is_none() && status.steps.is_empty() {
            Self::Waiting
        } else {
            Self::Moving
        }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stuck => "STUCK",
            Self::Held => "HELD",
            Self::Undoing => "UNDOING",
            Self::Moving => "MOVING",
            Self::Waiting => "WAITING",
            Self::Undone => "UNDONE",
            Self::Cancelled => "CANCELLED",
            Self::Planned => "PLANNED",
            Self::Inexact => "INEXACT",
            Self::Exact => "EXACT",
            Self::Gone => "GONE",
        }
    }

    /// What it means, in one sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Stuck => "Nothing safe can be decided. Both pods stay, and a person decides.",
            Self::Held => "Messages wait in the queue, and no instance consumes them at this moment.",
            Self::Undoing => "The move is being undone. The source goes on.",
            Self::Moving => "The move goes on.",
            Self::Waiting => "The move has not begun. It waits for its turn, or for its plan.",
            Self::Undone => "The move was undone or refused. The pod stays where it was.",
            Self::Cancelled => "The move was undone, as asked. The pod stays where it was.",
            Self::Planned => "The plan is made. Nothing was moved, as asked.",
            Self::Inexact => "The pod was moved. The verdict says what is not proven.",
            Self::Exact => "The pod was moved. No message was lost, doubled or reordered.",
            Self::Gone => "The migration was deleted while it was watched. This does not stop the pod.",
        }
    }

    /// Whether nothing will change any more.
    pub fn is_over(self) -> bool {
        match self {
            Self::Stuck | Self::Held | Self::Undoing | Self::Moving | Self::Waiting => false,
            Self::Undone | Self::Cancelled | Self::Planned | Self::Inexact | Self::Exact | Self::Gone => true,
        }
    }
}

/// Since when no instance consumes, in the handoff that is under way; none while one does.
pub fn held_since(status: &MigrationStatus) -> Option<Timestamp> {
    let open = stalls(status.legs.last()?)
        .into_iter()
        .find(|stall| stall.to.is_none())?;
    Some(open.from)
}

/// A time in which no instance consumes.
struct Stall {
    from: Timestamp,
    to: Option<Timestamp>,
}

/// Those of a handoff, counted as the status counts its pause (`shadow_core::machine::stall`): from the moment at which everything
/// is applied to the moment at which an instance reads again. A source that goes on with a copy of the stream reads; its copy
/// does so from its release on.
fn stalls(leg: &Leg) -> Vec<Stall> {
    let time = |time: Option<&MicroTime>| time.map(|time| time.0);
    let reads = time(leg.released.as_ref().or(leg.resumed.as_ref()));
    let stopped = time(leg.stopped.as_ref().or(leg.parked.as_ref()));
    let held = stopped.map(|from| Stall {
        from,
        to: time(leg.followed.as_ref()).or(reads),
    });
    let live = leg.followed.as_ref().and(leg.committed.as_ref());
    let taken_over = live.map(|from| Stall {
        from: from.0,
        to: reads,
    });
    held.into_iter().chain(taken_over).collect()
}

/// The pauses of the handoffs so far: number of the handoff, seconds of the longest one, and whether one goes on.
pub fn pauses(status: &MigrationStatus, now: Timestamp) -> Vec<(u8, f64, bool)> {
    let ended = status.phase.is_terminal();
    let of_leg = |leg: &Leg| {
        let stalls = stalls(leg)
            .into_iter()
            .filter(|stall| stall.to.is_some() || !ended);
        let seconds = |stall: &Stall| {
            stall
                .to
                .unwrap_or(now)
                .duration_since(stall.from)
                .as_secs_f64()
                .max(0.0)
        };
        let all: Vec<(f64, bool)> = stalls
            .map(|stall| (seconds(&stall), stall.to.is_none()))
            .collect();
        let longest = all.iter().map(|(seconds, _)| *seconds).reduce(f64::max)?;
        Some((leg.number, longest, all.iter().any(|(_, goes_on)| *goes_on)))
    };
    status.legs.iter().filter_map(of_leg).collect()
}

/// Whether it can be undone, in half a sentence.
pub fn way_back(status: &MigrationStatus) -> &'static str {
    if status.phase.is_terminal() {
        "it has ended"
    } else if is_committed(status) {
        "after the commit: only forward"
    } else if status.rollback.is_some() {
        "it is being undone"
    } else {
        "before the commit: C undoes it"
    }
}
