//! Premises about the queue's consumer.

use super::world::{Consumer, Known, Pod};
use super::{Source, Weight, World, queue};
use crate::machine::limits;

/// The queue has one consumer, and that is the pod.
pub(super) fn only_one(world: &World) -> Weight {
    let listed = &world.consumers;
    let (queue, pod) = (&world.queue.name, &world.pod);
    if world.held.is_some() {
        return nobody_else(world);
    }
    match listed.as_slice() {
        [] if world.consumer_count > 0 => Weight::NotKnown {
            by: Source::ManagementApi,
            why: format!(
                "the broker counts {} consumers of queue {queue} and shows none of them to the user of the management address",
                world.consumer_count
            ),
            way_out: MONITORING.to_owned(),
        },
        [] => Weight::Contradicted {
            by: Source::Broker,
            what: format!("queue {queue} has no consumer"),
            way_out: "look why the pod does not connect, and whether spec.messageQueueConfig.queueName is the queue that it \
                      consumes"
                .to_owned(),
        },
        [only] if world.consumer_count > 1 => Weight::NotKnown {
            by: Source::ManagementApi,
            why: format!(
                "queue {queue} has {} consumers, and only {} is listed",
                world.consumer_count,
                only.named()
            ),
            way_out: "stop all but the pod that is moved; if it is the only one, try again in 10 s".to_owned(),
        },
        [only] if only.is_from(pod) => Weight::Seen {
            by: Source::ManagementApi,
            what: format!("consumer {} is the only one of queue {queue}", only.named()),
        },
        [only] if only.host.is_empty() => Weight::NotKnown {
            by: Source::ManagementApi,
            why: format!("the broker does not tell from where consumer {} of queue {queue} is connected", only.named()),
            way_out: MONITORING.to_owned(),
        },
        [other] => Weight::Contradicted {
            by: Source::ManagementApi,
            what: anothers(queue, other, pod),
            way_out: format!(
                "name the queue that the pod consumes. If a proxy or an address translation is between pod and broker, let \
                 the pod connect without it: the broker has to see {}",
                pod.addresses.join(" or ")
            ),
        },
        several => {
            let who: Vec<String> = several.iter().map(Consumer::named).collect();
            Weight::Contradicted {
                by: Source::ManagementApi,
                what: format!("queue {queue} has {} consumers: {}", several.len(), who.join(", ")),
                way_out: "stop all but the pod that is moved (a pod deleted with --force may still run)".to_owned(),
            }
        }
    }
}

/// While the queue is held: the pod itself may wait in line for it, and its copy.
fn nobody_else(world: &World) -> Weight {
    let (queue, pod) = (&world.queue.name, &world.pod);
    let stranger = |consumer: &&Consumer| !consumer.is_from(pod) && !world.is_of_the_copy(consumer);
    match world.consumers.iter().find(stranger) {
        Some(other) if other.host.is_empty() => Weight::NotKnown {
            by: Source::ManagementApi,
            why: format!(
                "the broker does not tell from where consumer {} of queue {queue} is connected",
                other.named()
            ),
            way_out: MONITORING.to_owned(),
        },
        Some(other) => Weight::Contradicted {
            by: Source::ManagementApi,
            what: format!("queue {queue} is also consumed by {}", other.named()),
            way_out: "stop all but the pod that is moved (a pod deleted with --force may still run)"
                .to_owned(),
        },
        None => Weight::Seen {
            by: Source::ManagementApi,
            what: format!("the pod and its copy are the only consumers of queue {queue}"),
        },
    }
}

/// How a user of the management API gets to see everything.
pub const MONITORING: &str = "give the user of the management address the tag monitoring: rabbitmqctl set_user_tags USER \
                                     monitoring";

fn anothers(queue: &str, consumer: &Consumer, pod: &Pod) -> String {
    format!(
        "queue {queue} is consumed by {}, and the pod's address is {}",
        consumer.named(),
        pod.addresses.join(", ")
    )
}

