//! What was seen of a stream and its pod before a hold. Plain data: who could not see something says so.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::api::{HoldKind, SourceImage};
use crate::dialling::Transport;
use crate::readiness::Delay;

/// Something that was seen, or why it was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known<T> {
    /// All of it.
    Seen(T),
    /// Not, or not all of it.
    NotKnown {
        /// Why.
        why: String,
        /// What lets it be seen.
        way_out: String,
    },
}

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// How deliveries are going to be stopped.
    pub hold: HoldKind,
    /// What else is there while they are stopped; absent before that.
    pub held: Option<Held>,
    /// When and from what the copy's container is made.
    pub copy: CopyStart,
    /// Image that the pod's container runs from.
    pub image: Known<SourceImage>,
    /// The pod.
    pub pod: Pod,
    /// The queue.
    pub queue: Queue,
    /// How many consumers the broker counts on the queue, those that wait not always included.
    pub consumer_count: u64,
    /// Consumers of the queue but for holds of ours, as far as the user of the management API is shown them.
    pub consumers: Vec<Consumer>,
    /// What the broker knows of the pod's connections.
    pub process: Known<Process>,
    /// Who reads the pod's control queue.
    pub control: Known<Control>,
    /// Established TCP connections of the pod.
    pub sockets: Known<Vec<Socket>>,
    /// Ports on which brokers serve: that of this one, and the usual ones.
    pub broker_ports: Vec<u16>,
    /// The ways that we take to the broker and to the registry.
    pub ways: Vec<Way>,
}

/// A way that messages, archives and passwords of ours take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// What goes over it.
    pub transport: Transport,
    /// `host:port`.
    pub host: String,
    /// Whether it has TLS.
    pub encrypted: bool,
}

/// A queue that is held, and its pod's copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Queues of ours that the pod may read meanwhile.
    pub queues: Vec<String>,
    /// Addresses of the copy.
    pub copy: Vec<String>,
}

/// When and from what the copy's container is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyStart {
    /// From the image of its spec, while the source is there.
    BesideSource,
    /// From the image of its spec, after the source has gone.
    AfterSource,
    /// From a checkpoint image.
    FromCheckpoint,
}

/// Readers of a control queue. An application may look into it now and then (`basic.get`) and never consume it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Control {
    /// Its consumers.
    pub consumers: Vec<Consumer>,
    /// How often somebody looks into it, a second.
    pub looks: f64,
}

/// The pod's connections to the broker, in every virtual host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Process {
    /// The pod's port of each connection.
    pub ports: Vec<u16>,
    /// All that is consumed over them.
    pub consumers: Vec<Consumer>,
    /// How often it looks into queues (`basic.get`), a second.
    pub looks: f64,
    /// Channels that have published.
    pub publishing: Vec<Publishing>,
}

/// A channel that has published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publishing {
    /// Its name.
    pub channel: String,
    /// Whether the broker confirms what it publishes.
    pub confirms: bool,
}

/// The pod whose process is moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Names of its init containers that end before the others start.
    pub init_containers: Vec<String>,
    /// Names of those that run beside the others (`restartPolicy: Always`).
    pub sidecars: Vec<String>,
    /// How long its copies cannot be ready, where users notice.
    pub unready: Option<Delay>,
    /// Name of its control queue.
    pub control_queue: String,
}

/// The queue whose stream is handed over.
#[derive(Clone, Debug, PartialEq)]
pub struct Queue {
    /// Virtual host.
    pub vhost: String,
    /// Name.
    pub name: String,
    /// Whether it is a quorum queue.
    pub quorum: bool,
    /// Arguments it was declared with.
    pub arguments: BTreeMap<String, Value>,
    /// What policy and operator policy set.
    pub policy: Known<BTreeMap<String, Value>>,
}

/// A consumer, as the management API knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Virtual host of its queue.
    pub vhost: String,
    /// Its queue.
    pub queue: String,
    /// Consumer tag.
    pub tag: String,
    /// Acknowledges by hand.
    pub manual_ack: bool,
    /// Prefetch, 0 = unlimited.
    pub prefetch: u64,
    /// Lets nobody else consume the queue.
    pub exclusive: bool,
    /// For how long the broker waits for its acknowledgements, as it asked itself, ms.
    pub timeout_millis: Option<u64>,
    /// Address it connects from; empty when the broker does not tell.
    pub host: String,
    /// Port it connects from; 0 when the broker does not tell.
    pub port: u16,
}

/// An established TCP connection, seen from the pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Socket {
    /// Port of the pod.
    pub local: u16,
    /// Address of the other side.
    pub host: String,
    /// Port of the other side.
    pub port: u16,
}

impl Consumer {
    /// For messages.
    pub(super) fn named(&self) -> String {
        match self.host.as_str() {
            "" => format!("{:?} from an unknown address", self.tag),
            host => format!("{:?} from {host}:{}", self.tag, self.port),
        }
    }

    pub(super) fn is_from(&self, pod: &Pod) -> bool {
        pod.addresses.contains(&self.host)
    }
}

impl World {
    /// Whether a consumer is the copy's.
    pub(super) fn is_of_the_copy(&self, consumer: &Consumer) -> bool {
        let copy = self.held.as_ref().map(|held| &held.copy);
        copy.is_some_and(|addresses| addresses.contains(&consumer.host))
    }
}

impl Queue {
    pub(super) fn is_queue_of(&self, consumer: &Consumer) -> bool {
        (&self.vhost, &self.name) == (&consumer.vhost, &consumer.queue)
    }
}
