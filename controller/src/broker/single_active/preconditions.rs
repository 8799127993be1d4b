//! Which queues, used by whom, can be handed over by `SingleActive`. Pure: what is known is a [`QueueFacts`].
//!
//! Guarantee: what would make a hold inexact, endless or without effect is refused before anything is touched, with the
//! property in the way and the way out; and what may pass by itself is told from what stays.

use serde_json::{Map, Value};

use super::consumers::CURE;
use crate::broker::Obstacle::{MayPass, Stays};
use crate::broker::{BrokerError, ConsumerFacts, Obstacle, QueueFacts, QueueKind};

/// More than the time within which a hold asks the queue again and gives up waiting for its answer.
const SHORTEST_DISCONNECTED_MILLIS: u64 = 15_000;

impl QueueFacts {
    /// Whether this queue, as it is seen now, can be handed over by `SingleActive`.
    /// [`Broker::describe_for_single_active`](crate::broker::Broker::describe_for_single_active) waits for what passes.
    ///
    /// # Errors
    /// [`BrokerError::CannotHold`] names the property in the way and what to do.
    pub fn can_be_held_single_active(&self) -> Result<(), BrokerError> {
        self.single_active_obstacle().map_or(Ok(()), |obstacle| {
            Err(BrokerError::CannotHold {
                queue: self.name.clone(),
                reason: obstacle.reason(),
            })
        })
    }

    /// What is in the way of a hold by `SingleActive`. What stays is said before what may pass.
    pub fn single_active_obstacle(&self) -> Option<Obstacle> {
        let queue = self
            .wrong_queue()
            .or_else(|| self.dropped_while_waiting())
            .or_else(|| self.passed_over_when_cut_off());
        queue.map(Stays).or_else(|| self.wrong_consumers())
    }

    fn wrong_queue(&self) -> Option<String> {
        let kind = match &self.kind {
            QueueKind::Quorum => None,
            QueueKind::Classic => Some("classic"),
            QueueKind::Other(kind) => Some(kind.as_str()),
        };
        if let Some(kind) = kind {
            return Some(format!(
                "x-queue-type: it is a {kind} queue, and a consumer of ours cannot hold it. Declare it with x-queue-type: \
                 quorum and x-single-active-consumer: true, or let the application answer control messages \
                 (docs/applications.md)"
            ));
        }
        (!self.single_active()).then(|| {
            "x-single-active-consumer: it is not set, so the queue serves all its consumers and cannot be held. Declare a \
             new queue with x-single-active-consumer: true (the argument of an existing queue cannot change)"
                .to_owned()
        })
    }

    /// Messages wait in the queue during a handoff.
    fn dropped_while_waiting(&self) -> Option<String> {
        self.too_short_ttl().map(|name| self.ttl_reason(name))
    }

    /// A hold that is cut off from the queue has to be known as lost before the queue serves the application again.
    fn passed_over_when_cut_off(&self) -> Option<String> {
        let set = [
            (&self.arguments, "x-consumer-disconnected-timeout"),
            (&self.policy_definition, "consumer-disconnected-timeout"),
        ];
        let short = |(source, name): (&Map<String, Value>, &'static str)| {
            let millis = source.get(name)?.as_u64()?;
            (millis < SHORTEST_DISCONNECTED_MILLIS).then(|| {
                format!(
                    "{name}: {millis} ms. After that time a queue passes over a consumer whose node is cut off from the others, and \
                     a hold that is passed over has to be noticed before. Set it to {SHORTEST_DISCONNECTED_MILLIS} ms or more, or \
                     remove it (60 s is usual)"
                )
            })
        };
        set.into_iter().find_map(short)
    }

    /// Exactly one, which the broker gives messages one after the other and hears of each.
    fn wrong_consumers(&self) -> Option<Obstacle> {
        let application: Vec<&ConsumerFacts> = self.consumers.iter().filter(|c| !c.is_hold()).collect();
        match application.as_slice() {
            [] => Some(MayPass(
                "consumers: it has none that is listed, and a new consumer is listed after 5 s. Read in the pod's log why \
                 it does not connect, and check that it consumes this queue and no other. If the pod does consume, the user \
                 of the management address does not see it; type: rabbitmqctl set_user_tags USER monitoring"
                    .to_owned(),
            )),
            [only] => wrong_consumer(only).or_else(|| self.passed_over(only)),
            several => Some(too_many(several)),
        }
    }

