//! A consumer under test with everything around it: names, broker objects, pod name, proxy.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel};
use orders::consumer::{Consumer, Settings, Shared, WorkKind};
use orders::link::{Link, parse_uri};
use orders::load::{LoadLedger, LoadPlan, LoadProgress};
use orders::state::StateSnapshot;
use orders::stop::{self, StopSender};
use orders::topology::{QueueType, bind_queue, control_queue, declare_exchange, declare_queue};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::broker::{amqp_uri, eventually, unique};
use crate::proxy::Proxy;

pub struct Stage {
    pub pod: String,
    pub exchange: String,
    pub primary: String,
    pub settings: Settings,
    pub proxy: Proxy,
    pub channel: Channel,
    link: Link,
    folder: TempDir,
}

/// A consumer that is running.
pub struct Running {
    pub shared: Arc<Shared>,
    stop: StopSender,
    task: JoinHandle<()>,
}

impl Stage {
    /// Names, an exchange and the bound primary queue; no consumer yet.
    pub async fn set() -> Self {
        Self::set_with(QueueType::Classic).await
    }

    pub async fn set_with(queue_type: QueueType) -> Self {
        let pod = unique("orders");
        let (exchange, primary) = (unique("exchange"), format!("orders.{pod}"));
        let link = Link::open(&parse_uri(&amqp_uri(), 10).unwrap(), &unique("stage"))
            .await
            .expect("the broker");
        let channel = link.channel(0).await.unwrap();
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .unwrap();
        declare_exchange(&channel, &exchange).await.unwrap();
        declare_queue(&channel, &primary, queue_type).await.unwrap();
        bind_queue(&channel, &primary, &exchange, &pod).await.unwrap();
        let (folder, proxy) = (TempDir::new().unwrap(), Proxy::start().await);
        let settings = Settings {
            amqp_uri: proxy.amqp_uri(),
            exchange: exchange.clone(),
            routing_key: None,
            queue: "orders.{pod}".to_owned(),
            queue_type,
            prefetch: 50,
            work: Duration::from_millis(2),
            work_kind: WorkKind::Sleep,
            heartbeat: 5,
            hostname_file: folder.path().join("hostname"),
            pod_name: None,
            no_control: false,
            control_poll: None,
            held: None,
            reconnect_sleep: Duration::ZERO,
        };
        let stage = Self {
            pod,
            exchange,
            primary,
            settings,
            proxy,
            channel,
            link,
            folder,
        };
        stage.rename_pod(&stage.pod);
        stage
    }

    /// What happens to a process that is restored in another pod. Replaced in one step, as a mount is.
    pub fn rename_pod(&self, name: &str) {
        let new: PathBuf = self.folder.path().join("new");
        std::fs::write(&new, format!("{name}\n")).unwrap();
        std::fs::rename(new, &self.settings.hostname_file).unwrap();
    }

    /// Starts the consumer and waits until it consumes.
    pub async fn start(&self) -> Running {
        let consumer = Consumer::new(self.settings.clone()).unwrap();
        let shared = consumer.shared();
        let (sender, stop) = stop::channel();
        let running = Running {
            shared,
            stop: sender,
            task: tokio::spawn(consumer.run(stop)),
        };
        eventually("the consumer consumes", async || running.queue().is_some()).await;
        running
    }

    /// Publishes this many orders to the primary queue, as one run.
    pub async fn publish(&self, count: u64) -> LoadLedger {
        let plan = LoadPlan {
            count: Some(count),
            publishers: 2,
            ..self.plan(5_000.0)
        };
        let (_stop, stop) = stop::channel();
        let ledger = orders::load::run(plan, Arc::new(LoadProgress::default()), stop)
            .await
            .unwrap();
        assert_eq!(
            (ledger.confirmed(), ledger.uncertain(), ledger.returned()),
            (count, 0, 0)
        );
        ledger
    }

