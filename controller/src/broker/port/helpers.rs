//! The queues behind a fence: the backlog, which alone holds what is new, and its mirror for a source that goes on.
//!
//! Guarantee: the backlog is never deleted with a message in it, unless its mirror, which got the same messages, was
//! worked off; and the other way round.

use shadow_core::api::Fence;
use shadow_core::names::{self, Key};
use shadow_core::unfenced::Unfenced;
use tracing::info;

use super::topology::Port;
use crate::broker::removal::in_use;
use crate::broker::{Broker, BrokerError, Drained, Drainedness, QueueFacts, QueueSeen, Removal};

/// Backlog and mirror were bound behind the port together, empty, before the fence: they get the same messages. Only
/// [`Broker::branch_twins`] makes one, and the record of it, since nothing at the broker tells it afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twins {
    key: Key,
}

impl Twins {
    /// That of which the migration's status says so.
    pub fn recorded(fence: &Fence) -> Option<Self> {
        fence.twins.then(|| Self {
            key: fence.key.clone(),
        })
    }
}

impl Broker {
    /// Declares a backlog or mirror queue exactly like the primary one and looks whether policies treat it alike. Asked
    /// again, it changes nothing.
    ///
    /// # Errors
    /// [`BrokerError::CannotAdopt`] when they do not; the queue is then there, empty.
    pub async fn declare_branch(&self, name: &str, like: &QueueFacts) -> Result<(), BrokerError> {
        self.declare_hold_queue(name, like).await?;
        match self.describe(name).await? {
            Some(helper) => like.has_policies_of(&helper),
            None => Err(like.not_adopted(Unfenced::HelperGone {
                helper: name.to_owned(),
            })),
        }
    }

    /// Lets backlog and mirror of a key take the same messages. To be asked for before the fence.
    ///
    /// # Errors
    /// [`BrokerError::InTheWay`] when the fence is up and only one of them is bound, or when one of them holds something
    /// already: they would not be equal.
    pub async fn branch_twins(&self, port: &Port, key: &Key) -> Result<Twins, BrokerError> {
        let twins = [names::backlog_queue(key), names::mirror_queue(key)];
        let seen = self.topology(port).await?;
        if twins.iter().all(|twin| seen.branches.contains(twin)) {
            return Ok(Twins { key: key.clone() });
        }
        let unequal = |reason: String| BrokerError::InTheWay {
            queue: port.primary.clone(),
            aim: "mirrored",
            reason,
        };
        if !seen.serves {
            return Err(unequal(
                "its messages go to the backlog queue already; flip back first".to_owned(),
            ));
        }
        for twin in &twins {
            let Drainedness::Proven(_) = self.drained(twin).await? else {
                return Err(unequal(format!(
                    "queue {twin:?} is missing, in use or not empty; use a new key"
                )));
            };
            self.branch(port, twin).await?;
        }
        Ok(Twins { key: key.clone() })
    }

    /// Deletes the twin of a branch that was worked off, with the copies that are in it.
    ///
    /// # Errors
    /// [`BrokerError::InTheWay`] while one of the two is still bound, or when `served` is neither of them;
    /// [`BrokerError::InUse`] while somebody consumes the twin, or the served one is no longer empty.
    pub async fn delete_twin(
        &self,
        port: &Port,
        equal: &Twins,
        served: Drained,
    ) -> Result<Removal, BrokerError> {
        let key = &equal.key;
        let refused = |reason: String| BrokerError::InTheWay {
            queue: port.primary.clone(),
            aim: "freed of its mirror",
            reason,
        };
        let twins = [names::backlog_queue(key), names::mirror_queue(key)];
        let [backlog, mirror] = &twins;
        let twin = match served.queue() {
            queue if queue == backlog => mirror,
            queue if queue == mirror => backlog,
            other => {
                return Err(refused(format!(
                    "queue {other:?} is not one of the backlog queues of {key}"
                )));
            }
        };
        let seen = self.topology(port).await?;
        if let Some(bound) = twins.iter().find(|twin| seen.branches.contains(twin)) {
            return Err(refused(format!(
                "queue {bound:?} is still bound; flip back and unbind it first"
            )));
        }
        if let Drainedness::NotYet(seen) = self.drained(served.queue()).await? {
            return Err(in_use(served.queue(), seen));
        }
        match self.queue_with_unacked(twin).await? {
            QueueSeen::Absent => Ok(Removal::WasAbsent),
            QueueSeen::Present {
                consumers: 0,
                unacked: None | Some(0),
                ready,
            } => {
                info!(
                    queue = twin,
                    ready, "copies of messages that were worked off are deleted"
                );
                self.delete(twin, false).await
            }
            seen @ QueueSeen::Present { .. } => Err(in_use(twin, seen)),
        }
    }
}