    /// Who is alone and not served has somebody unseen before it.
    fn passed_over(&self, only: &ConsumerFacts) -> Option<Obstacle> {
        let held = self.consumers.iter().any(ConsumerFacts::is_hold);
        (!held && !only.active).then(|| {
            MayPass(format!(
                "consumer {}, active: it waits, although no other consumer is listed. If no consumer ended just now, a \
                 dead one is first in line: {CURE}",
                named(only)
            ))
        })
    }
}

/// One without a channel may be the end of the pod's earlier connection, of which the broker will know within seconds.
fn too_many(several: &[&ConsumerFacts]) -> Obstacle {
    let who: Vec<String> = several.iter().map(|c| named(c)).collect();
    let reason = format!(
        "consumers: it has {}, [{}]. A second consumer would get messages as soon as the pod stops. Stop all but the pod \
         that is moved (a pod deleted with --force may still run). If a consumer stays without an address, it is dead: \
         {CURE}",
        several.len(),
        who.join(", ")
    );
    if several.iter().any(|consumer| consumer.channel.is_empty()) {
        MayPass(reason)
    } else {
        Stays(reason)
    }
}

fn wrong_consumer(consumer: &ConsumerFacts) -> Option<Obstacle> {
    let who = named(consumer);
    if !consumer.manual_ack {
        return Some(Stays(format!(
            "consumer {who}, no-ack: it acknowledges automatically, so it is not known what it has applied. Use manual \
             acknowledgements"
        )));
    }
    if consumer.priority > 0 {
        return Some(Stays(format!(
            "consumer {who}, x-priority: {}. Consumers with priorities pass each other, so it is not certain that the copy \
             is the next one. Consume without x-priority",
            consumer.priority
        )));
    }
    consumer.channel.is_empty().then(|| {
        MayPass(format!(
            "consumer {who}, channel: its connection is not known 5 s after it appeared. Either the pod keeps reconnecting \
             (read its log), or it speaks AMQP 1.0 (use AMQP 0-9-1), or the consumer is dead: {CURE}"
        ))
    })
}

fn named(consumer: &ConsumerFacts) -> String {
    let tag = &consumer.tag;
    match consumer.peer_host.as_str() {
        "" => format!("{tag:?} from an unknown address"),
        host => format!("{tag:?} from {host}:{}", consumer.peer_port),
    }
}

#[cfg(test)]
mod tests {
    use super::super::PRIORITY;
    use super::*;
    use serde_json::json;

    fn consumer() -> ConsumerFacts {
        ConsumerFacts {
            timeout_millis: None,
            tag: "app".to_owned(),
            manual_ack: true,
            prefetch: 50,
            peer_host: "10.0.0.7".to_owned(),
            peer_port: 40_000,
            channel: "10.0.0.7:40000 -> 10.0.0.2:5672 (1)".to_owned(),
            exclusive: false,
            active: true,
            user: "orders".to_owned(),
            priority: 0,
        }
    }

    fn hold() -> ConsumerFacts {
        ConsumerFacts {
            tag: "0".to_owned(),
            peer_host: String::new(),
            peer_port: 0,
            channel: String::new(),
            priority: PRIORITY.into(),
            ..consumer()
        }
    }

    fn facts(kind: QueueKind, arguments: Value, consumers: Vec<ConsumerFacts>) -> QueueFacts {
        QueueFacts {
            consumer_count: 1,
            consumers,
            ..QueueFacts::of_a_test(kind, &arguments)
        }
    }

    fn single_active(consumers: Vec<ConsumerFacts>) -> QueueFacts {
        let arguments = json!({"x-queue-type": "quorum", "x-single-active-consumer": true});
        facts(QueueKind::Quorum, arguments, consumers)
    }

    #[test]
    fn one_ordinary_consumer_of_a_single_active_quorum_queue_is_what_is_wanted() {
        single_active(vec![consumer()])
            .can_be_held_single_active()
            .unwrap();
        let below = ConsumerFacts {
            priority: -5,
            ..consumer()
        };
        single_active(vec![below]).can_be_held_single_active().unwrap();
        // Looked at again during a hold.
        let waiting = ConsumerFacts {
            active: false,
            ..consumer()
        };
        single_active(vec![waiting, hold()])
            .can_be_held_single_active()
            .unwrap();
    }

