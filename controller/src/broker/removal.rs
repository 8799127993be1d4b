//! Deleting queues, only with a proof that nothing is in them.
//!
//! Guarantee: a queue that has a message or a consumer right before the deletion is not deleted. RabbitMQ's own
//! `if-empty` is no such guarantee: on classic queues it counts ready messages only, and quorum queues answer it by
//! closing the connection. So the counting is done here, and the broker's own conditions are added where it has them.

use lapin::options::QueueDeleteOptions;
use shadow_core::names;
use tracing::info;

use super::{Broker, BrokerError, QueueKind, QueueSeen};

/// Proof that a queue had no message ready, none unacknowledged (where that is known) and no consumer. Only
/// [`Broker::drained`] makes one.
#[derive(Debug)]
pub struct Drained {
    queue: String,
}

/// Answer of [`Broker::drained`].
#[derive(Debug)]
pub enum Drainedness {
    /// There is no such queue, thus nothing to delete.
    Absent,
    /// Empty and unused.
    Proven(Drained),
    /// Something is in it or somebody uses it.
    NotYet(QueueSeen),
}

/// What a deletion did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It was there and is gone.
    Deleted,
    /// It was gone before.
    WasAbsent,
}

impl Drained {
    /// Name of the queue that this is about.
    pub fn queue(&self) -> &str {
        &self.queue
    }
}

impl Broker {
    /// Looks whether a queue is empty and unused.
    pub async fn drained(&self, name: &str) -> Result<Drainedness, BrokerError> {
        let seen = self.queue_with_unacked(name).await?;
        Ok(match seen {
            QueueSeen::Absent => Drainedness::Absent,
            QueueSeen::Present {
                ready: 0,
                consumers: 0,
                unacked: None | Some(0),
            } => Drainedness::Proven(Drained {
                queue: name.to_owned(),
            }),
            QueueSeen::Present { .. } => Drainedness::NotYet(seen),
        })
    }

    /// Looks once more and deletes. [`BrokerError::InUse`] when somebody was faster; then nothing is deleted.
    pub async fn delete_queue(&self, proof: Drained) -> Result<Removal, BrokerError> {
        match self.drained(&proof.queue).await? {
            Drainedness::Absent => Ok(Removal::WasAbsent),
            Drainedness::NotYet(seen) => Err(in_use(&proof.queue, seen)),
            Drainedness::Proven(again) => self.delete(&again.queue, true).await,
        }
    }

    /// Deletes the control queue of a pod that is gone, with the stale messages in it. [`BrokerError::InUse`] when
    /// it has a consumer.
    pub async fn delete_control_queue(&self, pod: &str) -> Result<Removal, BrokerError> {
        let queue = names::control_queue(pod);
        match self.queue(&queue).await? {
            QueueSeen::Absent => Ok(Removal::WasAbsent),
            QueueSeen::Present { consumers: 0, .. } => self.delete(&queue, false).await,
            seen @ QueueSeen::Present { .. } => Err(in_use(&queue, seen)),
        }
    }

    /// Deletes the control queue of a pod that is gone, whoever consumes it: a broker tells its consumers that it cancels them.
    pub async fn refuse_control_queue(&self, pod: &str) -> Result<Removal, BrokerError> {
        let queue = names::control_queue(pod);
        let name = queue.as_str();
        // To delete what is not there is no error to the broker.
        if self.queue(name).await? == QueueSeen::Absent {
            return Ok(Removal::WasAbsent);
        }
        let deleted = self.change("delete", name, |channel| async move {
            channel
                .queue_delete(name.into(), QueueDeleteOptions::default())
                .await
        });
        match deleted.await {
            Ok(_) => {
                info!(queue, "queue deleted, and its consumers with it");
                Ok(Removal::Deleted)
            }
            Err(BrokerError::NoSuchQueue { .. }) => Ok(Removal::WasAbsent),
            Err(error) => Err(error),
        }
    }

    /// Takes back control messages that nobody reads; the queue itself belongs to the application.
    pub async fn purge_control_queue(&self, pod: &str) -> Result<(), BrokerError> {
        let queue = names::control_queue(pod);
        let name = queue.as_str();
        let purged = self.change("purge", name, |channel| async move {
            channel
                .queue_purge(name.into(), lapin::options::QueuePurgeOptions::default())
                .await
        });
        match purged.await {
            Ok(_) | Err(BrokerError::NoSuchQueue { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes; with the broker's own conditions where the queue's type has them.
    pub(super) async fn delete(&self, queue: &str, if_empty: bool) -> Result<Removal, BrokerError> {
        let conditions = match self.kind(queue).await? {
            Some(QueueKind::Classic) => QueueDeleteOptions {
                if_unused: true,
                if_empty,
                nowait: false,
            },
            Some(QueueKind::Quorum | QueueKind::Other(_)) | None => QueueDeleteOptions::default(),
        };
        let deleted = self
            .change("delete", queue, |channel| async move {
                channel.queue_delete(queue.into(), conditions).await
            })
            .await;
        match deleted {
            Ok(_) => {
                info!(queue, "queue deleted");
                Ok(Removal::Deleted)
            }
            // The broker's own condition: somebody was faster.
            Err(BrokerError::Mismatch { .. }) => Err(in_use(queue, self.queue_with_unacked(queue).await?)),
            Err(error) => Err(error),
        }
    }

    async fn kind(&self, queue: &str) -> Result<Option<QueueKind>, BrokerError> {
        if !self.has_management() {
            return Ok(None);
        }
        let totals = self.management("tell the type of a queue")?.totals(queue).await?;
        Ok(totals.map(|totals| totals.kind()))
    }
}

pub(super) fn in_use(queue: &str, seen: QueueSeen) -> BrokerError {
    let (ready, consumers, unacked) = match seen {
        QueueSeen::Absent => (0, 0, None),
        QueueSeen::Present {
            ready,
            consumers,
            unacked,
        } => (ready, consumers, unacked),
    };
    BrokerError::InUse {
        queue: queue.to_owned(),
        ready,
        unacked,
        consumers,
    }
}
