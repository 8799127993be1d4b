//! All that the preflight and the verdict want to know of a queue, from the management API.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Broker, BrokerError, QueueSeen};

/// The broker gathers statistics every five seconds.
pub(super) const STATISTICS: Duration = Duration::from_secs(6);
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Type of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueKind {
    /// `classic`.
    Classic,
    /// `quorum`.
    Quorum,
    /// Streams and whatever else a plugin brings.
    Other(String),
}

/// A queue, its arguments and who uses it.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueFacts {
    /// Name.
    pub name: String,
    /// Type.
    pub kind: QueueKind,
    /// Survives a restart of the broker.
    pub durable: bool,
    /// Goes away with its last consumer.
    pub auto_delete: bool,
    /// Belongs to one connection.
    pub exclusive: bool,
    /// Arguments it was declared with.
    pub arguments: Map<String, Value>,
    /// Policy that applies to it.
    pub policy: Option<String>,
    /// What policy and operator policy set, e.g. `message-ttl`.
    pub policy_definition: Map<String, Value>,
    /// Whether the management API told that; if not, it is not known whether one applies.
    pub policy_known: bool,
    /// Bindings, without the one of the default exchange.
    pub bindings: Vec<Binding>,
    /// Consumers, now.
    pub consumer_count: u64,
    /// Consumers, as statistics know them: up to 5 s behind, so that new ones may be missing and old ones still be in
    /// it. Believe it when it has [`consumer_count`](Self::consumer_count) entries.
    pub consumers: Vec<ConsumerFacts>,
}

#[cfg(test)]
impl QueueFacts {
    /// A durable queue of the sample's name that nobody consumes, declared with these arguments.
    pub(crate) fn of_a_test(kind: QueueKind, arguments: &Value) -> Self {
        Self {
            name: "orders.orders-0".to_owned(),
            kind,
            durable: true,
            auto_delete: false,
            exclusive: false,
            arguments: arguments.as_object().cloned().unwrap_or_default(),
            policy: None,
            policy_definition: Map::new(),
            policy_known: true,
            bindings: Vec::new(),
            consumer_count: 0,
            consumers: Vec::new(),
        }
    }
}

/// A binding from an exchange.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Binding {
    /// Exchange.
    #[serde(rename = "source")]
    pub exchange: String,
    /// Routing key.
    pub routing_key: String,
    /// Arguments.
    #[serde(default, deserialize_with = "table")]
    pub arguments: Map<String, Value>,
}

/// A consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerFacts {
    /// Consumer tag.
    pub tag: String,
    /// Acknowledges by hand. A consumer that does not cannot be parked exactly.
    pub manual_ack: bool,
    /// Prefetch, 0 = unlimited.
    pub prefetch: u64,
    /// Address it connects from; empty when the broker does not know.
    pub peer_host: String,
    /// Port it connects from; 0 when the broker does not know.
    pub peer_port: u16,
    /// Channel, as the broker names it.
    pub channel: String,
    /// The only consumer that is allowed.
    pub exclusive: bool,
    /// Gets messages (false: a waiting consumer of a single-active queue).
    pub active: bool,
    /// User name of the connection.
    pub user: String,
    /// Argument `x-priority`; 0 when it was not set.
    pub priority: i64,
    /// Argument `x-consumer-timeout`, milliseconds.
    pub timeout_millis: Option<u64>,
}

impl QueueFacts {
    /// Whether only one of the consumers is served (`x-single-active-consumer`).
    pub fn single_active(&self) -> bool {
        self.arguments.get("x-single-active-consumer") == Some(&Value::Bool(true))
    }

    /// A single-active quorum queue counts its active consumer and lists those that wait as well.
    pub(super) fn consumers_are_known(&self) -> bool {
        let listed = u64::try_from(self.consumers.len()).unwrap_or(u64::MAX);
        if self.single_active() && self.kind == QueueKind::Quorum {
            self.consumer_count == 0 || self.consumers.iter().any(|consumer| consumer.active)
        } else {
            listed == self.consumer_count
        }
    }
}

