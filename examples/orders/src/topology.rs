//! The broker objects this sample uses and how each is declared, in one place: a queue declared in
//! two ways is refused by the broker.

use clap::ValueEnum;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind, Queue};
use serde::{Deserialize, Serialize};

/// What kind of queue the consumer reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueType {
    /// Durable classic queue, declared without arguments.
    #[default]
    Classic,
    /// Quorum queue.
    Quorum,
    /// Quorum queue that serves one consumer at a time, whichever came first.
    SingleActive,
}

impl QueueType {
    fn arguments(self) -> FieldTable {
        let (quorum, single_active) = match self {
            Self::Classic => (false, false),
            Self::Quorum => (true, false),
            Self::SingleActive => (true, true),
        };
        let mut arguments = FieldTable::default();
        if quorum {
            arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        }
        if single_active {
            arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        }
        arguments
    }
}

/// The name of the control queue of the pod called `pod`.
#[must_use]
pub fn control_queue(pod: &str) -> String {
    format!("ms2m.control.{pod}")
}

/// Declares the durable topic exchange.
///
/// # Errors
/// When the broker refuses or the connection is lost.
pub async fn declare_exchange(channel: &Channel, exchange: &str) -> lapin::Result<()> {
    let options = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(
            exchange.into(),
            ExchangeKind::Topic,
            options,
            FieldTable::default(),
        )
        .await
}

/// Declares a durable queue; the answer tells how many messages are ready in it.
///
/// # Errors
/// When the broker refuses or the connection is lost.
pub async fn declare_queue(channel: &Channel, queue: &str, kind: QueueType) -> lapin::Result<Queue> {
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(queue.into(), options, kind.arguments())
        .await
}

/// Binds a queue to the exchange.
///
/// # Errors
/// When the broker refuses or the connection is lost.
pub async fn bind_queue(channel: &Channel, queue: &str, exchange: &str, key: &str) -> lapin::Result<()> {
    let options = QueueBindOptions::default();
    channel
        .queue_bind(
            queue.into(),
            exchange.into(),
            key.into(),
            options,
            FieldTable::default(),
        )
        .await
}
