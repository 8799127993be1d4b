//! What the plain consumer can be told. It reads no control queue and looks at its pod's name only once, so nothing
//! tells it that it was moved but its broken connection.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::identity::PodName;
use super::{IdentityError, Settings, WorkKind};
use crate::duration;
use crate::topology::QueueType;

/// Seconds. A back-up: the broken socket is noticed first.
const HEARTBEAT: u16 = 5;

/// Settings of a consumer that knows nothing of migrations.
#[derive(Debug, Clone, Args)]
pub struct PlainSettings {
    /// The broker, as `amqp://USER:PASSWORD@HOST:PORT/VHOST`.
    #[arg(long, env = "ORDERS_AMQP_URI", hide_env_values = true)]
    pub amqp_uri: String,
    /// Topic exchange that feeds the queue.
    #[arg(long, env = "ORDERS_EXCHANGE", default_value = "orders")]
    pub exchange: String,
    /// Routing key that binds the queue [default: the pod's name].
    #[arg(long, env = "ORDERS_ROUTING_KEY")]
    pub routing_key: Option<String>,
    /// Name of the queue; `{pod}` stands for the name of the pod the process started in.
    #[arg(long, env = "ORDERS_QUEUE", default_value = "orders.{pod}")]
    pub queue: String,
    /// Messages the broker may hand out ahead of their acknowledgement.
    #[arg(long, env = "ORDERS_PREFETCH", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    pub prefetch: u16,
    /// Time spent on each message.
    #[arg(long, env = "ORDERS_WORK", default_value = "2ms", value_parser = duration::parse)]
    pub work: Duration,
    /// How that time is spent.
    #[arg(long, env = "ORDERS_WORK_KIND", value_enum, default_value_t)]
    pub work_kind: WorkKind,
    /// File that tells the pod's name, read once.
    #[arg(long, env = "ORDERS_HOSTNAME_FILE", default_value = "/etc/hostname")]
    pub hostname_file: PathBuf,
}

impl PlainSettings {
    /// The same in terms of the full consumer: single active consumer, no control messages, one name for life.
    ///
    /// # Errors
    /// When the pod's name cannot be read.
    pub fn settings(self) -> Result<Settings, IdentityError> {
        let pod = PodName::File(self.hostname_file.clone()).read()?;
        Ok(Settings {
            amqp_uri: self.amqp_uri,
            exchange: self.exchange,
            routing_key: self.routing_key,
            queue: self.queue,
            queue_type: QueueType::SingleActive,
            prefetch: self.prefetch,
            work: self.work,
            work_kind: self.work_kind,
            heartbeat: HEARTBEAT,
            hostname_file: self.hostname_file,
            pod_name: Some(pod),
            no_control: true,
            control_poll: None,
            held: None,
            reconnect_sleep: Duration::ZERO,
        })
    }
}
