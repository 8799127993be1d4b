//! Publishers that know exactly what the broker has taken over.
//!
//! Every message is confirmed or on record as uncertain; nothing is sent twice. What was sent is told
//! by the ledger alone, since messages are functions of publisher and number.

mod ledger;
mod pace;
mod publisher;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use futures::future::join_all;
use thiserror::Error;

use crate::duration;
use crate::link::{Link, LinkError, parse_uri};
use crate::stop::Stop;
use crate::topology::{QueueType, bind_queue, declare_exchange, declare_queue};
use crate::wall_clock::now_ms;
pub use ledger::{LoadLedger, LoadProgress, PublisherLedger};
pub use pace::Pace;
use publisher::Publisher;

/// The load cannot begin.
#[derive(Debug, Error)]
pub enum LoadError {
    /// No connection.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The broker refused to declare what is needed.
    #[error("the broker refused {what}: {source}")]
    Topology {
        /// What was asked for.
        what: String,
        /// Its answer.
        source: lapin::Error,
    },
    /// The numbers make no sense.
    #[error("{0}")]
    Plan(String),
}

/// What to send, where, and how fast.
#[derive(Debug, Clone, Args)]
pub struct LoadPlan {
    /// The broker, as `amqp://USER:PASSWORD@HOST:PORT/VHOST`.
    #[arg(long, visible_alias = "amqp", env = "ORDERS_AMQP_URI", hide_env_values = true)]
    pub amqp_uri: String,
    /// Topic exchange to publish to.
    #[arg(long, default_value = "orders")]
    pub exchange: String,
    /// Routing key of every message.
    #[arg(long, default_value = "orders-0")]
    pub routing_key: String,
    /// Queues to declare and bind before the first message; may be given several times.
    #[arg(long = "declare")]
    pub declare: Vec<String>,
    /// Type of these queues.
    #[arg(long, value_enum, default_value_t)]
    pub queue_type: QueueType,
    /// Publishers, each with a connection and numbers of its own.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub publishers: u32,
    /// Messages a second, all publishers together.
    #[arg(long, default_value_t = 100.0)]
    pub rate: f64,
    /// How they are spread over a second.
    #[arg(long, value_enum, default_value_t)]
    pub pace: Pace,
    /// Size of a message in bytes.
    #[arg(long, default_value_t = 256)]
    pub size: usize,
    /// Stop after this many messages of all publishers together.
    #[arg(long)]
    pub count: Option<u64>,
    /// Stop after this long.
    #[arg(long, value_parser = duration::parse)]
    pub duration: Option<Duration>,
    /// Prefix of the publishers' names [default: made from the time, so that every run has its own].
    #[arg(long)]
    pub run: Option<String>,
}

impl LoadPlan {
    /// A plan with this rate to `routing_key`, everything else as on the command line.
    #[must_use]
    pub fn new(amqp_uri: &str, routing_key: &str, rate: f64) -> Self {
        Self {
            amqp_uri: amqp_uri.to_owned(),
            exchange: "orders".to_owned(),
            routing_key: routing_key.to_owned(),
            declare: Vec::new(),
            queue_type: QueueType::default(),
            publishers: 1,
            rate,
            pace: Pace::default(),
            size: 256,
            count: None,
            duration: None,
            run: None,
        }
    }

    fn check(&self) -> Result<(), LoadError> {
        if !(self.rate.is_finite() && self.rate > 0.0) {
            return Err(LoadError::Plan(format!(
                "rate must be above 0, not {}",
                self.rate
            )));
        }
        if self.publishers == 0 {
            return Err(LoadError::Plan("publishers must be at least 1".to_owned()));
        }
        Ok(())
    }

    /// The `index`-th publisher's part of `count`, so that the parts add up.
    fn share(&self, index: u32) -> Option<u64> {
        let (publishers, index) = (u64::from(self.publishers), u64::from(index));
        self.count
            .map(|count| count / publishers + u64::from(index < count % publishers))
    }
}

/// Publishes as planned until everything is sent, the time is up, or `stop`; then waits for the
/// outstanding confirms.
///
/// # Errors
/// When the load cannot begin. Afterwards a lost connection is made again and told by the ledger.
pub async fn run(plan: LoadPlan, progress: Arc<LoadProgress>, stop: Stop) -> Result<LoadLedger, LoadError> {
    plan.check()?;
    let uri = parse_uri(&plan.amqp_uri, 5)?;
    let link = Link::open(&uri, "orders-load").await?;
    declare(&plan, &link).await?;
    link.close().await;
    let started_at_ms = now_ms();
    let run = plan.run.clone().unwrap_or_else(|| format!("r{started_at_ms}"));
    let publishers = (0..plan.publishers).map(|index| {
        let publisher = Publisher::new(&plan, &uri, index, &run, Arc::clone(&progress));
        publisher.publish(stop.clone())
    });
    let publishers = join_all(publishers).await;
    Ok(LoadLedger {
        exchange: plan.exchange,
        routing_key: plan.routing_key,
        started_at_ms,
        ended_at_ms: now_ms(),
        publishers: publishers.into_iter().collect(),
    })
}

async fn declare(plan: &LoadPlan, link: &Link) -> Result<(), LoadError> {
    let refused = |what: &str| {
        let what = what.to_owned();
        move |source| LoadError::Topology { what, source }
    };
    let channel = link.channel(0).await.map_err(refused("a channel"))?;
    declare_exchange(&channel, &plan.exchange)
        .await
        .map_err(refused(&format!("exchange {}", plan.exchange)))?;
    for queue in &plan.declare {
        declare_queue(&channel, queue, plan.queue_type)
            .await
            .map_err(refused(&format!("queue {queue}")))?;
        bind_queue(&channel, queue, &plan.exchange, &plan.routing_key)
            .await
            .map_err(refused(&format!("a binding of {queue}")))?;
    }
    Ok(())
}
