//! What a pod consumes at a broker, over all its connections and in every virtual host that the user may see.
//!
//! Connections are asked for by the pod's address, then their channels, then what each channel consumes: a list of all consumers
//! of a large broker would be too long to read.

use serde::Deserialize;
use shadow_core::premise::Known;
use shadow_core::premise::world::{Consumer, Process, Publishing};

use super::{Broker, BrokerError};

/// Connections and channels of one pod that are looked at.
const MOST: usize = 64;
/// The protocol whose channels tell what they consume.
const PROTOCOL: &str = "AMQP 0-9-1";

/// A connection, as the management API lists it.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    pub(super) name: String,
    #[serde(default)]
    pub(super) peer_host: String,
    #[serde(default)]
    peer_port: u16,
    #[serde(default)]
    protocol: String,
    /// Heartbeat that was agreed on, seconds.
    pub(super) timeout: Option<u32>,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) items: Vec<Listed>,
    pub(super) page_count: u64,
}

/// A channel's name.
#[derive(Debug, Deserialize)]
pub(super) struct Channel {
    pub(super) name: String,
}

/// What a channel consumes. A channel whose statistics have not come yet has no such field.
#[derive(Debug, Deserialize)]
pub(super) struct Details {
    consumer_details: Option<Vec<Detail>>,
    message_stats: Option<Stats>,
    /// Whether the broker confirms what is published over it.
    #[serde(default)]
    confirm: bool,
}

/// What is counted for a channel or a queue: looks into queues (`basic.get`), publishes; absent where there was none.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Stats {
    #[serde(default)]
    publish: u64,
    get_details: Option<Rate>,
    get_no_ack_details: Option<Rate>,
    get_empty_details: Option<Rate>,
}

#[derive(Debug, Deserialize)]
struct Rate {
    rate: f64,
}

impl Stats {
    /// Looks a second.
    pub(super) fn looks(&self) -> f64 {
        let kinds = [
            &self.get_details,
            &self.get_no_ack_details,
            &self.get_empty_details,
        ];
        kinds.into_iter().flatten().map(|kind| kind.rate).sum()
    }
}

/// A queue's part of that.
#[derive(Debug, Deserialize)]
pub(super) struct Looked {
    pub(super) message_stats: Option<Stats>,
}

#[derive(Debug, Deserialize)]
struct Detail {
    queue: Queue,
    consumer_tag: String,
    ack_required: bool,
    prefetch_count: u64,
    exclusive: bool,
}

#[derive(Debug, Deserialize)]
struct Queue {
    name: String,
    vhost: String,
}

impl Broker {
    /// What connections from these addresses consume, as statistics know it: up to 5 s behind.
    ///
    /// # Errors
    /// Without a management address, or when it does not answer.
    pub async fn process_at(&self, addresses: &[String]) -> Result<Known<Process>, BrokerError> {
        let (process, unseen) = self.walk(addresses).await?;
        Ok(
            unseen.map_or(Known::Seen(process), |Unseen { why, way_out }| Known::NotKnown {
                why,
                way_out,
            }),
        )
    }

    /// The same, as far as it is told already.
    ///
    /// # Errors
    /// As [`process_at`](Self::process_at).
    pub async fn process_so_far(&self, addresses: &[String]) -> Result<Process, BrokerError> {
        self.walk(addresses).await.map(|(process, _)| process)
    }

    /// With the first thing that is not told.
    async fn walk(&self, addresses: &[String]) -> Result<(Process, Option<Unseen>), BrokerError> {
        let management = self.management("list the connections of a pod")?;
        let (mut process, mut unseen) = (Process::default(), None);
        let mut channels = 0;
        for address in addresses {
            let page = management.connections_from(address).await?;
            if page.page_count > 1 || page.items.len() > MOST {
                return Ok((process, Some(too_many("connections", address))));
            }
            for connection in page.items.iter().filter(|one| one.peer_host == *address) {
                process.ports.push(connection.peer_port);
                if connection.protocol != PROTOCOL {
                    unseen.get_or_insert(other_protocol(connection));
                    continue;
                }
                let named = management.channels_of(&connection.name).await?;
                channels += named.len();
                if channels > MOST {
                    return Ok((process, Some(too_many("channels", address))));
                }
                for channel in named {
                    let Some(seen) = management.consumed_over(&channel.name).await? else {
                        continue;
                    };
                    if !take_in(&mut process, connection, &channel.name, seen) {
                        unseen.get_or_insert_with(|| not_yet(&channel.name));
                    }
                }
            }
        }
        Ok((process, unseen))
    }

    /// How often somebody looks into a queue, a second.
    ///
    /// # Errors
    /// Without a management address, or when it does not answer.
    pub async fn looks_into(&self, queue: &str) -> Result<f64, BrokerError> {
        let seen = self
            .management("look at a queue's statistics")?
            .looked_into(queue)
            .await?;
        Ok(seen
            .and_then(|seen| seen.message_stats)
            .unwrap_or_default()
            .looks())
    }

    /// Virtual host in which the queue is.
    pub fn vhost(&self) -> &str {
        &self.endpoint.vhost
    }
}

/// Something that the broker does not tell.
struct Unseen {
    why: String,
    way_out: String,
}

/// Whether the channel's consumers are told.
fn take_in(process: &mut Process, connection: &Listed, channel: &str, seen: Details) -> bool {
    let stats = seen.message_stats.unwrap_or_default();
    process.looks += stats.looks();
    if stats.publish > 0 {
        process.publishing.push(Publishing {
            channel: channel.to_owned(),
            confirms: seen.confirm,
        });
    }
    let Some(details) = seen.consumer_details else {
        return false;
    };
    process
        .consumers
        .extend(details.into_iter().map(|detail| detail.of(connection)));
    true
}

impl Detail {
    fn of(self, connection: &Listed) -> Consumer {
        Consumer {
            vhost: self.queue.vhost,
            queue: self.queue.name,
            tag: self.consumer_tag,
            manual_ack: self.ack_required,
            prefetch: self.prefetch_count,
            exclusive: self.exclusive,
            timeout_millis: None,
            host: connection.peer_host.clone(),
            port: connection.peer_port,
        }
    }
}

fn too_many(what: &str, address: &str) -> Unseen {
    Unseen {
        why: format!(
            "the pod has more than {MOST} {what} from {address} at the broker, and not all of them are read"
        ),
        way_out: "let the pod use fewer".to_owned(),
    }
}

fn other_protocol(connection: &Listed) -> Unseen {
    Unseen {
        why: format!(
            "connection {} speaks {}, and its consumers are not listed",
            connection.name, connection.protocol
        ),
        way_out: format!("let the pod consume over {PROTOCOL} only"),
    }
}

fn not_yet(channel: &str) -> Unseen {
    Unseen {
        why: format!("the broker has no statistics of channel {channel}, which it gathers every 5 s"),
        way_out: "try again; if it stays so, let the broker gather statistics (management_agent.disable_metrics_collector = \
                  false)"
            .to_owned(),
    }
}
