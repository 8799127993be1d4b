//! The proof that a held application has settled everything: what a checkpoint may rest on.

use shadow_core::api::Witness;

use super::consumers::{CURE, known};
use super::{HoldState, SingleActiveHold};
use crate::broker::{Broker, BrokerError, QueueSeen};

/// Proof that everything which the application was given from a queue was acknowledged by it, and that nobody is given
/// anything now. True for as long as the hold is [`HoldState::Active`]. Only [`Broker::prove_settled`] makes one.
#[derive(Debug)]
pub struct Settled {
    queue: String,
}

impl Settled {
    /// The queue that this is about.
    pub fn queue(&self) -> &str {
        &self.queue
    }
}

/// Answer of [`Broker::prove_settled`].
#[derive(Debug)]
pub enum HoldProof {
    /// The application is about to settle what it holds; the text says what is waited for.
    NotYet(String),
    /// It has settled everything.
    Proven(Settled),
    /// The hold is over; the application is served as before and nothing that rested on the hold holds.
    Lost(String),
    /// The application's consumer ended during the hold. If messages were unacknowledged then, its dead consumer is
    /// next in line: released, the hold gives the queue to it and nobody is served. Keep the hold, tell a person.
    Trapped(String),
}

impl Broker {
    /// Looks whether the application has settled everything: the broker has made the hold the active consumer; a passive
    /// declare counts exactly one consumer; and the application's consumer, noted in `witness` before the hold, is still
    /// there. About 10 ms, asking the management API three times.
    ///
    /// The count is that of active consumers and of those that were cancelled and still hold messages; waiting ones are
    /// not in it. So it is 1 with the source and its copy both connected, 2 while a cancelled consumer holds something,
    /// and 0 when the queue has no leader to ask (measured on RabbitMQ 4.3.6).
    ///
    /// # Errors
    /// Whatever keeps the broker or its management API from answering; [`BrokerError::CannotHold`] when the witness does
    /// not name the application's connection.
    pub async fn prove_settled(
        &self,
        hold: &SingleActiveHold,
        witness: &Witness,
    ) -> Result<HoldProof, BrokerError> {
        let connection = known(hold.queue(), witness)?;
        match hold.state() {
            HoldState::Waiting => {
                let what = "the application has not acknowledged all its messages";
                return Ok(HoldProof::NotYet(what.to_owned()));
            }
            HoldState::Lost(reason) => return Ok(HoldProof::Lost(reason)),
            HoldState::Active => {}
        }
        if let Some(unsettled) = self.unsettled(hold.queue()).await? {
            return Ok(HoldProof::NotYet(unsettled));
        }
        if let Some(broken) = self.broken(hold.queue(), connection).await? {
            return Ok(HoldProof::Trapped(broken));
        }
        // What was asked took its time: the hold must have lasted through it.
        Ok(match hold.state() {
            HoldState::Active => HoldProof::Proven(Settled {
                queue: hold.queue().to_owned(),
            }),
            HoldState::Waiting => HoldProof::NotYet("the hold is not active".to_owned()),
            HoldState::Lost(reason) => HoldProof::Lost(reason),
        })
    }

    /// Who still holds messages besides the (empty-handed) active consumer, which is us.
    async fn unsettled(&self, queue: &str) -> Result<Option<String>, BrokerError> {
        let host = self.endpoint.host.clone();
        match self.queue_with_unacked(queue).await? {
            QueueSeen::Present { consumers: 1, .. } => Ok(None),
            QueueSeen::Present { consumers: 0, .. } => Err(BrokerError::NoLeader {
                host,
                queue: queue.to_owned(),
            }),
            QueueSeen::Present { consumers, .. } => Ok(Some(format!(
                "{} cancelled consumer(s) of {queue} still hold messages",
                consumers - 1
            ))),
            QueueSeen::Absent => Err(BrokerError::NoSuchQueue {
                host,
                vhost: self.endpoint.vhost.clone(),
                queue: queue.to_owned(),
            }),
        }
    }

    /// What became of the application's consumer, if it is not what it was.
    async fn broken(&self, queue: &str, connection: &str) -> Result<Option<String>, BrokerError> {
        let listed = self.single_active_consumers(queue).await?.application;
        let still_there = listed.iter().any(|consumer| consumer.is_over(connection));
        if still_there && self.connection_lives(connection).await? {
            return Ok(None);
        }
        let others: Vec<String> = listed
            .iter()
            .map(|c| format!("{} from {}:{}", c.tag, c.peer_host, c.peer_port))
            .collect();
        Ok(Some(format!(
            "the application's consumer on {queue} (connection {connection}) ended while the queue was held. Consumers \
             now: [{}]. If it held messages, RabbitMQ keeps its dead consumer first in line, and after the hold the queue \
             delivers to this one only. The cure: {CURE}",
            others.join(", ")
        )))
    }
}
