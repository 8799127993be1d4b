//! What is in the way of a hold just now and passes by itself: statistics are seconds late, and a pod that has just started
//! has not connected yet. A move that is asked for then waits a little instead of being refused.
//!
//! Guarantee: what stays is said at once or, where only time can tell, after one statistics interval.

use std::time::{Duration, Instant};

use super::facts::{LOOK_AGAIN, STATISTICS};
use super::{Broker, BrokerError, QueueFacts, QueueSeen};

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

    /// Waits until somebody consumes the queue, at most 2 s: an application may be between two connections.
    ///
    /// # Errors
    /// When the broker cannot be asked.
    pub async fn consumer_arrives(&self, name: &str) -> Result<(), BrokerError> {
        let deadline = Instant::now() + CONNECTING;
        while matches!(self.queue(name).await?, QueueSeen::Present { consumers: 0, .. }) {
            if Instant::now() >= deadline {
                break;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }
}
