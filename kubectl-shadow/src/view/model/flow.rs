//! The way of the messages at one moment: which queue feeds which instance, and which instance waits. Told from the status;
//! depths and rates come from [`Progress`](super::progress::Progress), where there is one.

use shadow_core::api::{HoldKind, Leg, MigrationStatus, Plan, Reading};
use shadow_core::names;

/// The picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The way of the messages.
    pub way: Way,
    /// The primary queue.
    pub queue: String,
    /// Whether it is a quorum queue.
    pub quorum: bool,
    /// The instance that reads, and what.
    pub reads: Option<(String, Queue)>,
    /// The instance that waits, and on which queue.
    pub waits: Option<(String, String)>,
    /// The instance that reads next.
    pub next: Option<String>,
    /// What weakens the verdict so far, in words.
    pub breached: Option<String>,
}

/// The six ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the primary queue to an instance.
    Direct,
    /// The instance was asked to wait, and works off what it has.
    Parking,
    /// The instance waits on the hold queue.
    Parked,
    /// A consumer of ours keeps a single-active queue.
    HeldByUs,
    /// A port stands before the primary queue, and lets everything through.
    Ported,
    /// New messages go to the backlog.
    Fenced {
        /// And to the mirror.
        mirror: bool,
    },
}

/// What an instance reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// Its own.
    Primary,
    /// The backlog.
    Backlog,
    /// The mirror.
    Mirror,
}

/// None before there is a plan.
pub fn of(status: &MigrationStatus) -> Option<Flow> {
    let plan = status.plan.as_ref()?;
    let leg = status.legs.last();
    let way = way(status, plan, leg);
    let breached = status.verdict.as_ref().filter(|verdict| !verdict.exact);
    Some(Flow {
        way,
        queue: plan.queue.queue.clone(),
        quorum: plan.queue.quorum,
        reads: reads(status, plan, leg, way),
        waits: waits(leg, way),
        next: leg
            .filter(|leg| is_open(leg) && status.rollback.is_none())
            .map(|leg| leg.to.pod.clone()),
        breached: breached.map(|verdict| verdict.because.clone()),
    })
}

fn is_open(leg: &Leg) -> bool {
    leg.released.is_none() && leg.resumed.is_none()
}

fn way(status: &MigrationStatus, plan: &Plan, leg: Option<&Leg>) -> Way {
    let Some(leg) = leg.filter(|_| !status.phase.is_terminal()) else {
        return Way::Direct;
    };
    if let Some(fence) = &status.fence {
        let reads_primary = leg
            .told
            .as_ref()
            .is_some_and(|told| told.reading == Reading::Primary);
        let is_done = fence.drained.is_some() || (reads_primary && !is_open(leg));
        return if is_done {
            Way::Ported
        } else {
            Way::Fenced { mirror: fence.twins }
        };
    }
    if leg.park_sent.is_none() || !is_open(leg) {
        return Way::Direct;
    }
    match plan.queue.hold {
        HoldKind::SingleActive => Way::HeldByUs,
        HoldKind::Park | HoldKind::Exchange if leg.parked.is_some() || leg.stopped.is_some() => Way::Parked,
        HoldKind::Park | HoldKind::Exchange => Way::Parking,
    }
}

fn reads(status: &MigrationStatus, plan: &Plan, leg: Option<&Leg>, way: Way) -> Option<(String, Queue)> {
    let Some(leg) = leg else {
        return Some((plan.source.name.clone(), Queue::Primary));
    };
    let holder = if leg.released.is_some() || (status.phase.is_terminal() && leg.committed.is_some()) {
        &leg.to.pod
    } else {
        &leg.from.pod
    };
    let of_told = match leg.told.as_ref().map(|told| told.reading) {
        Some(Reading::Backlog) => Queue::Backlog,
        Some(Reading::Mirror) => Queue::Mirror,
        Some(Reading::Primary) | None => Queue::Primary,
    };
    match way {
        Way::Parked | Way::HeldByUs => None,
        Way::Direct | Way::Parking | Way::Ported => Some((holder.clone(), Queue::Primary)),
        Way::Fenced { mirror } => {
            let follows = mirror && leg.followed.is_some() && leg.committed.is_none();
            let stands = is_open(leg) && leg.stopped.is_some() && !follows;
            let what = if follows { Queue::Mirror } else { of_told };
            (!stands).then(|| (holder.clone(), what))
        }
    }
}

fn waits(leg: Option<&Leg>, way: Way) -> Option<(String, String)> {
    let leg = leg?;
    match way {
        Way::Parked | Way::Parking => Some((leg.from.pod.clone(), names::hold_queue(&leg.key))),
        Way::Fenced { .. } if is_open(leg) && leg.stopped.is_some() && leg.followed.is_none() => {
            Some((leg.from.pod.clone(), names::hold_queue(&leg.key)))
        }
        Way::Direct | Way::HeldByUs | Way::Ported | Way::Fenced { .. } => None,
    }
}
