//! A stateful consumer that knows nothing of us: it consumes one queue, acknowledges by hand and reconnects at once.
//!
//! Its whole state is [`Memory`]: a checkpoint is a clone of it, a restored process is an application that starts with
//! such a clone and connects, as a real one does when it finds its socket closed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::proxy::Proxy;
use super::scene::{Scene, until};

/// Messages the broker may hand out ahead of their acknowledgement.
const PREFETCH: u16 = 50;

/// What would be in a checkpoint.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    /// (publisher, sequence number) of everything applied, in order.
    pub(crate) applied: Vec<(u64, u64)>,
    /// Deliveries that the broker marked as delivered before.
    pub(crate) redelivered: usize,
}

/// A running application, behind a proxy of its own so that its connection can be cut.
pub(crate) struct Application {
    memory: Arc<Mutex<Memory>>,
    in_line: Arc<AtomicBool>,
    task: JoinHandle<()>,
    proxy: Proxy,
}

impl Application {
    /// Starts with nothing in memory.
    pub(crate) async fn start(queue: &str, work: Duration) -> Self {
        Self::restore(queue, work, Memory::default()).await
    }

    /// Starts with what a checkpoint held.
    pub(crate) async fn restore(queue: &str, work: Duration, memory: Memory) -> Self {
        let proxy = Proxy::start().await;
        let memory = Arc::new(Mutex::new(memory));
        let in_line = Arc::new(AtomicBool::new(false));
        let process = run(
            proxy.amqp_uri(),
            queue.to_owned(),
            work,
            memory.clone(),
            in_line.clone(),
        );
        Self {
            memory,
            in_line,
            task: tokio::spawn(process),
            proxy,
        }
    }

    /// A copy of its memory, now.
    pub(crate) fn checkpoint(&self) -> Memory {
        self.memory.lock().unwrap().clone()
    }

    pub(crate) fn applied(&self) -> usize {
        self.memory.lock().unwrap().applied.len()
    }

    pub(crate) async fn has_applied(&self, count: usize) {
        until(&format!("{count} messages applied"), || async {
            (self.applied() >= count).then_some(())
        })
        .await;
    }

    /// Waits until the queue counts it.
    pub(crate) async fn has_connected(&self, scene: &Scene) {
        until("the application consumes", || async {
            (scene.counts().await.1 == 1).then_some(())
        })
        .await;
    }

    /// Waits until the broker has confirmed its consumer, be it served or not. One that comes at the very moment at which it
    /// becomes the active one may be told as a waiting one for ever (RabbitMQ 4.3: it notes the two in either order).
    pub(crate) async fn waits_in_line(&self) {
        until("the broker confirms the consumer", || async {
            self.in_line.load(Ordering::SeqCst).then_some(())
        })
        .await;
    }

    /// Its connection breaks; it makes a new one.
    pub(crate) fn cut(&self) {
        self.proxy.cut();
    }

    /// From now on it finds no broker.
    pub(crate) fn lock_out(&self) {
        self.proxy.lock();
        self.proxy.cut();
    }

    /// Kills it: the kernel closes its socket, without a word of AMQP.
    pub(crate) async fn kill(self) -> Memory {
        self.lock_out();
        // Only then does the process end: it must find no way to say goodbye.
        until("its connection is cut", || async {
            (self.proxy.open() == 0).then_some(())
        })
        .await;
        self.task.abort();
        assert!(
            self.task.await.unwrap_err().is_cancelled(),
            "the application ended by itself"
        );
        Arc::try_unwrap(self.memory).unwrap().into_inner().unwrap()
    }
}

/// Consumes over as many connections as it takes.
async fn run(
    uri: String,
    queue: String,
    work: Duration,
    memory: Arc<Mutex<Memory>>,
    in_line: Arc<AtomicBool>,
) {
    loop {
        if let Err(lost) = serve(&uri, &queue, work, &memory, &in_line).await {
            eprintln!("application reconnects: {lost}");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn serve(
    uri: &str,
    queue: &str,
    work: Duration,
    memory: &Mutex<Memory>,
    in_line: &AtomicBool,
) -> lapin::Result<()> {
    let connection = Connection::connect(uri, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let mut serving = channel
        .basic_consume(queue.into(), "".into(), options, arguments)
        .await?;
    in_line.store(true, Ordering::SeqCst);
    while let Some(message) = serving.next().await {
        let message = message?;
        if !work.is_zero() {
            tokio::time::sleep(work).await;
        }
        apply(&message, memory);
        message.acker.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}

fn apply(message: &Delivery, memory: &Mutex<Memory>) {
    let body: Value = serde_json::from_slice(&message.data).unwrap();
    let applied = (body["publisher"].as_u64().unwrap(), body["seq"].as_u64().unwrap());
    let mut memory = memory.lock().unwrap();
    memory.applied.push(applied);
    memory.redelivered += usize::from(message.redelivered);
}

/// Every publisher's messages are there once, in the order in which it sent them, and none was delivered before.
pub(crate) fn assert_exact(memory: &Memory, sent: &[u64]) {
    for (publisher, count) in (0..).zip(sent) {
        let applied: Vec<u64> = memory
            .applied
            .iter()
            .filter(|(from, _)| *from == publisher)
            .map(|(_, seq)| *seq)
            .collect();
        let wanted: Vec<u64> = (0..*count).collect();
        let first_wrong = applied.iter().zip(&wanted).position(|(a, b)| a != b);
        assert!(
            applied == wanted,
            "publisher {publisher}: {} of {count} applied, first wrong at {first_wrong:?}",
            applied.len()
        );
    }
    assert_eq!(memory.redelivered, 0, "messages came with the redelivered flag");
}
