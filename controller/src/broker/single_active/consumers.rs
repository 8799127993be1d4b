//! Who is listed on a held queue, and who is listed but dead.
//!
//! What the list is worth (RabbitMQ 4.3.6): a consumer whose channel ends is gone from it at once; a new one, and a
//! change of who is active, show up to 5 s late. So "it is gone" and "it was there and still is" are proofs, "it is not
//! there yet" is none.
//!
//! The dead: when the application's connection breaks while a hold waits and messages are unacknowledged, the queue
//! returns the messages but keeps the consumer in its waiting list, where nothing lists it. Once the hold is released it
//! becomes the active one, is given messages that nobody will ever acknowledge, and the queue stands still. For some
//! seconds the management API then lists it, active and without a channel, and later not at all: what stays is a queue
//! that counts an active consumer while no living one is active.

use shadow_core::api::Witness;

use super::{LAST, PRIORITY};
use crate::broker::witness::connection_of;
use crate::broker::{Broker, BrokerError, ConsumerFacts};

/// What removes a dead consumer: tried by restarting a queue's only member, and by a transfer in a cluster.
pub(super) const CURE: &str = "a new leader of the queue forgets the dead consumer. In a cluster, type: rabbitmq-queues \
    transfer_leadership --vhost VHOST QUEUE NODE. On a single node, restart RabbitMQ. To recognise it: rabbitmqctl \
    list_consumers shows it as active, with a channel that rabbitmqctl list_channels does not show";

/// Consumers of a queue as the management API lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueConsumers {
    /// All but holds.
    pub application: Vec<ConsumerFacts>,
    /// How many holds, ours and those of other controllers.
    pub holds: usize,
}

impl ConsumerFacts {
    /// Whether it is a hold of ours or the rehearsal of one, of this controller or another.
    pub fn is_hold(&self) -> bool {
        [PRIORITY, LAST].map(i64::from).contains(&self.priority)
    }

    /// Whether it consumes over this connection.
    pub(super) fn is_over(&self, connection: &str) -> bool {
        self.connection() == Some(connection)
    }

    /// Name of its connection; `None` of a channel that is gone.
    pub fn connection(&self) -> Option<&str> {
        connection_of(&self.channel)
    }
}

impl From<Vec<ConsumerFacts>> for QueueConsumers {
    fn from(all: Vec<ConsumerFacts>) -> Self {
        let (holds, application): (Vec<_>, Vec<_>) = all.into_iter().partition(ConsumerFacts::is_hold);
        Self {
            application,
            holds: holds.len(),
        }
    }
}

impl Broker {
    /// Who is listed on a queue, holds set apart. New ones show up to 5 s late.
    ///
    /// # Errors
    /// Without a management address, or when it does not answer.
    pub async fn single_active_consumers(&self, queue: &str) -> Result<QueueConsumers, BrokerError> {
        let listed = self.consumers(queue).await?;
        Ok(QueueConsumers::from(listed))
    }

    /// Whether the consumer that `witness` knows is gone for good: its connection is closed and it is not listed. Until
    /// then a release might give messages to it.
    ///
    /// # Errors
    /// As [`single_active_consumers`](Self::single_active_consumers); [`BrokerError::CannotHold`] when the witness
    /// names no connection.
    pub async fn source_is_gone(&self, queue: &str, witness: &Witness) -> Result<bool, BrokerError> {
        let connection = known(queue, witness)?;
        let listed = self.single_active_consumers(queue).await?.application;
        if listed.iter().any(|consumer| consumer.is_over(connection)) {
            return Ok(false);
        }
        Ok(!self.connection_lives(connection).await?)
    }
}

/// The connection that a witness names.
pub(super) fn known<'a>(queue: &str, witness: &'a Witness) -> Result<&'a str, BrokerError> {
    witness
        .application
        .as_deref()
        .ok_or_else(|| BrokerError::CannotHold {
            queue: queue.to_owned(),
            reason: "the pod's connection is not known, so it could not be seen whether it breaks during the hold. The \
                broker lists the address of a consumer 5 s after it connected: wait, and start the migration again"
                .to_owned(),
        })
}
