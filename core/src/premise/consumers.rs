//! Premises about the queue's consumer.

use super::world::{Consumer, Pod};
use super::{Source, Weight, World};

/// The queue has one consumer, and that is the pod.
pub(super) fn only_one(world: &World) -> Weight {
    let listed = &world.consumers;
    let (queue, pod) = (&world.queue.name, &world.pod);
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
            way_out: "look why the pod does not connect, and whether it consumes another queue".to_owned(),
        },
        [only] if world.consumer_count > 1 => Weight::NotKnown {
            by: Source::ManagementApi,
            why: format!(
                "queue {queue} has {} consumers, and only {} is listed",
                world.consumer_count,
                only.named()
            ),
            way_out: "stop all but the pod that is moved; if it is the only one, try again in 10 s"
                .to_owned(),
        },
        [only] if only.is_from(pod) => Weight::Seen {
            by: Source::ManagementApi,
            what: format!("consumer {} is the only one of queue {queue}", only.named()),
        },
        [only] if only.host.is_empty() => Weight::NotKnown {
            by: Source::ManagementApi,
            why: format!(
                "the broker does not tell from where consumer {} of queue {queue} is connected",
                only.named()
            ),
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
        several => too_many(queue, several),
    }
}

fn too_many(queue: &str, several: &[Consumer]) -> Weight {
    let who: Vec<String> = several.iter().map(Consumer::named).collect();
    Weight::Contradicted {
        by: Source::ManagementApi,
        what: format!(
            "queue {queue} has {} consumers: {}",
            several.len(),
            who.join(", ")
        ),
        way_out: "stop all but the pod that is moved (a pod deleted with --force may still run)".to_owned(),
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
        return nobody(&world.queue.name);
    }
    match listed.iter().find(|consumer| !consumer.manual_ack) {
        Some(automatic) => Weight::Contradicted {
            by: Source::ManagementApi,
            what: format!(
                "consumer {} acknowledges automatically, so nobody can know what it has applied",
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
        return nobody(&world.queue.name);
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

fn nobody(queue: &str) -> Weight {
    Weight::NotKnown {
        by: Source::ManagementApi,
        why: format!("queue {queue} has no consumer whose settings could be seen"),
        way_out: "look why the pod does not consume it".to_owned(),
    }
}