    /// A load on this stage's exchange, past the proxy.
    pub fn plan(&self, rate: f64) -> LoadPlan {
        LoadPlan {
            exchange: self.exchange.clone(),
            ..LoadPlan::new(&amqp_uri(), &self.pod, rate)
        }
    }

    /// Sends a control message to the pod called `pod`, as the controller does.
    pub async fn control(&self, pod: &str, message: &str) {
        let queue = control_queue(pod);
        declare_queue(&self.channel, &queue, QueueType::Classic)
            .await
            .unwrap();
        self.send("", &queue, message.as_bytes()).await;
    }

    pub async fn start_replay(&self, pod: &str, queue: &str) {
        self.control(
            pod,
            &format!(r#"{{"type":"START_REPLAY","payload":{{"queue":"{queue}"}}}}"#),
        )
        .await;
    }

    pub async fn end_replay(&self, pod: &str) {
        self.control(pod, r#"{"type":"END_REPLAY"}"#).await;
    }

    /// Publishes one message and waits for its confirm.
    pub async fn send(&self, exchange: &str, key: &str, body: &[u8]) {
        let (options, properties) = (
            BasicPublishOptions::default(),
            BasicProperties::default().with_delivery_mode(2),
        );
        let sent = self
            .channel
            .basic_publish(exchange.into(), key.into(), options, body, properties)
            .await;
        assert!(sent.unwrap().await.unwrap().is_ack());
    }

    /// A helper queue of the same kind as the primary one.
    pub async fn helper(&self) -> String {
        let queue = unique("hold");
        declare_queue(&self.channel, &queue, self.settings.queue_type)
            .await
            .unwrap();
        queue
    }

    /// Messages ready in a queue, and its consumers.
    pub async fn queue(&self, queue: &str) -> (u32, u32) {
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let queue = self
            .channel
            .queue_declare(queue.into(), options, FieldTable::default())
            .await
            .unwrap();
        (queue.message_count(), queue.consumer_count())
    }

    pub async fn consumers(&self, queue: &str) -> u32 {
        self.queue(queue).await.1
    }

    /// Deletes everything of this test; a control queue or helper queue is named by the test.
    pub async fn strike(self, others: &[&str]) {
        let mut queues = vec![self.primary.clone(), control_queue(&self.pod)];
        queues.extend(others.iter().map(|queue| (*queue).to_owned()));
        for queue in queues {
            self.channel
                .queue_delete(queue.as_str().into(), QueueDeleteOptions::default())
                .await
                .unwrap();
        }
        self.channel
            .exchange_delete(self.exchange.as_str().into(), Default::default())
            .await
            .unwrap();
        drop(self.link);
    }
}

impl Running {
    pub fn queue(&self) -> Option<String> {
        self.shared.standing().queue.clone()
    }

    pub fn applied(&self) -> u64 {
        self.shared.state().applied()
    }

    pub fn state(&self) -> StateSnapshot {
        self.shared.state().snapshot()
    }

    pub fn generation(&self) -> u64 {
        self.shared.standing().generation
    }

    /// Waits until it reads `queue`.
    pub async fn reads(&self, queue: &str) -> Duration {
        eventually(&format!("it reads {queue}"), async || {
            self.queue().as_deref() == Some(queue)
        })
        .await
    }

    /// Waits until at least this many messages are applied.
    pub async fn has_applied(&self, count: u64) {
        eventually(&format!("{count} messages are applied"), async || {
            self.applied() >= count
        })
        .await;
    }

    /// Stops it in order.
    pub async fn stop(self) -> StateSnapshot {
        self.stop.stop();
        self.task.await.unwrap();
        self.shared.state().snapshot()
    }
}

/// Asserts that everything sent was applied once and in order.
pub fn assert_exact(state: &StateSnapshot, count: u64) {
    let seen = (
        state.applied,
        state.duplicates,
        state.late,
        state.missing,
        state.rejected,
    );
    assert_eq!(
        seen,
        (count, 0, 0, 0, 0),
        "applied, duplicates, late, missing, rejected"
    );
}
