//! Which queues, used by whom, can be handed over by `SingleActive`. Pure: what is known is a [`QueueFacts`].
//!
//! Guarantee: what would make a hold inexact, endless or without effect is refused before anything is touched, with the
//! property in the way and the way out.

use super::consumers::CURE;
use crate::broker::{BrokerError, ConsumerFacts, QueueFacts, QueueKind};

impl QueueFacts {
    /// Whether this queue, as it is used now, can be handed over by `SingleActive`. Take the facts from
    /// [`Broker::describe_with_consumers`](crate::broker::Broker::describe_with_consumers).
    ///
    /// # Errors
    /// [`BrokerError::CannotHold`] names the property in the way and what to do.
    pub fn can_be_held_single_active(&self) -> Result<(), BrokerError> {
        let queue = self.wrong_queue().or_else(|| self.dropped_while_waiting());
        match queue.or_else(|| self.wrong_consumers()) {
            Some(reason) => Err(BrokerError::CannotHold {
                queue: self.name.clone(),
                reason,
            }),
            None => Ok(()),
        }
    }

    fn wrong_queue(&self) -> Option<String> {
        let kind = match &self.kind {
            QueueKind::Quorum => None,
            QueueKind::Classic => Some("classic"),
            QueueKind::Other(kind) => Some(kind.as_str()),
        };
        if let Some(kind) = kind {
            return Some(format!(
                "x-queue-type: it is a {kind} queue, which takes no notice of a hold; declare it with x-queue-type: quorum \
                 and x-single-active-consumer: true, or let the application speak control messages (strategy Park)"
            ));
        }
        (!self.single_active()).then(|| {
            "x-single-active-consumer: it is not set, so the queue serves all its consumers and takes no notice of a hold; \
             declare it with x-single-active-consumer: true (a new queue: the argument of an existing one cannot change)"
                .to_owned()
        })
    }

    /// Messages wait in the queue during a handoff.
    fn dropped_while_waiting(&self) -> Option<String> {
        self.too_short_ttl().map(|name| self.ttl_reason(name))
    }

    /// Exactly one, which the broker gives messages one after the other and hears of each.
    fn wrong_consumers(&self) -> Option<String> {
        let application: Vec<&ConsumerFacts> = self.consumers.iter().filter(|c| !c.is_hold()).collect();
        match application.as_slice() {
            [] => Some(
                "consumers: nobody is known to consume it; wait until the pod has connected (the broker lists a consumer up \
                 to 5 s late)"
                    .to_owned(),
            ),
            [only] => wrong_consumer(only).or_else(|| self.passed_over(only)),
            several => {
                let who: Vec<String> = several.iter().map(|c| named(c)).collect();
                Some(format!(
                    "consumers: it has {}, [{}]; a standby would be served as soon as the pod is stopped. Stop all but the pod \
                     that is moved (a pod deleted with --force may still run). If one stays without an address, it is dead: \
                     {CURE}",
                    several.len(),
                    who.join(", ")
                ))
            }
        }
    }

    /// Who is alone and not served has somebody unseen before it.
    fn passed_over(&self, only: &ConsumerFacts) -> Option<String> {
        let held = self.consumers.iter().any(ConsumerFacts::is_hold);
        (!held && !only.active).then(|| {
            format!(
                "consumer {}, active: it waits although nobody else is listed. The one before it may just have gone (wait \
                 5 s); if this stays, that one is dead: {CURE}",
                named(only)
            )
        })
    }
}

fn wrong_consumer(consumer: &ConsumerFacts) -> Option<String> {
    let who = named(consumer);
    if !consumer.manual_ack {
        return Some(format!(
            "consumer {who}, no-ack: it acknowledges automatically, so nobody can know what it has applied; use manual \
             acknowledgements"
        ));
    }
    if consumer.priority > 0 {
        return Some(format!(
            "consumer {who}, x-priority: {}; its copy would have to have the same one, and an older consumer with a lower one \
             would be passed over; consume without x-priority",
            consumer.priority
        ));
    }
    consumer.channel.is_empty().then(|| {
        format!(
            "consumer {who}, channel: the broker does not tell over which connection it consumes; it just connected (wait 5 s), \
             speaks AMQP 1.0 (use AMQP 0-9-1), or is dead: {CURE}"
        )
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
    use serde_json::{Value, json};

    fn consumer() -> ConsumerFacts {
        ConsumerFacts {
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
            name: "orders.orders-0".to_owned(),
            kind,
            durable: true,
            auto_delete: false,
            exclusive: false,
            arguments: arguments.as_object().unwrap().clone(),
            policy: None,
            policy_definition: serde_json::Map::new(),
            bindings: Vec::new(),
            consumer_count: 1,
            consumers,
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
        let cases = [
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
            (single_active(vec![consumer(), consumer()]), "standby"),
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
}