/// The pod acknowledges by hand.
pub(super) fn acknowledges(world: &World) -> Weight {
    let listed = &world.consumers;
    if listed.is_empty() {
        return nobody(world);
    }
    match listed.iter().find(|consumer| !consumer.manual_ack) {
        Some(automatic) => Weight::Contradicted {
            by: Source::ManagementApi,
            what: format!(
                "consumer {} acknowledges automatically, so it is not known what it has applied",
                automatic.named()
            ),
            way_out: "let the application acknowledge each message after it has applied it".to_owned(),
        },
        None => Weight::Seen {
            by: Source::ManagementApi,
            what: "its consumer acknowledges by hand".to_owned(),
        },
    }
}

/// A copy of the pod can consume beside it.
pub(super) fn can_be_joined(world: &World) -> Weight {
    let listed = &world.consumers;
    if listed.is_empty() {
        return nobody(world);
    }
    match listed.iter().find(|consumer| consumer.exclusive) {
        Some(exclusive) => Weight::Contradicted {
            by: Source::ManagementApi,
            what: format!(
                "consumer {} is exclusive, so its copy could not consume before it has gone",
                exclusive.named()
            ),
            way_out: "consume without exclusive=true; to have one consumer at a time, declare the queue as a quorum queue with \
                      x-single-active-consumer"
                .to_owned(),
        },
        None => Weight::Seen {
            by: Source::ManagementApi,
            what: "its consumer is not exclusive".to_owned(),
        },
    }
}

/// A pod that is held may have left its queue.
pub(super) fn nobody(world: &World) -> Weight {
    let queue = &world.queue.name;
    if world.held.is_some() {
        return Weight::Seen {
            by: Source::ManagementApi,
            what: format!("queue {queue} has no consumer"),
        };
    }
    Weight::NotKnown {
        by: Source::ManagementApi,
        why: format!("queue {queue} has no consumer whose settings could be seen"),
        way_out: "look why the pod does not consume it".to_owned(),
    }
}

/// The broker waits for acknowledgements for longer than a hold: an application that acknowledges when more messages have come
/// gets no more of them meanwhile, and what the broker takes back from it comes again.
pub(super) fn are_waited_for(world: &World) -> Weight {
    let policy = match &world.queue.policy {
        Known::Seen(policy) => policy,
        Known::NotKnown { why, way_out } => return queue::policy_not_known(why, way_out),
    };
    let hold = limits::PARK.as_millis();
    let by_queue = [
        queue::number(policy, "consumer-timeout"),
        queue::number(&world.queue.arguments, "x-consumer-timeout"),
    ];
    let by_queue = by_queue.into_iter().flatten().min().map(i128::from);
    // What a consumer asked for itself counts before what is set for its queue.
    let own = |consumer: &Consumer| consumer.timeout_millis.map(i128::from).or(by_queue);
    let shortest = match world.consumers.as_slice() {
        [] => by_queue,
        listed => listed.iter().filter_map(own).min(),
    };
    match shortest {
        Some(millis) if millis < hold => Weight::Contradicted {
            by: Source::ManagementApi,
            what: format!(
                "the broker takes messages back from a consumer of queue {} that has not acknowledged them within {millis} ms. A \
                 hold may let them wait for {hold} ms, so what was applied may come again",
                world.queue.name
            ),
            way_out: format!("set the consumer timeout to {hold} ms or more (x-consumer-timeout, policy consumer-timeout)"),
        },
        Some(millis) => Weight::Seen {
            by: Source::ManagementApi,
            what: format!("the broker waits for {millis} ms, a hold lasts {hold} ms at most"),
        },
        None => Weight::Seen {
            by: Source::ManagementApi,
            what: "neither consumer nor queue nor policy sets a consumer timeout. The broker's own setting is not told (its \
                   default is 30 minutes)"
                .to_owned(),
        },
    }
}