impl Broker {
    /// Describes a queue; `None` when there is no such queue. Needs the management API.
    pub async fn describe(&self, name: &str) -> Result<Option<QueueFacts>, BrokerError> {
        let QueueSeen::Present {
            consumers: consumer_count,
            ..
        } = self.queue(name).await?
        else {
            return Ok(None);
        };
        let management = self.management("describe a queue")?;
        let Some(queue) = management.queue::<QueueDocument>(name).await? else {
            return Ok(None);
        };
        // A queue that went away in between has no bindings and no consumers.
        let mut bindings: Vec<Binding> = management.bindings(name).await?.unwrap_or_default();
        bindings.retain(|binding| !binding.exchange.is_empty());
        let consumers = self.consumers(name).await?;
        Ok(Some(QueueFacts {
            kind: kind_of(queue.kind.as_deref().unwrap_or("classic")),
            name: queue.name,
            durable: queue.durable,
            auto_delete: queue.auto_delete,
            exclusive: queue.exclusive.unwrap_or_default(),
            arguments: queue.arguments,
            policy: queue.policy.filter(|p| !p.is_empty()),
            policy_known: queue.effective_policy_definition.is_some(),
            policy_definition: queue.effective_policy_definition.unwrap_or_default(),
            bindings,
            consumer_count,
            consumers,
        }))
    }

    /// Consumers of a queue, as statistics know them: one that ended is gone at once, a new one shows up to 5 s late.
    pub(crate) async fn consumers(&self, queue: &str) -> Result<Vec<ConsumerFacts>, BrokerError> {
        let management = self.management("list the consumers of a queue")?;
        let all: Vec<ConsumerDocument> = management.consumers().await?.unwrap_or_default();
        let ours = all.into_iter().filter(|c| c.queue.name == queue);
        Ok(ours.map(ConsumerFacts::from).collect())
    }

    /// The same for a preflight, which names consumers: waits until statistics list as many of them as there are now, and
    /// which one is active where only one is, at most one statistics interval. After that `consumers` is what it is.
    pub async fn describe_with_consumers(&self, name: &str) -> Result<Option<QueueFacts>, BrokerError> {
        let deadline = Instant::now() + STATISTICS;
        loop {
            let Some(facts) = self.describe(name).await? else {
                return Ok(None);
            };
            if facts.consumers_are_known() || Instant::now() >= deadline {
                return Ok(Some(facts));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

pub(super) fn kind_of(name: &str) -> QueueKind {
    match name {
        // Seen as a bare name, and as the module that implements it.
        "classic" | "rabbit_classic_queue" => QueueKind::Classic,
        "quorum" | "rabbit_quorum_queue" => QueueKind::Quorum,
        other => QueueKind::Other(other.to_owned()),
    }
}

#[derive(Deserialize)]
struct QueueDocument {
    name: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    durable: bool,
    auto_delete: bool,
    /// Absent or null for types that cannot be exclusive.
    #[serde(default)]
    exclusive: Option<bool>,
    #[serde(default, deserialize_with = "table")]
    arguments: Map<String, Value>,
    #[serde(default)]
    policy: Option<String>,
    #[serde(default, deserialize_with = "told_table")]
    effective_policy_definition: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct ConsumerDocument {
    queue: QueueName,
    consumer_tag: String,
    ack_required: bool,
    prefetch_count: u64,
    exclusive: bool,
    active: bool,
    #[serde(default, deserialize_with = "table")]
    channel_details: Map<String, Value>,
    #[serde(default, deserialize_with = "table")]
    arguments: Map<String, Value>,
}

#[derive(Deserialize)]
struct QueueName {
    name: String,
}

impl From<ConsumerDocument> for ConsumerFacts {
    fn from(seen: ConsumerDocument) -> Self {
        let text = |field: &str| {
            seen.channel_details
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let port = seen
            .channel_details
            .get("peer_port")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        let timeout_millis = seen.arguments.get("x-consumer-timeout").and_then(Value::as_u64);
        Self {
            timeout_millis,
            peer_host: text("peer_host"),
            peer_port: u16::try_from(port).unwrap_or_default(),
            channel: text("name"),
            user: text("user"),
            tag: seen.consumer_tag,
            manual_ack: seen.ack_required,
            prefetch: seen.prefetch_count,
            exclusive: seen.exclusive,
            active: seen.active,
            priority: seen
                .arguments
                .get("x-priority")
                .and_then(Value::as_i64)
                .unwrap_or_default(),
        }
    }
}

/// The same of a field that may be left out.
fn told_table<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Option<Map<String, Value>>, D::Error> {
    table(input).map(Some)
}

/// An object. Erlang's empty table arrives as an empty list.
pub(super) fn table<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Map<String, Value>, D::Error> {
    Ok(match Value::deserialize(input)? {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    })
}
