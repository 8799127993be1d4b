//! What is in the way of a hold just now and passes by itself: statistics are seconds late, and a pod that has just started
//! has not connected yet. A move that is asked for then waits a little instead of being refused.
//!
//! Guarantee: what stays is said at once or, where only time can tell, after one statistics interval.

use std::time::{Duration, Instant};

use super::facts::{LOOK_AGAIN, STATISTICS};
use super::{Broker, BrokerError, QueueFacts, QueueKind, QueueSeen};

/// How long a queue without a consumer is looked at: its application is between two connections.
const CONNECTING: Duration = Duration::from_secs(2);

/// A reason not to hold a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// It may pass within one statistics interval, without anybody doing anything. One that does not is said like the other.
    MayPass(String),
    /// Somebody has to change something.
    Stays(String),
}

impl Obstacle {
    /// What is in the way and what to do if it stays.
    pub fn reason(self) -> String {
        match self {
            Self::MayPass(reason) | Self::Stays(reason) => reason,
        }
    }
}

impl QueueFacts {
    /// How long to look again until what is known of the consumers is what it will be; `None` when it is so now. More than
    /// one consumer is so at once: the count is current, and one that ended is not counted.
    fn consumer_expected_within(&self) -> Option<Duration> {
        match self.consumer_count {
            0 => Some(CONNECTING),
            1 => self.consumers.is_empty().then_some(STATISTICS),
            _ => None,
        }
    }
}

impl Broker {
    /// Describes a queue that `SingleActive` can hold. Looks again for one statistics interval (6 s) while what is in the
    /// way may pass. `None` when there is no such queue.
    ///
    /// # Errors
    /// Those of [`describe`](Self::describe); [`BrokerError::CannotHold`] names what stays in the way.
    pub async fn describe_for_single_active(&self, name: &str) -> Result<Option<QueueFacts>, BrokerError> {
        let deadline = Instant::now() + STATISTICS;
        loop {
            let Some(facts) = self.describe(name).await? else {
                return Ok(None);
            };
            let late = Instant::now() >= deadline;
            let look_again = match facts.single_active_obstacle() {
                None => !facts.consumers_are_known(),
                Some(Obstacle::MayPass(_)) => true,
                Some(Obstacle::Stays(_)) => false,
            };
            if late || !look_again {
                return facts.can_be_held_single_active().map(|()| Some(facts));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Describes a queue whose application is to be parked. Waits until it consumes (2 s), and until statistics tell how
    /// (6 s), or messages that wait for their acknowledgement do, which suffices for a classic queue; after that the facts
    /// are what they are. `None` when there is no such queue.
    ///
    /// # Errors
    /// Those of [`describe`](Self::describe).
    pub async fn describe_for_park(&self, name: &str) -> Result<Option<QueueFacts>, BrokerError> {
        let begun = Instant::now();
        loop {
            let Some(facts) = self.describe(name).await? else {
                return Ok(None);
            };
            match facts.consumer_expected_within() {
                Some(_) if facts.kind == QueueKind::Classic && self.acknowledges(name).await? => {
                    return Ok(Some(facts));
                }
                Some(limit) if begun.elapsed() < limit => tokio::time::sleep(LOOK_AGAIN).await,
                Some(_) | None => return Ok(Some(facts)),
            }
        }
    }

    /// Whether its only consumer is seen to acknowledge by hand: what is delivered to one that does not is never
    /// unacknowledged. An idle consumer shows nothing.
    async fn acknowledges(&self, name: &str) -> Result<bool, BrokerError> {
        Ok(match self.queue_with_unacked(name).await? {
            QueueSeen::Present {
                consumers: 1,
                unacked: Some(1..),
                ..
            } => true,
            QueueSeen::Present { .. } | QueueSeen::Absent => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::ConsumerFacts;

    fn facts(consumer_count: u64, listed: usize) -> QueueFacts {
        let consumer = ConsumerFacts {
            tag: "app".to_owned(),
            manual_ack: true,
            prefetch: 1,
            peer_host: String::new(),
            peer_port: 0,
            channel: String::new(),
            exclusive: false,
            active: true,
            user: String::new(),
            priority: 0,
        };
        QueueFacts {
            name: "orders.orders-0".to_owned(),
            kind: QueueKind::Classic,
            durable: true,
            auto_delete: false,
            exclusive: false,
            arguments: serde_json::Map::new(),
            policy: None,
            policy_definition: serde_json::Map::new(),
            bindings: Vec::new(),
            consumer_count,
            consumers: vec![consumer; listed],
        }
    }

    #[test]
    fn a_parked_applications_consumer_is_waited_for_and_a_second_one_is_not() {
        let cases = [
            ((0, 0), Some(CONNECTING)),
            // What is still listed has gone: the count is current.
            ((0, 1), Some(CONNECTING)),
            ((1, 0), Some(STATISTICS)),
            ((1, 1), None),
            ((2, 0), None),
            ((2, 1), None),
        ];
        for ((counted, listed), wanted) in cases {
            assert_eq!(
                facts(counted, listed).consumer_expected_within(),
                wanted,
                "{counted} counted, {listed} listed"
            );
        }
    }
}
