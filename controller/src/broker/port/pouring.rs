//! Puts what waits behind a fence back into the primary queue, for an application that does not read control messages or
//! is not there: nobody else could give it the backlog.
//!
//! Guarantees:
//! - nothing is lost or doubled by a connection that ends in the middle: each batch is published and acknowledged in one
//!   transaction of a queue's own broker (a broker that dies within a commit may double a batch);
//! - properties and headers stay as they were, but for a publisher's validated `user_id`: a broker lets nobody publish in
//!   another one's name; the exchange and key that brought a message are not kept;
//! - what is poured keeps its order, and is before everything that comes later. What comes between the last batch and the
//!   flip stays where it is until [`Broker::pour_rest`] puts it behind newer messages.

use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicPublishOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel};
use tracing::info;

use super::change::call;
use super::plan::Change;
use super::topology::{Port, PortState};
use super::verbs::Turned;
use crate::broker::lane::Reads;
use crate::broker::{Broker, BrokerError, refusal};

const OPERATION: &str = "put the backlog back";
/// Messages of one transaction.
const BATCH: u64 = 100;

/// What was put back.
#[derive(Debug)]
#[must_use = "bindings past the port may have doubled messages"]
pub struct Poured {
    /// How many messages.
    pub messages: u64,
    /// The flip after them.
    pub turned: Turned,
}

impl Broker {
    /// Puts what waits in `backlog` at the end of the primary queue, if new messages do not go there yet, and turns every
    /// new message to it.
    pub async fn pour_back(&self, port: &Port, backlog: &str) -> Result<Poured, BrokerError> {
        // What stands past the port is taken in before: between the last message and the flip there is no time for it.
        let mut taken_in = self.take_in_strays(port).await?;
        let messages = match self.port_state(port).await? {
            PortState::Fenced | PortState::Breached { .. } => {
                self.pour(backlog, &port.primary, Some(port)).await?
            }
            PortState::NotAdopted | PortState::HalfAdopted { .. } | PortState::Adopted => 0,
        };
        let mut turned = self.flip_back(port).await?;
        turned.strays.append(&mut taken_in.strays);
        info!(
            queue = port.primary,
            messages, "the backlog was put back into the queue"
        );
        Ok(Poured { messages, turned })
    }

    /// Puts what is left in `backlog` behind the newer messages of the primary queue; returns how many messages.
    pub async fn pour_rest(&self, port: &Port, backlog: &str) -> Result<u64, BrokerError> {
        let messages = self.pour(backlog, &port.primary, None).await?;
        info!(
            queue = port.primary,
            messages, "the rest of the backlog was put behind newer messages"
        );
        Ok(messages)
    }

    /// Moves messages from queue to queue until there are none; at that moment turns the flow of `port`.
    async fn pour(&self, from: &str, to: &str, turned: Option<&Port>) -> Result<u64, BrokerError> {
        let failed = |error: lapin::Error| refusal::of_call(&self.endpoint, OPERATION, from, &error);
        let connection = self.open(OPERATION, Reads::Messages).await?;
        let channel = connection.create_channel().await.map_err(failed)?;
        channel.tx_select().await.map_err(failed)?;
        let bindings = connection.create_channel().await.map_err(failed)?;
        let mut poured = 0;
        loop {
            let batch = one_batch(&channel, from, to, &self.endpoint.user)
                .await
                .map_err(failed)?;
            if batch == 0 {
                break;
            }
            poured += batch;
        }
        if let Some(port) = turned {
            let bound = call(&bindings, port, &Change::Serve, FieldTable::default());
            bound.await.map_err(failed)?;
        }
        // An end that fails to be said loses nothing: everything is committed.
        if let Err(error) = connection.close(200, "done".into()).await {
            info!(%error, "the connection of the backlog ended by itself");
        }
        Ok(poured)
    }
}

async fn one_batch(channel: &Channel, from: &str, to: &str, user: &str) -> lapin::Result<u64> {
    let mut moved = 0;
    while moved < BATCH {
        let Some(message) = channel.basic_get(from.into(), BasicGetOptions::default()).await? else {
            break;
        };
        publish(channel, to, &message, user).await?;
        channel
            .basic_ack(message.delivery.delivery_tag, BasicAckOptions::default())
            .await?;
        moved += 1;
    }
    channel.tx_commit().await?;
    Ok(moved)
}

/// Through the default exchange, which goes past a port.
async fn publish(channel: &Channel, to: &str, message: &BasicGetMessage, user: &str) -> lapin::Result<()> {
    let delivery = &message.delivery;
    let options = BasicPublishOptions::default();
    channel
        .basic_publish(
            "".into(),
            to.into(),
            options,
            &delivery.data,
            as_published_by(user, &delivery.properties),
        )
        .await
        .map(drop)
}

/// The properties that `user` may publish.
fn as_published_by(user: &str, properties: &BasicProperties) -> BasicProperties {
    let of_another = properties
        .user_id()
        .as_ref()
        .is_some_and(|id| id.as_str() != user);
    if of_another {
        without_user_id(properties)
    } else {
        properties.clone()
    }
}

/// The client library can set a property and not take one away.
fn without_user_id(properties: &BasicProperties) -> BasicProperties {
    fn with<T: Clone>(
        made: BasicProperties,
        value: &Option<T>,
        set: fn(BasicProperties, T) -> BasicProperties,
    ) -> BasicProperties {
        match value {
            Some(value) => set(made, value.clone()),
            None => made,
        }
    }
    type Made = BasicProperties;
    let mut made = Made::default();
    made = with(made, properties.content_type(), Made::with_content_type);
    made = with(made, properties.content_encoding(), Made::with_content_encoding);
    made = with(made, properties.headers(), Made::with_headers);
    made = with(made, properties.delivery_mode(), Made::with_delivery_mode);
    made = with(made, properties.priority(), Made::with_priority);
    made = with(made, properties.correlation_id(), Made::with_correlation_id);
    made = with(made, properties.reply_to(), Made::with_reply_to);
    made = with(made, properties.expiration(), Made::with_expiration);
    made = with(made, properties.message_id(), Made::with_message_id);
    made = with(made, properties.timestamp(), Made::with_timestamp);
    made = with(made, properties.kind(), Made::with_type);
    made = with(made, properties.app_id(), Made::with_app_id);
    with(made, properties.cluster_id(), Made::with_cluster_id)
}

#[cfg(test)]
mod tests {
    use lapin::types::{AMQPValue, FieldTable};

    use super::*;

    /// With every property but the user's id.
    fn full() -> BasicProperties {
        let mut headers = FieldTable::default();
        headers.insert("n".into(), AMQPValue::LongInt(1));
        BasicProperties::default()
            .with_content_type("a".into())
            .with_content_encoding("b".into())
            .with_headers(headers)
            .with_delivery_mode(2)
            .with_priority(3)
            .with_correlation_id("c".into())
            .with_reply_to("d".into())
            .with_expiration("60000".into())
            .with_message_id("e".into())
            .with_timestamp(4)
            .with_type("f".into())
            .with_app_id("g".into())
            .with_cluster_id("h".into())
    }

    #[test]
    fn nobody_publishes_in_the_name_of_another() {
        let anothers = full().with_user_id("shop".into());
        assert_eq!(as_published_by("shadow", &anothers), full());
        assert_eq!(as_published_by("shop", &anothers), anothers);
        assert_eq!(as_published_by("shadow", &full()), full());
    }
}
