//! Premises about messages that the pod returns to a quorum queue when it is parked, or its connection ends. A classic queue
//! knows neither delays nor counts of them; a single-active queue is held without anything being returned.

use std::collections::BTreeMap;

use serde_json::Value;

use super::queue::{number, policy_not_known};
use super::world::Known;
use super::{Source, Weight, World};
use crate::api::HoldKind;
use crate::machine::limits;

type Set = BTreeMap<String, Value>;

/// What a quorum queue does with a message that is returned, for people; `None`: it comes back at once. As RabbitMQ 4.3 decides:
/// the policy's type counts before the argument's, and of two delays the shorter one.
pub(super) fn delays_returns(arguments: &Set, policy: &Set) -> Option<String> {
    let text = |set: &Set, name: &str| Some(set.get(name)?.as_str()?.to_owned());
    let kind = text(policy, "delayed-retry-type").or_else(|| text(arguments, "x-delayed-retry-type"))?;
    let least = [
        number(policy, "delayed-retry-min"),
        number(arguments, "x-delayed-retry-min"),
    ];
    let least = least.into_iter().flatten().min().filter(|millis| *millis > 0)?;
    (kind != "disabled").then(|| format!("delayed-retry-type {kind}, {least} ms or more"))
}

/// It comes back at once.
pub(super) fn at_once(world: &World) -> Option<Weight> {
    let queue = &world.queue;
    if !queue.quorum {
        return None;
    }
    let policy = match &queue.policy {
        Known::Seen(policy) => policy,
        Known::NotKnown { why, way_out } => return Some(policy_not_known(why, way_out)),
    };
    let Some(delay) = delays_returns(&queue.arguments, policy) else {
        return Some(Weight::Seen {
            by: Source::ManagementApi,
            what: format!(
                "neither arguments nor policies of {} delay what is returned",
                queue.name
            ),
        });
    };
    Some(if returns_nothing(world.hold) {
        Weight::Seen {
            by: Source::ManagementApi,
            what: format!(
                "queue {} delays what is returned ({delay}). This hold lets nothing be returned. What the application itself \
                 returned before comes to the copy",
                queue.name
            ),
        }
    } else {
        Weight::Contradicted {
            by: Source::ManagementApi,
            what: format!(
                "queue {} delays what is returned ({delay}): a message that the application returns when it is parked comes after \
                 newer ones",
                queue.name
            ),
            way_out: "turn the delayed retry off while the pod is moved, or use a quorum queue with single active consumer".to_owned(),
        }
    })
}

/// It is kept. How often a message that waits was returned before, the broker does not tell.
pub(super) fn is_kept(world: &World) -> Option<Weight> {
    let queue = &world.queue;
    if !queue.quorum || returns_nothing(world.hold) {
        return None;
    }
    let policy = match &queue.policy {
        Known::Seen(policy) => policy,
        Known::NotKnown { why, way_out } => return Some(policy_not_known(why, way_out)),
    };
    // Each attempt of each handoff may return the message that the application has in hand.
    let most = i64::from(limits::FIRST_LEG_ATTEMPTS + limits::SECOND_LEG_ATTEMPTS);
    let limit = delivery_limit(&queue.arguments, policy);
    Some(match limit {
        Some(limit) if (0..most).contains(&limit) => Weight::Contradicted {
            by: Source::ManagementApi,
            what: format!(
                "queue {} drops a message that was returned more than {limit} times (delivery-limit), and a move may let the \
                 application return one up to {most} times",
                queue.name
            ),
            way_out: format!("set the delivery limit to {most} or more while the pod is moved"),
        },
        set => Weight::Seen {
            by: Source::ManagementApi,
            what: format!(
                "{}, and a move lets a message be returned {most} times at most. The broker does not tell how often a waiting message \
                 was returned before",
                match set {
                    Some(limit @ 0..) => format!("delivery limit {limit}"),
                    Some(_) => "no delivery limit".to_owned(),
                    None => "no delivery limit is set (RabbitMQ's own is 20, before 4.0 none)".to_owned(),
                }
            ),
        },
    })
}

/// As RabbitMQ resolves policy and argument; below 0 it is unlimited.
fn delivery_limit(arguments: &Set, policy: &Set) -> Option<i64> {
    let (by_policy, by_argument) = (
        number(policy, "delivery-limit"),
        number(arguments, "x-delivery-limit"),
    );
    match (by_policy, by_argument) {
        (Some(one), Some(other)) if one < 0 || other < 0 => Some(one.max(other)),
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn returns_nothing(hold: HoldKind) -> bool {
    match hold {
        HoldKind::SingleActive => true,
        HoldKind::Park | HoldKind::Exchange => false,
    }
}
