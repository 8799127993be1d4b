//! Premises about the queue itself.

use std::collections::BTreeMap;

use serde_json::Value;

use super::world::Known;
use super::{Source, Weight, World, consumers};
use crate::api::HoldKind;

/// What the pod returns comes back in order: a quorum queue puts returned messages behind newer ones, so only one may be
/// under way there. A single-active queue is held without anything being returned.
pub(super) fn returns_in_order(world: &World) -> Option<Weight> {
    match world.hold {
        HoldKind::SingleActive => return None,
        HoldKind::Park | HoldKind::Exchange => {}
    }
    let queue = &world.queue.name;
    if !world.queue.quorum {
        return Some(Weight::Seen {
            by: Source::ManagementApi,
            what: format!("{queue} is a classic queue, which puts returned messages back to their places"),
        });
    }
    let listed = &world.consumers;
    if listed.is_empty() {
        return Some(consumers::nobody(world));
    }
    Some(match listed.iter().find(|consumer| consumer.prefetch != 1) {
        None => Weight::Seen {
            by: Source::ManagementApi,
            what: format!("quorum queue {queue} is consumed with prefetch 1"),
        },
        Some(many) => Weight::Contradicted {
            by: Source::ManagementApi,
            what: format!(
                "quorum queue {queue} is consumed with prefetch {}, and messages that the application returns when it is parked \
                 come back out of order, and again if it had applied them",
                if many.prefetch == 0 {
                    "unlimited".to_owned()
                } else {
                    many.prefetch.to_string()
                }
            ),
            way_out: "use prefetch 1, a classic queue, or a quorum queue with single active consumer"
                .to_owned(),
        },
    })
}

/// Messages wait in the queue during a handoff, whoever holds it, and what waits beyond a limit is dropped.
pub(super) fn keeps_what_waits(world: &World) -> Weight {
    let queue = &world.queue;
    let policy = match &queue.policy {
        Known::Seen(policy) => policy,
        Known::NotKnown { why, way_out } => return policy_not_known(why, way_out),
    };
    let limits = [
        (&queue.arguments, "x-max-length"),
        (&queue.arguments, "x-max-length-bytes"),
        (policy, "max-length"),
        (policy, "max-length-bytes"),
    ];
    let set = limits
        .into_iter()
        .find_map(|(set, name)| Some((name, set.get(name)?)));
    match set {
        None => Weight::Seen {
            by: Source::ManagementApi,
            what: format!(
                "neither arguments nor policies of {} limit its length",
                queue.name
            ),
        },
        Some((name, limit)) => Weight::Contradicted {
            by: Source::ManagementApi,
            what: format!(
                "queue {} has {name} {limit}, and what waits beyond it while the pod is moved is dropped, or refused to its \
                 publisher",
                queue.name
            ),
            way_out: "take the limit away while the pod is moved".to_owned(),
        },
    }
}

/// A number that an argument or a policy sets.
pub(super) fn number(set: &BTreeMap<String, Value>, name: &str) -> Option<i64> {
    set.get(name)?.as_i64()
}

pub(super) fn policy_not_known(why: &str, way_out: &str) -> Weight {
    Weight::NotKnown {
        by: Source::ManagementApi,
        why: why.to_owned(),
        way_out: way_out.to_owned(),
    }
}
