//! Takes away what waits in a classic queue, without taking it: everything that is ready is held, unacknowledged, by one
//! consumer of ours, so that an application that reads control messages only when it has nothing else to do gets nothing
//! else to do. When we let go, or die, the broker puts it back where it was.
//!
//! Guarantees, given what [`Broker::starve`] asks of its caller:
//! - the application gets no message that is newer than one that we hold;
//! - all is held by one channel, so it comes back at once and in its old order, at whatever point the connection ends;
//! - nothing is acknowledged, copied or kept here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use lapin::options::BasicConsumeOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, Consumer};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Broker, BrokerError, refusal};

/// Above every consumer of an application, whose priority is mostly 0.
const PRIORITY: i32 = i32::MAX;
const OPERATION: &str = "take messages aside";

/// Holds what was ready in a queue until it is let go or dropped.
#[derive(Debug)]
pub struct Starving {
    held: Arc<AtomicU64>,
    holding: JoinHandle<Result<(), BrokerError>>,
    /// Dropped, it ends the holding.
    _hold: oneshot::Sender<()>,
}

impl Broker {
    /// Begins to take everything that is ready in a classic queue, on a connection of its own.
    ///
    /// The broker leaves a consumer out while 200 of its messages are on their way to it, and serves the next one
    /// meanwhile. So the application must be unable to take any until the queue has nothing ready: its container is
    /// frozen (and its prefetch limited) from at least [`SETTLE`](super::port::SETTLE) before this call until then, or
    /// until this consumer is gone from the queue. After that it runs again, and a fence keeps new messages away.
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
        let held = Arc::<AtomicU64>::default();
        let (hold, let_go) = oneshot::channel();
        let host = self.endpoint.host.clone();
        Ok(Starving {
            holding: tokio::spawn(hold_until(let_go, connection, consumer, held.clone(), host)),
            held,
            _hold: hold,
        })
    }
}

/// Reads on, so that the broker can write on. What is read is forgotten; the broker keeps it.
///
/// Ends with the connection, never with a cancel: a consumer that is cancelled keeps what it was given, and what is
/// newer would go to the application.
async fn hold_until(
    mut let_go: oneshot::Receiver<()>,
    connection: Connection,
    mut consumer: Consumer,
    held: Arc<AtomicU64>,
    host: String,
) -> Result<(), BrokerError> {
    let lost = |reason: String| BrokerError::Lost {
        host: host.clone(),
        operation: OPERATION,
        reason,
    };
    loop {
        tokio::select! {
            _ = &mut let_go => break,
            message = consumer.next() => match message {
                Some(Ok(_)) => { held.fetch_add(1, Ordering::Relaxed); }
                Some(Err(error)) => return Err(lost(error.to_string())),
                None => return Err(lost("the broker ended the consumer".to_owned())),
            },
        }
    }
    let closed = connection.close(200, "done".into()).await;
    closed.map_err(|error| lost(error.to_string()))
}

impl Starving {
    /// Messages held. They count as unacknowledged in the queue.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Whether it ended by itself: then everything is back in the queue, in order, and the application is served again.
    pub fn lost(&self) -> bool {
        self.holding.is_finished()
    }

    /// Lets go. Everything is back when the queue counts nothing unacknowledged any more.
    ///
    /// # Errors
    /// [`BrokerError::Lost`] when the connection had ended before, which puts everything back as well.
    pub async fn let_go(self) -> Result<(), BrokerError> {
        let Self { holding, _hold, .. } = self;
        drop(_hold);
        holding.await.unwrap_or(Ok(()))
    }
}
