//! Puts what waits behind a fence back into the primary queue, for an application that does not read control messages or
//! is not there: nobody else could give it the backlog.
//!
//! Guarantees:
//! - nothing is lost or doubled by a connection that ends in the middle: each batch is published and acknowledged in one
//!   transaction of a queue's own broker (a broker that dies within a commit may double a batch);
//! - properties and headers stay as they were; the exchange and key that brought a message are not kept;
//! - what is poured keeps its order, and is before everything that comes later. What comes between the last batch and the
//!   flip stays where it is until [`Broker::pour_rest`] puts it behind newer messages.

use lapin::Channel;
use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicPublishOptions};
use tracing::info;

use super::topology::{Port, PortState};
use super::verbs::Turned;
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
        let messages = match self.port_state(port).await? {
            PortState::Fenced | PortState::Breached { .. } => self.pour(backlog, &port.primary).await?,
            PortState::NotAdopted | PortState::HalfAdopted { .. } | PortState::Adopted => 0,
        };
        let turned = self.flip_back(port).await?;
        info!(
            queue = port.primary,
            messages, "the backlog was put back into the queue"
        );
        Ok(Poured { messages, turned })
    }

    /// Puts what is left in `backlog` behind the newer messages of the primary queue; returns how many messages.
    pub async fn pour_rest(&self, port: &Port, backlog: &str) -> Result<u64, BrokerError> {
        let messages = self.pour(backlog, &port.primary).await?;
        info!(
            queue = port.primary,
            messages, "the rest of the backlog was put behind newer messages"
        );
        Ok(messages)
    }

    /// Moves messages from queue to queue until there are none.
    async fn pour(&self, from: &str, to: &str) -> Result<u64, BrokerError> {
        let failed = |error: lapin::Error| refusal::of_call(&self.endpoint, OPERATION, from, &error);
        let connection = self.open(OPERATION).await?;
        let channel = connection.create_channel().await.map_err(failed)?;
        channel.tx_select().await.map_err(failed)?;
        let mut poured = 0;
        loop {
            let batch = one_batch(&channel, from, to).await.map_err(failed)?;
            if batch == 0 {
                break;
            }
            poured += batch;
        }
        // An end that fails to be said loses nothing: everything is committed.
        if let Err(error) = connection.close(200, "done".into()).await {
            info!(%error, "the connection of the backlog ended by itself");
        }
        Ok(poured)
    }
}

async fn one_batch(channel: &Channel, from: &str, to: &str) -> lapin::Result<u64> {
    let mut moved = 0;
    while moved < BATCH {
        let Some(message) = channel.basic_get(from.into(), BasicGetOptions::default()).await? else {
            break;
        };
        publish(channel, to, &message).await?;
        channel
            .basic_ack(message.delivery.delivery_tag, BasicAckOptions::default())
            .await?;
        moved += 1;
    }
    channel.tx_commit().await?;
    Ok(moved)
}

/// Through the default exchange, which goes past a port.
async fn publish(channel: &Channel, to: &str, message: &BasicGetMessage) -> lapin::Result<()> {
    let delivery = &message.delivery;
    let options = BasicPublishOptions::default();
    channel
        .basic_publish(
            "".into(),
            to.into(),
            options,
            &delivery.data,
            delivery.properties.clone(),
        )
        .await
        .map(drop)
}
