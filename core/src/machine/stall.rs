//! Stalls: times in which the state of the moved application does not go on, as far as looks show them.
//!
//! A stall begins when everything that was delivered is applied and nothing more comes, not when the application is asked to
//! wait: until then it works. It ends when an instance is seen to read again: the copy, the source after an undo, or the source
//! that goes on with a copy of the stream. What of it belongs to the application itself, its way back to the broker, is told
//! apart. An instance that reads a backlog goes on; its way from there to the primary queue is a stall of its own.

use k8s_openapi::jiff::SignedDuration;

use crate::api::{Leg, MigrationStatus, Reading, Step};
use crate::machine::Scene;
use crate::machine::observed::QueueSeen;
use crate::machine::port;
use crate::machine::steps::{fenced, restore, single_active};

/// What one look shows of stalls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// Whether the instance has nothing left to apply; `None`: this look does not tell.
    pub stopped: Option<bool>,
    /// The copy's process runs.
    pub runs: bool,
    /// It has a connection to the broker.
    pub connected: bool,
    /// After an undo: the instance reads again.
    pub resumed: bool,
    /// Whether a backlog is worked off and the primary queue is not read yet; `None`: this look does not tell.
    pub between: Option<bool>,
}

/// What this look shows.
pub fn glance(step: Step, scene: &Scene<'_>) -> Glance {
    let fenced = scene.status.fence.is_some();
    let mut glance = Glance::default();
    match step {
        Step::Fence | Step::Hold => glance.stopped = stopped(scene),
        Step::Restore => {
            glance.runs = restore::restored(scene).is_some();
            glance.connected = glance.runs && is_connected(scene);
        }
        Step::Abandon => {
            glance.resumed = is_resumed(scene);
            glance.between = fenced.then(|| between(scene, served(scene))).flatten();
        }
        Step::Release | Step::Clean => {
            glance.between = fenced.then(|| between(scene, Reading::Backlog)).flatten();
        }
        Step::Prepare
        | Step::Stage
        | Step::Checkpoint
        | Step::Follow
        | Step::Transfer
        | Step::Commit
        | Step::Exclude
        | Step::Switch
        | Step::Retire => {}
    }
    glance
}

/// The hold of a single-active queue is proven at the moment at which everything is applied.
fn stopped(scene: &Scene<'_>) -> Option<bool> {
    if single_active::applies(scene) {
        return None;
    }
    let primary = scene.seen.primary;
    let left = || Some(primary.consumers()? == 0 && primary.settled());
    if scene.status.fence.is_none() {
        return if scene.leg.park_sent.is_some() {
            left()
        } else {
            None
        };
    }
    let seen = fenced::seen(scene, Reading::Backlog)?;
    let rest = port::worked_off(seen.backlog);
    if seen.flow.is_turned() {
        return Some(port::worked_off(primary) && (rest || !seen.on_backlog()));
    }
    left().map(|left| left && rest)
}

fn is_connected(scene: &Scene<'_>) -> bool {
    if single_active::applies(scene) {
        scene.seen.copy_connected == Some(true)
    } else {
        restore::copy_is_connected(scene)
    }
}

fn is_resumed(scene: &Scene<'_>) -> bool {
    let read = |queue: QueueSeen| queue.consumers().is_some_and(|consumers| consumers > 0);
    let seen = scene.seen;
    let held = single_active::applies(scene) && !seen.link.is_off();
    !held && (read(seen.primary) || read(seen.backlog) || read(seen.mirror))
}

/// Only a source has a copy of the stream to work off.
fn served(scene: &Scene<'_>) -> Reading {
    if scene.leg.number == 1 && fenced::are_twins(scene) {
        Reading::Mirror
    } else {
        Reading::Backlog
    }
}

fn between(scene: &Scene<'_>, served: Reading) -> Option<bool> {
    let seen = fenced::seen(scene, served)?;
    let unseen = [seen.primary, seen.backlog].contains(&QueueSeen::Unseen);
    (!unseen).then(|| !seen.flow.is_turned() && port::worked_off(seen.backlog) && !seen.on_primary())
}

/// The longest stall of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// From the last message that was applied to the moment at which an instance was seen to read again.
    pub time: SignedDuration,
    /// What of it the application took to connect to the broker again.
    pub reconnect: Option<SignedDuration>,
}

