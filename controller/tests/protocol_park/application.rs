//! A stateful consumer that speaks the control messages, and its bad relatives.
//!
//! Its whole state is [`Memory`]: a checkpoint is a clone of it, a restored process is an application that starts
//! with such a clone and, like a real one, connects to the queue that its memory names.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};
use serde_json::Value;
use shadow_controller::broker::QueueKind;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::scene::{Scene, arguments, connection, until};

/// How the application treats control messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Reads them at once, finishes what it was given, then switches.
    Prompt,
    /// Does not know them.
    Deaf,
    /// Switches and keeps what it was given, unacknowledged, until [`Application::let_go`].
    Clinging,
}

/// What would be in a checkpoint.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    /// (publisher, sequence number) of everything applied, in order.
    pub(crate) applied: Vec<(u64, u64)>,
    /// Queue to consume instead of the primary one.
    pub(crate) replay: Option<String>,
    /// Control messages read.
    pub(crate) heard: Vec<String>,
}

/// How to run one.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) pod: String,
    pub(crate) primary: String,
    pub(crate) kind: QueueKind,
    pub(crate) prefetch: u16,
    pub(crate) work: Duration,
    pub(crate) manner: Manner,
}

/// A running application.
pub(crate) struct Application {
    memory: Arc<Mutex<Memory>>,
    task: JoinHandle<()>,
    clinging: watch::Sender<bool>,
}

struct Process {
    settings: Settings,
    memory: Arc<Mutex<Memory>>,
    /// Dropped with the process, as a killed one drops its connection.
    connection: Connection,
    channel: Channel,
    serving: Consumer,
    tag: String,
    /// What a clinging one was given.
    held: Vec<Delivery>,
    clinging: watch::Receiver<bool>,
}

impl Settings {
    pub(crate) fn of(scene: &Scene) -> Self {
        Self {
            pod: scene.pod(),
            primary: scene.primary(),
            kind: scene.kind.clone(),
            prefetch: 50,
            work: Duration::ZERO,
            manner: Manner::Prompt,
        }
    }
}

impl Application {
    /// Starts with nothing in memory.
    pub(crate) async fn start(settings: Settings) -> Self {
        Self::restore(settings, Memory::default()).await
    }

    /// Starts with what a checkpoint held.
    pub(crate) async fn restore(settings: Settings, memory: Memory) -> Self {
        let memory = Arc::new(Mutex::new(memory));
        let (clinging, let_go) = watch::channel(true);
        let process = Process::connect(settings, memory.clone(), let_go).await;
        Self {
            memory,
            task: tokio::spawn(process.run()),
            clinging,
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

    /// A clinging one acknowledges at last.
    pub(crate) fn let_go(&self) {
        self.clinging.send(false).unwrap();
    }

    /// Kills it; the broker may need a moment to see that.
    pub(crate) async fn kill(self) -> Memory {
        self.task.abort();
        assert!(
            self.task.await.unwrap_err().is_cancelled(),
            "the application ended by itself"
        );
        Arc::try_unwrap(self.memory).unwrap().into_inner().unwrap()
    }
}

impl Process {
    async fn connect(
        settings: Settings,
        memory: Arc<Mutex<Memory>>,
        clinging: watch::Receiver<bool>,
    ) -> Self {
        let connection = connection().await;
        let channel = connection.create_channel().await.unwrap();
        channel
            .basic_qos(settings.prefetch, BasicQosOptions::default())
            .await
            .unwrap();
        let queue = memory
            .lock()
            .unwrap()
            .replay
            .clone()
            .unwrap_or_else(|| settings.primary.clone());
        let (serving, tag) = serve(&channel, &queue, &settings.kind).await;
        Self {
            settings,
            memory,
            connection,
            channel,
            serving,
            tag,
            held: Vec::new(),
            clinging,
        }
    }

    async fn run(mut self) {
        let mut control = self.control().await;
        loop {
            tokio::select! {
                biased;
                message = control.next() => self.obey(message.unwrap().unwrap()).await,
                message = self.serving.next() => self.apply(message.unwrap().unwrap()).await,
            }
        }
    }

    /// On a channel of its own, so that the prefetch of the other one does not hold control messages back.
    async fn control(&self) -> Consumer {
        let channel = self.connection.create_channel().await.unwrap();
        let queue = match self.settings.manner {
            Manner::Prompt | Manner::Clinging => format!("ms2m.control.{}", self.settings.pod),
            Manner::Deaf => format!("deaf.{}", self.settings.pod),
        };
        serve(&channel, &queue, &QueueKind::Classic).await.0
    }

    async fn obey(&mut self, message: Delivery) {
        let body: Value = serde_json::from_slice(&message.data).unwrap();
        let kind = body["type"].as_str().unwrap().to_owned();
        let replay = body["payload"]["queue"].as_str().map(str::to_owned);
        assert!(message.acker.ack(BasicAckOptions::default()).await.unwrap());
        self.channel
            .basic_cancel(self.tag.as_str().into(), BasicCancelOptions::default())
            .await
            .unwrap();
        while let Some(given) = self.serving.next().await {
            self.apply(given.unwrap()).await;
        }
        if self.settings.manner == Manner::Clinging {
            tokio::spawn(acknowledge_when_let_go(
                std::mem::take(&mut self.held),
                self.clinging.clone(),
            ));
        }
        let queue = replay.clone().unwrap_or_else(|| self.settings.primary.clone());
        {
            let mut memory = self.memory.lock().unwrap();
            memory.replay = replay;
            memory.heard.push(format!("{kind} {queue}"));
        }
        (self.serving, self.tag) = serve(&self.channel, &queue, &self.settings.kind).await;
    }

    async fn apply(&mut self, message: Delivery) {
        if !self.settings.work.is_zero() {
            tokio::time::sleep(self.settings.work).await;
        }
        if self.settings.manner == Manner::Clinging {
            self.held.push(message);
            return;
        }
        let body: Value = serde_json::from_slice(&message.data).unwrap();
        let applied = (body["publisher"].as_u64().unwrap(), body["seq"].as_u64().unwrap());
        self.memory.lock().unwrap().applied.push(applied);
        assert!(message.acker.ack(BasicAckOptions::default()).await.unwrap());
    }
}

/// Declares a queue as this application declares its queues, and consumes it.
async fn serve(channel: &Channel, queue: &str, kind: &QueueKind) -> (Consumer, String) {
    channel
        .queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments(kind))
        .await
        .unwrap();
    let consumer = channel
        .basic_consume(
            queue.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    let tag = consumer.tag().to_string();
    (consumer, tag)
}

async fn acknowledge_when_let_go(held: Vec<Delivery>, mut clinging: watch::Receiver<bool>) {
    clinging.wait_for(|clinging| !clinging).await.unwrap();
    for given in held {
        assert!(given.acker.ack(BasicAckOptions::default()).await.unwrap());
    }
}
