//! Takes away what waits in a classic queue, without taking it: everything that is ready is held, unacknowledged, by one
//! consumer of ours, so that an application that reads control messages only when it has nothing else to do gets nothing
//! else to do. When we let go, or die, the broker puts it back where it was.
//!
//! Guarantees, given what [`Broker::starve`] asks of its caller:
//! - the application gets no message that is newer than one that we hold;
//! - all is held by one channel, so it comes back at once and in its old order, at whatever point the connection ends;
//! - nothing is acknowledged, copied or kept here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures::StreamExt;
use lapin::options::BasicConsumeOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, Consumer};
use tokio::task::JoinHandle;

use super::{Broker, BrokerError, refusal};

/// Above every consumer of an application, whose priority is mostly 0.
const PRIORITY: i32 = i32::MAX;
const OPERATION: &str = "take messages aside";

/// Holds what was ready in a queue until it is let go or dropped.
#[derive(Debug)]
pub struct Starving {
    host: String,
    connection: Connection,
    counted: JoinHandle<()>,
    held: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Broker {
    /// Begins to take everything that is ready in a classic queue, on a connection of its own.
    ///
    /// The broker leaves a consumer out while more than 200 of its messages are on their way to it, and then serves the
    /// next one. So the application must be unable to take any meanwhile: its container is frozen, with a limited prefetch,
    /// for at least [`SETTLE`](super::port::SETTLE) before and until the queue has nothing ready. After that it runs again,
    /// and nothing must come to the queue in bursts of 200: put a fence before it.
    pub async fn starve(&self, queue: &str) -> Result<Starving, BrokerError> {
        let failed = |error: lapin::Error| refusal::of_call(&self.endpoint, OPERATION, queue, &error);
        let connection = self.open("hold back").await?;
        let channel = connection.create_channel().await.map_err(failed)?;
        let mut first = FieldTable::default();
        first.insert("x-priority".into(), AMQPValue::LongInt(PRIORITY));
        let consumer = channel
            .basic_consume(queue.into(), "".into(), BasicConsumeOptions::default(), first)
            .await
            .map_err(failed)?;
        let (held, over) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        Ok(Starving {
            host: self.endpoint.host.clone(),
            connection,
            counted: tokio::spawn(count(consumer, held.clone(), over.clone())),
            held,
            over,
        })
    }
}

/// Reads on, so that the broker can write on. What is read is forgotten; the broker keeps it.
async fn count(mut consumer: Consumer, held: Arc<AtomicU64>, over: Arc<AtomicBool>) {
    while let Some(Ok(_)) = consumer.next().await {
        held.fetch_add(1, Ordering::Relaxed);
    }
    over.store(true, Ordering::Relaxed);
}

impl Starving {
    /// Messages held. They count as unacknowledged in the queue.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Whether the connection ended by itself: then everything is back in the queue, in order, and the application is
    /// served again.
    pub fn lost(&self) -> bool {
        self.over.load(Ordering::Relaxed) || !self.connection.status().connected()
    }

    /// Lets go. When it returns, the broker is putting everything back; it is there when the queue counts nothing
    /// unacknowledged any more.
    pub async fn let_go(self) -> Result<(), BrokerError> {
        let lost = self.lost();
        let closed = self.connection.close(200, "done".into()).await;
        self.counted.abort();
        match closed {
            Ok(()) => Ok(()),
            // It was gone before, and the messages with it.
            Err(_) if lost => Ok(()),
            Err(error) => Err(BrokerError::Lost {
                host: self.host.clone(),
                operation: OPERATION,
                reason: error.to_string(),
            }),
        }
    }
}

impl Drop for Starving {
    /// The reader has a hand on the connection, too: without it, the connection ends with this.
    fn drop(&mut self) {
        self.counted.abort();
    }
}
