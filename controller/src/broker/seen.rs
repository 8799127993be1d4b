//! One look at a queue.

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;

use super::{Broker, BrokerError, QueueKind};

/// A queue as one passive declare saw it. `ready` does not count unacknowledged messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueSeen {
    /// There is no such queue.
    Absent,
    /// It is there.
    Present {
        /// Messages waiting for a consumer.
        ready: u64,
        /// Consumers. A quorum queue counts a cancelled consumer that still holds messages.
        consumers: u64,
        /// Messages delivered and not acknowledged; only where it is known *now* (classic queues, asked through the
        /// management API by [`Broker::queue_with_unacked`]).
        unacked: Option<u64>,
    },
}

/// In the terms of the machine that decides.
impl From<QueueSeen> for shadow_core::machine::QueueSeen {
    fn from(seen: QueueSeen) -> Self {
        match seen {
            QueueSeen::Absent => Self::Absent,
            QueueSeen::Present {
                ready,
                consumers,
                unacked,
            } => Self::Present {
                ready,
                consumers,
                unacked,
            },
        }
    }
}

impl Broker {
    /// Looks at a queue by a passive declare (about 0.1 ms, current); leaves `unacked` open. Zeros of a quorum queue
    /// prove nothing: its leader may be away.
    pub async fn queue(&self, name: &str) -> Result<QueueSeen, BrokerError> {
        let looked = self
            .ask("look at", name, |channel| async move {
                let passive = QueueDeclareOptions {
                    passive: true,
                    ..QueueDeclareOptions::default()
                };
                channel
                    .queue_declare(name.into(), passive, FieldTable::default())
                    .await
            })
            .await;
        match looked {
            Ok(queue) => Ok(QueueSeen::Present {
                ready: queue.message_count().into(),
                consumers: queue.consumer_count().into(),
                unacked: None,
            }),
            Err(BrokerError::NoSuchQueue { .. }) => Ok(QueueSeen::Absent),
            Err(error) => Err(error),
        }
    }

    /// The same, for proofs: with `unacked` where the broker can tell it now (classic queues with a management
    /// address), and refused for a quorum queue that has no leader to count.
    ///
    /// The count is taken after the consumers were counted: with no consumer left it can only fall. A quorum queue
    /// counts a cancelled consumer until it has settled all that it was given, so there the consumers say it.
    pub async fn queue_with_unacked(&self, name: &str) -> Result<QueueSeen, BrokerError> {
        let seen = self.queue(name).await?;
        let QueueSeen::Present { ready, consumers, .. } = seen else {
            return Ok(QueueSeen::Absent);
        };
        if !self.has_management() {
            return Ok(seen);
        }
        let Some(totals) = self
            .management("count unacknowledged messages")?
            .totals(name)
            .await?
        else {
            return Ok(QueueSeen::Absent);
        };
        if totals.kind() == QueueKind::Classic {
            let unacked = totals.unacked();
            return Ok(QueueSeen::Present {
                ready,
                consumers,
                unacked,
            });
        }
        if !totals.led() {
            let host = self.endpoint.host.clone();
            return Err(BrokerError::NoLeader {
                host,
                queue: name.to_owned(),
            });
        }
        // Other types answer with a figure that is seconds old and shows false zeros.
        Ok(seen)
    }

    /// Whether the broker is known to have no such queue: AMQP also calls one absent whose node is down, so the management API has to
    /// find none either while all nodes run.
    pub async fn is_without(&self, name: &str) -> Result<bool, BrokerError> {
        let management = self.management("tell a queue that is gone from one whose node is down")?;
        Ok(self.queue(name).await? == QueueSeen::Absent
            && management.totals(name).await?.is_none()
            && management.all_nodes_run().await?)
    }
}