/// The longest one that is over.
pub fn longest(status: &MigrationStatus) -> Option<Stall> {
    let back = status.fence.as_ref().and_then(|fence| fence.longest_return);
    let back = back.map(|millis| Stall {
        time: SignedDuration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)),
        reconnect: None,
    });
    let held = status.legs.iter().filter_map(held);
    let taken_over = status.legs.iter().filter_map(taken_over);
    held.chain(taken_over).chain(back).max_by_key(|stall| stall.time)
}

/// From the hold to whoever reads first.
fn held(leg: &Leg) -> Option<Stall> {
    let from = leg.stopped.as_ref().or(leg.parked.as_ref())?.0;
    let to = leg
        .followed
        .as_ref()
        .or(leg.released.as_ref())
        .or(leg.resumed.as_ref())?
        .0;
    let whole = leg.followed.is_none();
    Some(Stall {
        time: to.duration_since(from),
        reconnect: reconnect(leg).filter(|_| whole),
    })
}

/// Where the source went on with a copy of the stream: the copy has it from the commit on, and reads from its release on.
fn taken_over(leg: &Leg) -> Option<Stall> {
    leg.followed.as_ref()?;
    let time = leg.released.as_ref()?.0.duration_since(leg.committed.as_ref()?.0);
    Some(Stall {
        time,
        reconnect: None,
    })
}

/// What the application of a copy took to connect to the broker again.
pub fn reconnect(leg: &Leg) -> Option<SignedDuration> {
    Some(leg.connected.as_ref()?.0.duration_since(leg.runs.as_ref()?.0))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
    use k8s_openapi::jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::api::Fence;

    fn at(millis: i64) -> Option<MicroTime> {
        Some(MicroTime(Timestamp::from_millisecond(millis).unwrap()))
    }

    fn leg(number: u8) -> Leg {
        let instance = |pod: &str| json!({"pod": pod, "node": "node-a"});
        serde_json::from_value(
            json!({"number": number, "attempt": 0, "from": instance("a"), "to": instance("b"),
            "key": crate::names::Key::of("11111111-1111-1111-1111-111111111111", number, 0).unwrap()}),
        )
        .unwrap()
    }

    fn longest_of(legs: Vec<Leg>, fence: Option<Fence>) -> Option<(i128, Option<i128>)> {
        let status = MigrationStatus {
            legs,
            fence,
            ..MigrationStatus::default()
        };
        longest(&status).map(|stall| {
            (
                stall.time.as_millis(),
                stall.reconnect.map(|time| time.as_millis()),
            )
        })
    }

    #[test]
    fn a_stall_begins_when_all_is_applied_and_ends_when_somebody_reads() {
        let moved = Leg {
            park_sent: at(0),
            stopped: at(4_000),
            parked: at(4_500),
            runs: at(5_000),
            connected: at(8_000),
            released: at(9_000),
            ..leg(1)
        };
        assert_eq!(longest_of(vec![moved.clone()], None), Some((5_000, Some(3_000))));
        let unseen = Leg {
            stopped: None,
            ..moved.clone()
        };
        assert_eq!(longest_of(vec![unseen], None), Some((4_500, Some(3_000))));
        let undone = Leg {
            released: None,
            resumed: at(6_000),
            ..moved.clone()
        };
        assert_eq!(longest_of(vec![undone], None).unwrap().0, 2_000);
        let open = Leg {
            released: None,
            ..moved
        };
        assert_eq!(longest_of(vec![open], None), None);
    }

    #[test]
    fn of_two_handoffs_and_the_way_back_from_the_backlog_the_longest_counts() {
        let lasting = |number, millis| Leg {
            stopped: at(0),
            released: at(millis),
            ..leg(number)
        };
        let fence = |longest_return| Fence {
            longest_return,
            ..Fence::new(leg(1).key)
        };
        let both = || vec![lasting(1, 700), lasting(2, 900)];
        assert_eq!(longest_of(both(), Some(fence(None))).unwrap().0, 900);
        assert_eq!(longest_of(both(), Some(fence(Some(3_100)))).unwrap().0, 3_100);
    }

    #[test]
    fn a_source_that_went_on_stalls_twice_at_most() {
        let live = Leg {
            stopped: at(0),
            followed: at(300),
            committed: at(2_000),
            released: at(2_800),
            ..leg(1)
        };
        assert_eq!(longest_of(vec![live], None), Some((800, None)));
    }
}
