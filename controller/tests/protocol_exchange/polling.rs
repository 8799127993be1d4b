//! A stateful consumer that reads its control queue once a second, and only when it has been given nothing else to do.
//! 10 ms of work a message, prefetch 50, 3 s of sleep before it connects again: the hard case for a park.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::application::Memory;
use super::scene::{Scene, connection, until};

const POLL: Duration = Duration::from_secs(1);
const WORK: Duration = Duration::from_millis(10);
const RECONNECT: Duration = Duration::from_secs(3);
const PREFETCH: u16 = 50;

/// A running one.
pub(crate) struct Polling {
    memory: Arc<Mutex<Memory>>,
    task: JoinHandle<()>,
    connected: watch::Receiver<bool>,
}

struct Process {
    control: String,
    primary: String,
    memory: Arc<Mutex<Memory>>,
    channel: Channel,
    serving: Consumer,
    polled: Instant,
    /// Dropped with the process, as a killed one drops its connection.
    _connection: Connection,
}

impl Polling {
    /// Starts fresh.
    pub(crate) async fn start(scene: &Scene, pod: &str) -> Self {
        Self::run(scene, pod, Memory::default(), Duration::ZERO)
    }

    /// Starts with what a checkpoint held: it finds its connection broken, and sleeps before it connects again.
    pub(crate) fn restore(scene: &Scene, pod: &str, memory: Memory) -> Self {
        Self::run(scene, pod, memory, RECONNECT)
    }

    fn run(scene: &Scene, pod: &str, memory: Memory, asleep: Duration) -> Self {
        let memory = Arc::new(Mutex::new(memory));
        let (primary, control) = (scene.primary(), format!("ms2m.control.{pod}"));
        let mind = memory.clone();
        let (up, connected) = watch::channel(false);
        let task = tokio::spawn(async move {
            sleep(asleep).await;
            let process = Process::connect(primary, control, mind).await;
            up.send(true).unwrap();
            process.serve().await;
        });
        Self {
            memory,
            task,
            connected,
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

    /// Kills it; the broker may need a moment to see that. Not in the middle of connecting: a task that is cut off there
    /// leaves its connection open, which the kernel would not.
    pub(crate) async fn kill(mut self) -> Memory {
        self.connected.wait_for(|connected| *connected).await.unwrap();
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled(), "it ended by itself");
        Arc::try_unwrap(self.memory).unwrap().into_inner().unwrap()
    }
}

impl Process {
    async fn connect(primary: String, control: String, memory: Arc<Mutex<Memory>>) -> Self {
        let connection = connection().await;
        let channel = connection.create_channel().await.unwrap();
        channel
            .basic_qos(PREFETCH, BasicQosOptions::default())
            .await
            .unwrap();
        declare(&channel, &control).await;
        let replay = memory.lock().unwrap().replay.clone();
        let serving = consume(&channel, replay.as_deref().unwrap_or(&primary)).await;
        Self {
            control,
            primary,
            memory,
            channel,
            serving,
            polled: Instant::now(),
            _connection: connection,
        }
    }

    async fn serve(mut self) {
        loop {
            if let Some(given) = self.serving.next().now_or_never() {
                self.apply(given.unwrap().unwrap()).await;
                continue;
            }
            // Nothing is buffered: only now it may look elsewhere.
            let since = self.polled.elapsed();
            if since >= POLL {
                self.polled = Instant::now();
                self.poll().await;
            } else if let Ok(given) = timeout(POLL - since, self.serving.next()).await {
                self.apply(given.unwrap().unwrap()).await;
            }
        }
    }

    async fn poll(&mut self) {
        let options = BasicGetOptions { no_ack: true };
        while let Some(message) = self
            .channel
            .basic_get(self.control.as_str().into(), options)
            .await
            .unwrap()
        {
            let body: Value = serde_json::from_slice(&message.delivery.data).unwrap();
            let replay = body["payload"]["queue"].as_str().map(str::to_owned);
            self.turn_to(replay, body["type"].as_str().unwrap()).await;
        }
    }

    /// Cancel, finish, declare, consume, on one channel.
    async fn turn_to(&mut self, replay: Option<String>, kind: &str) {
        let tag = self.serving.tag();
        self.channel
            .basic_cancel(tag, BasicCancelOptions::default())
            .await
            .unwrap();
        while let Some(given) = self.serving.next().await {
            self.apply(given.unwrap()).await;
        }
        let queue = replay.clone().unwrap_or_else(|| self.primary.clone());
        {
            let mut memory = self.memory.lock().unwrap();
            memory.replay = replay;
            memory.heard.push(format!("{kind} {queue}"));
        }
        self.serving = consume(&self.channel, &queue).await;
    }

    async fn apply(&mut self, message: Delivery) {
        sleep(WORK).await;
        let body: Value = serde_json::from_slice(&message.data).unwrap();
        let applied = (body["publisher"].as_u64().unwrap(), body["seq"].as_u64().unwrap());
        self.memory.lock().unwrap().applied.push(applied);
        assert!(message.acker.ack(BasicAckOptions::default()).await.unwrap());
    }
}

async fn declare(channel: &Channel, queue: &str) {
    channel
        .queue_declare(
            queue.into(),
            QueueDeclareOptions::durable(),
            FieldTable::default(),
        )
        .await
        .unwrap();
}

async fn consume(channel: &Channel, queue: &str) -> Consumer {
    declare(channel, queue).await;
    channel
        .basic_consume(
            queue.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap()
}
