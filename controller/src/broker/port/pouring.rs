//! Puts what waits behind a fence back into the primary queue, for an application that does not read control messages or
//! is not there: nobody else could give it the backlog.
//!
//! Guarantees:
//! - nothing is lost or doubled by a connection that ends in the middle: each batch is published and acknowledged in one
//!   transaction of a queue's own broker (a broker that dies within a commit may double a batch);
//! - properties and headers stay as they were; the exchange and key that brought a message are not kept;
//! - what is poured keeps its order, and is before everything that comes later, but for what came at the very moment of
//!   the flip: [`Poured::late`] counts it.

use lapin::Channel;
use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicPublishOptions};
use tracing::info;

use super::topology::Port;
use super::verbs::Turned;
use crate::broker::{Broker, BrokerError, refusal};

const OPERATION: &str = "put the backlog back";
/// Messages of one transaction.
const BATCH: u64 = 100;

/// What was put back.
#[derive(Debug)]
#[must_use = "messages that came late may be behind newer ones"]
pub struct Poured {
    /// Messages that were put back.
    pub all: u64,
    /// Of these, so many after new messages went to the queue again.
    pub late: u64,
    /// The flip between the two.
    pub turned: Turned,
}

impl Broker {
    /// Puts what waits in `backlog` at the end of the primary queue, turns every new message to it, and puts the rest
    /// after it.
    pub async fn pour_back(&self, port: &Port, backlog: &str) -> Result<Poured, BrokerError> {
        let before = self.pour(backlog, &port.primary).await?;
        let turned = self.flip_back(port).await?;
        let late = self.pour(backlog, &port.primary).await?;
        info!(
            queue = port.primary,
            before, late, "the backlog was put back into the queue"
        );
        Ok(Poured {
            all: before + late,
            late,
            turned,
        })
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