    #[test]
    fn every_refusal_names_the_property_in_the_way() {
        let sac = json!({"x-queue-type": "quorum", "x-single-active-consumer": true, "x-message-ttl": 1000});
        let with = |change: fn(&mut ConsumerFacts)| {
            let mut changed = consumer();
            change(&mut changed);
            single_active(vec![changed])
        };
        let mut expires_by_policy = single_active(vec![consumer()]);
        expires_by_policy
            .policy_definition
            .insert("message-ttl".to_owned(), json!(500));
        let one = || vec![consumer()];
        let mut disconnects_by_policy = single_active(vec![consumer()]);
        disconnects_by_policy
            .policy_definition
            .insert("consumer-disconnected-timeout".to_owned(), json!(1_000));
        let cases = [
            (disconnects_by_policy, "consumer-disconnected-timeout: 1000 ms"),
            (facts(QueueKind::Classic, json!({}), one()), "x-queue-type"),
            (
                facts(
                    QueueKind::Classic,
                    json!({"x-single-active-consumer": true}),
                    one(),
                ),
                "x-queue-type",
            ),
            (
                facts(QueueKind::Other("stream".to_owned()), json!({}), one()),
                "stream",
            ),
            (
                facts(QueueKind::Quorum, json!({"x-queue-type": "quorum"}), one()),
                "x-single-active-consumer",
            ),
            (facts(QueueKind::Quorum, sac, one()), "x-message-ttl"),
            (expires_by_policy, "message-ttl"),
            (single_active(vec![]), "consumers"),
            (single_active(vec![hold()]), "consumers"),
            (single_active(vec![consumer(), consumer()]), "second consumer"),
            (with(|c| c.manual_ack = false), "no-ack"),
            (with(|c| c.priority = 1), "x-priority"),
            (with(|c| c.channel.clear()), "channel"),
            (with(|c| c.active = false), "active"),
        ];
        for (facts, property) in cases {
            let error = facts.can_be_held_single_active().unwrap_err().to_string();
            assert!(
                error.contains(property) && error.contains("orders.orders-0"),
                "{property}: {error}"
            );
        }
    }

    #[test]
    fn what_may_pass_is_told_from_what_stays() {
        let with = |change: fn(&mut ConsumerFacts)| {
            let mut changed = consumer();
            change(&mut changed);
            changed
        };
        // As statistics first list a consumer, and as they list one whose connection has gone.
        let unknown = || {
            with(|c| {
                *c = ConsumerFacts {
                    priority: 0,
                    ..hold()
                }
            })
        };
        let waiting = || with(|c| c.active = false);
        let careless = || ConsumerFacts {
            manual_ack: false,
            ..unknown()
        };
        let passes: [&[ConsumerFacts]; 7] = [
            &[],
            &[hold()],
            &[unknown()],
            &[unknown(), hold()],
            &[waiting()],
            &[unknown(), consumer()],
            &[waiting(), unknown()],
        ];
        for consumers in passes {
            let obstacle = single_active(consumers.to_vec()).single_active_obstacle();
            assert!(
                matches!(obstacle, Some(MayPass(_))),
                "{consumers:?}: {obstacle:?}"
            );
        }
        let stays = [
            single_active(vec![consumer(), consumer()]),
            single_active(vec![consumer(), waiting()]),
            single_active(vec![careless()]),
            single_active(vec![with(|c| c.priority = 1)]),
            facts(QueueKind::Classic, json!({}), vec![]),
            facts(QueueKind::Quorum, json!({}), vec![unknown()]),
        ];
        for facts in stays {
            let obstacle = facts.single_active_obstacle();
            assert!(matches!(obstacle, Some(Stays(_))), "{facts:?}: {obstacle:?}");
        }
        assert_eq!(single_active(vec![consumer()]).single_active_obstacle(), None);
        assert_eq!(
            single_active(vec![waiting(), hold()]).single_active_obstacle(),
            None
        );
    }
}
