//! Control messages to the application in a pod.
//!
//! Guarantee: [`Broker::send_control`] returns `Ok` only when the broker keeps the message in the control queue.

use lapin::BasicProperties;
use lapin::Confirmation;
use lapin::options::{BasicPublishOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use shadow_core::names;

use super::{Broker, BrokerError};

/// How long an unread message stays, milliseconds: longer than any handoff, so that only stale ones expire.
const EXPIRATION: &str = "600000";
/// `delivery-mode` of a message that survives a restart of the broker.
const PERSISTENT: u8 = 2;

/// What the application is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlMessage {
    /// Cancel the present consumer, finish what it holds, consume `queue`.
    StartReplay {
        /// Queue to consume from now on.
        queue: String,
    },
    /// The same, back to the primary queue.
    EndReplay,
}

impl ControlMessage {
    /// The message as applications read it.
    fn json(&self) -> Vec<u8> {
        match self {
            Self::StartReplay { queue } => {
                serde_json::json!({"type": "START_REPLAY", "payload": {"queue": queue}})
                    .to_string()
                    .into_bytes()
            }
            Self::EndReplay => serde_json::json!({"type": "END_REPLAY"}).to_string().into_bytes(),
        }
    }
}

impl Broker {
    /// Puts a message into the control queue of `pod`; returns when the broker has confirmed that it is kept.
    /// It expires by itself after ten minutes.
    ///
    /// After [`BrokerError::Lost`] or [`BrokerError::TimedOut`] it is open whether the message is kept. Both messages
    /// may be sent again: they name a state, not a change.
    pub async fn send_control(&self, pod: &str, message: ControlMessage) -> Result<(), BrokerError> {
        let queue = names::control_queue(pod);
        // An application may have declared its control queue in its own way; only a missing one is ours to declare.
        if self.put(&queue, &message).await? {
            return Ok(());
        }
        self.declare_control_queue(&queue).await?;
        if self.put(&queue, &message).await? {
            return Ok(());
        }
        let reason = "the queue was deleted again at the same moment".to_owned();
        Err(BrokerError::NotAccepted {
            host: self.endpoint.host.clone(),
            queue,
            reason,
        })
    }

    async fn declare_control_queue(&self, queue: &str) -> Result<(), BrokerError> {
        self.change("declare", queue, |channel| async move {
            channel
                .queue_declare(
                    queue.into(),
                    QueueDeclareOptions::durable(),
                    FieldTable::default(),
                )
                .await
        })
        .await
        .map(drop)
    }

    /// `false` when there is no such queue.
    async fn put(&self, queue: &str, message: &ControlMessage) -> Result<bool, BrokerError> {
        let body = message.json();
        let confirmation = self
            .publish("publish to", queue, |channel| {
                let body = body.clone();
                async move { published(&channel, queue, &body).await }
            })
            .await?;
        match confirmation {
            Confirmation::Ack(returned) => Ok(returned.is_none()),
            Confirmation::Nack(_) => {
                Err(self.not_kept(queue, "the broker answered that it did not keep the message"))
            }
            Confirmation::NotRequested => Err(self.not_kept(queue, "the channel has no confirmations")),
        }
    }

    fn not_kept(&self, queue: &str, reason: &str) -> BrokerError {
        BrokerError::NotAccepted {
            host: self.endpoint.host.clone(),
            queue: queue.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

async fn published(channel: &lapin::Channel, queue: &str, body: &[u8]) -> lapin::Result<Confirmation> {
    let mandatory = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_expiration(EXPIRATION.into())
        .with_content_type("application/json".into());
    channel
        .basic_publish("".into(), queue.into(), mandatory, body, properties)
        .await?
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_the_protocol() {
        let start = ControlMessage::StartReplay {
            queue: "ms2m.hold.k".to_owned(),
        };
        let text = String::from_utf8(start.json()).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"type": "START_REPLAY", "payload": {"queue": "ms2m.hold.k"}})
        );
        assert_eq!(ControlMessage::EndReplay.json(), br#"{"type":"END_REPLAY"}"#);
    }
}
