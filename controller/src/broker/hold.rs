//! The empty helper queue on which a parked instance waits.
//!
//! Guarantee: it is declared exactly like the primary queue, so that the application's own declare of it succeeds;
//! what cannot be copied exactly is refused before anything is declared.

use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use serde_json::Value;

use super::{Broker, BrokerError, QueueFacts, QueueKind};

/// Messages wait in the primary queue during a handoff; a queue that drops them sooner than this is refused.
const SHORTEST_TTL_MILLIS: u64 = 120_000;

impl QueueFacts {
    /// Whether this queue can be handed over by `Park`; the error names the property in the way.
    pub fn can_be_held(&self) -> Result<(), BrokerError> {
        match &self.kind {
            QueueKind::Classic | QueueKind::Quorum => {}
            QueueKind::Other(kind) => {
                return Err(self.cannot(format!(
                    "its type is {kind:?}, and only classic and quorum queues can be handed over"
                )));
            }
        }
        if !self.durable {
            return Err(self.cannot("it is not durable. Declare it durable"));
        }
        if self.exclusive {
            return Err(self.cannot(
                "it is exclusive to one connection, and a connection cannot move. Declare it without exclusive",
            ));
        }
        if self.auto_delete {
            return Err(self.cannot(
                "it is deleted with its last consumer (auto-delete), and it has no consumer during a \
                hold. Declare it without auto-delete",
            ));
        }
        for (source, name) in [
            (&self.arguments, "x-expires"),
            (&self.policy_definition, "expires"),
        ] {
            if source.contains_key(name) {
                return Err(self.cannot(format!(
                    "{name} deletes it while it has no consumer. Remove {name}"
                )));
            }
        }
        if let Some(name) = self.too_short_ttl() {
            return Err(self.cannot(self.ttl_reason(name)));
        }
        self.amqp_arguments().map(drop)
    }

    /// The setting that drops messages sooner than a handoff may take.
    pub(super) fn too_short_ttl(&self) -> Option<&'static str> {
        let mut set = self.ttls();
        set.find_map(|(name, millis)| (millis < SHORTEST_TTL_MILLIS).then_some(name))
    }

    /// After how long a message is dropped, milliseconds: what the queue says and what its policy says, whichever is less.
    pub fn ttl_millis(&self) -> Option<u64> {
        self.ttls().map(|(_, millis)| millis).min()
    }

    fn ttls(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let set = [
            (&self.arguments, "x-message-ttl"),
            (&self.policy_definition, "message-ttl"),
        ];
        set.into_iter()
            .filter_map(|(source, name)| Some((name, source.get(name)?.as_u64()?)))
    }

    pub(super) fn ttl_reason(&self, name: &str) -> String {
        format!(
            "{name} drops messages that wait during the handoff. Set it to {SHORTEST_TTL_MILLIS} ms or more"
        )
    }

    fn cannot(&self, reason: impl Into<String>) -> BrokerError {
        BrokerError::CannotCopy {
            queue: self.name.clone(),
            reason: reason.into(),
        }
    }

    /// The arguments as the protocol carries them.
    pub(super) fn amqp_arguments(&self) -> Result<FieldTable, BrokerError> {
        let mut table = FieldTable::default();
        for (name, value) in &self.arguments {
            let copied = match value {
                Value::Bool(flag) => AMQPValue::Boolean(*flag),
                Value::String(text) => AMQPValue::LongString(LongString::from(text.as_str())),
                Value::Number(number) => match number.as_i64() {
                    Some(number) => AMQPValue::LongLongInt(number),
                    None => return Err(self.uncopied(name)),
                },
                Value::Null | Value::Array(_) | Value::Object(_) => return Err(self.uncopied(name)),
            };
            table.insert(ShortString::from(name.as_str()), copied);
        }
        Ok(table)
    }

    fn uncopied(&self, name: &str) -> BrokerError {
        self.cannot(format!(
            "argument {name} is not a text, a whole number, true or false"
        ))
    }
}

impl Broker {
    /// Declares `name` durable with exactly the type and arguments of `like`, so that the application's own declare
    /// of it succeeds. Asked again, it changes nothing.
    pub async fn declare_hold_queue(&self, name: &str, like: &QueueFacts) -> Result<(), BrokerError> {
        like.can_be_held()?;
        let arguments = like.amqp_arguments()?;
        self.change("declare", name, |channel| {
            let arguments = arguments.clone();
            async move {
                channel
                    .queue_declare(name.into(), QueueDeclareOptions::durable(), arguments)
                    .await
            }
        })
        .await
        .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn facts(kind: QueueKind, arguments: Value) -> QueueFacts {
        QueueFacts::of_a_test(kind, &arguments)
    }

    #[test]
    fn durable_classic_and_quorum_queues_can_be_held() {
        for (kind, arguments) in [
            (QueueKind::Classic, json!({})),
            (
                QueueKind::Classic,
                json!({"x-queue-type": "classic", "x-max-priority": 5}),
            ),
            (
                QueueKind::Classic,
                json!({"x-message-ttl": 3_600_000, "x-dead-letter-exchange": "dead"}),
            ),
            (
                QueueKind::Quorum,
                json!({"x-queue-type": "quorum", "x-single-active-consumer": true}),
            ),
        ] {
            facts(kind, arguments).can_be_held().unwrap();
        }
    }

    #[test]
    fn the_shorter_time_to_live_counts() {
        let mut queue = facts(QueueKind::Classic, json!({"x-message-ttl": 600_000}));
        assert_eq!(queue.ttl_millis(), Some(600_000));
        queue
            .policy_definition
            .insert("message-ttl".to_owned(), json!(300_000));
        assert_eq!(queue.ttl_millis(), Some(300_000));
        assert_eq!(facts(QueueKind::Classic, json!({})).ttl_millis(), None);
    }

    #[test]
    fn what_cannot_be_held_is_refused_with_the_property_in_the_way() {
        let classic = || facts(QueueKind::Classic, json!({}));
        let mut expires_by_policy = classic();
        expires_by_policy
            .policy_definition
            .insert("expires".to_owned(), json!(60_000));
        let cases = [
            (
                QueueFacts {
                    durable: false,
                    ..classic()
                },
                "durable",
            ),
            (
                QueueFacts {
                    exclusive: true,
                    ..classic()
                },
                "exclusive",
            ),
            (
                QueueFacts {
                    auto_delete: true,
                    ..classic()
                },
                "auto-delete",
            ),
            (facts(QueueKind::Other("stream".to_owned()), json!({})), "stream"),
            (facts(QueueKind::Classic, json!({"x-expires": 1000})), "x-expires"),
            (
                facts(QueueKind::Classic, json!({"x-message-ttl": 1000})),
                "x-message-ttl",
            ),
            (facts(QueueKind::Classic, json!({"x-odd": [1]})), "x-odd"),
            (facts(QueueKind::Classic, json!({"x-odd": 0.5})), "x-odd"),
            (expires_by_policy, "expires"),
        ];
        for (facts, property) in cases {
            let error = facts.can_be_held().unwrap_err().to_string();
            assert!(
                error.contains(property) && error.contains("orders.orders-0"),
                "{property}: {error}"
            );
        }
    }
}
