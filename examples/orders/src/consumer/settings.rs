//! What the consumer can be told, by flag or environment.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::duration;
use crate::topology::QueueType;

/// Settings of one consumer.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// The broker, as `amqp://USER:PASSWORD@HOST:PORT/VHOST`.
    #[arg(long, env = "ORDERS_AMQP_URI", hide_env_values = true)]
    pub amqp_uri: String,
    /// Topic exchange that feeds the primary queue.
    #[arg(long, env = "ORDERS_EXCHANGE", default_value = "orders")]
    pub exchange: String,
    /// Routing key that binds the primary queue [default: the pod's name].
    #[arg(long, env = "ORDERS_ROUTING_KEY")]
    pub routing_key: Option<String>,
    /// Name of the primary queue; `{pod}` stands for the name of the pod the process started in.
    #[arg(long, env = "ORDERS_QUEUE", default_value = "orders.{pod}")]
    pub queue: String,
    /// Type of every queue this consumer reads.
    #[arg(long, env = "ORDERS_QUEUE_TYPE", value_enum, default_value_t)]
    pub queue_type: QueueType,
    /// Messages the broker may hand out ahead of their acknowledgement.
    #[arg(long, env = "ORDERS_PREFETCH", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    pub prefetch: u16,
    /// Time spent on each message.
    #[arg(long, env = "ORDERS_WORK", default_value = "2ms", value_parser = duration::parse)]
    pub work: Duration,
    /// How that time is spent.
    #[arg(long, env = "ORDERS_WORK_KIND", value_enum, default_value_t)]
    pub work_kind: WorkKind,
    /// AMQP heartbeat in seconds; a back-up, broken connections are noticed by other means first.
    #[arg(long, env = "ORDERS_HEARTBEAT", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub heartbeat: u16,
    /// File that tells the pod's name; read again at every connect, since a restored process wakes up
    /// in a pod with another name.
    #[arg(long, env = "ORDERS_HOSTNAME_FILE", default_value = "/etc/hostname")]
    pub hostname_file: PathBuf,
    /// The pod's name, for good, instead of what the file says.
    #[arg(long, env = "ORDERS_POD_NAME")]
    pub pod_name: Option<String>,
    /// Do not read control messages.
    #[arg(long)]
    pub no_control: bool,
    /// Look for control messages only when there is no message to work on, at most once in this time, and connect anew to
    /// read another queue [default: read them at once, on the same connection].
    #[arg(long, env = "ORDERS_CONTROL_POLL", value_parser = duration::parse, conflicts_with = "no_control")]
    pub control_poll: Option<Duration>,
    /// What becomes of messages that were delivered and not begun when another queue is to be read [default: a classic queue
    /// gets them back, each in its place; those of any other are worked off first].
    #[arg(long, env = "ORDERS_HELD", value_enum)]
    pub held: Option<Held>,
    /// Sleep this long between two connections.
    #[arg(long, env = "ORDERS_RECONNECT_SLEEP", default_value = "0", value_parser = duration::parse)]
    pub reconnect_sleep: Duration,
}

impl Settings {
    pub(super) fn held(&self) -> Held {
        self.held.unwrap_or(match self.queue_type {
            QueueType::Classic => Held::Return,
            // These put what is returned behind newer messages.
            QueueType::Quorum | QueueType::SingleActive => Held::Finish,
        })
    }
}

/// What becomes of messages that were delivered and not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Held {
    /// They are worked off first.
    Finish,
    /// The queue gets them back.
    Return,
}

/// How the time per message is spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum WorkKind {
    /// Waiting, as for a database.
    #[default]
    Sleep,
    /// Computing.
    Spin,
}
