//! The never-migrated consumer: the same code on a queue of its own, in this process.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lapin::options::QueueDeleteOptions;
use tokio::task::JoinHandle;

use crate::consumer::{Consumer, ConsumerError, Settings, Shared, WorkKind};
use crate::link::{Link, LinkError, parse_uri};
use crate::state::StateSnapshot;
use crate::stop::{self, StopSender};
use crate::topology::QueueType;

/// A control that is running.
pub struct Control {
    shared: Arc<Shared>,
    queue: String,
    stop: StopSender,
    task: JoinHandle<()>,
}

impl Control {
    /// Starts a control on `orders.control.<key>`, bound like the queue it stands beside.
    ///
    /// # Errors
    /// When the broker's address is wrong.
    pub fn start(amqp_uri: &str, exchange: &str, key: &str) -> Result<Self, ConsumerError> {
        let queue = format!("orders.control.{key}");
        let settings = Settings {
            amqp_uri: amqp_uri.to_owned(),
            exchange: exchange.to_owned(),
            routing_key: Some(key.to_owned()),
            queue: queue.clone(),
            queue_type: QueueType::Classic,
            prefetch: 500,
            work: Duration::ZERO,
            work_kind: WorkKind::Sleep,
            // Given up later than whatever a test cuts off: what it is handed twice, it cannot compare.
            heartbeat: 60,
            pod_name: Some("control".to_owned()),
            hostname_file: PathBuf::new(),
            no_control: true,
            control_poll: None,
            held: None,
            reconnect_sleep: Duration::ZERO,
        };
        let consumer = Consumer::new(settings)?;
        let shared = consumer.shared();
        let (sender, stop) = stop::channel();
        Ok(Self {
            shared,
            queue,
            stop: sender,
            task: tokio::spawn(consumer.run(stop)),
        })
    }

    /// Its queue.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Whether its queue is declared, bound and consumed: from now on it misses nothing.
    #[must_use]
    pub fn is_consuming(&self) -> bool {
        self.shared.standing().queue.is_some()
    }

    /// Why it is not consuming, as far as is known.
    #[must_use]
    pub fn last_loss(&self) -> Option<String> {
        self.shared.standing().last_loss.clone()
    }

    /// Messages applied so far.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.shared.state().applied()
    }

    /// Its state.
    #[must_use]
    pub fn snapshot(&self) -> StateSnapshot {
        self.shared.state().snapshot()
    }

    /// Ends it and deletes its queue.
    pub async fn remove(self, amqp_uri: &str) {
        self.stop.stop();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "control consumer failed");
        }
        if let Err(error) = delete_queue(amqp_uri, &self.queue).await {
            tracing::error!(%error, queue = self.queue, "control queue is left behind");
        }
    }
}

async fn delete_queue(amqp_uri: &str, queue: &str) -> Result<(), LinkError> {
    let link = Link::open(&parse_uri(amqp_uri, 5)?, "orders-oracle").await?;
    let channel = link.channel(0).await?;
    channel
        .queue_delete(queue.into(), QueueDeleteOptions::default())
        .await?;
    link.close().await;
    Ok(())
}
