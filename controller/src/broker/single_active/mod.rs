//! Holding a quorum queue with single active consumer, without the application's help and without taking a message.
//!
//! A consumer with the highest priority there is makes such a queue deliver nothing more to the application; it becomes
//! the active one itself as soon as the application has settled everything that it was given. Ours is an AMQP 1.0
//! receiver that never gives credit, so the queue can hand it nothing: no message is delivered, returned, counted or
//! reordered by a hold.
//!
//! Guarantees:
//! - [`HoldState::Active`] is what the broker said on this very link; any end of link, session or connection, and any
//!   word of the broker that it is active no more, is [`HoldState::Lost`] for good. A lost hold never comes back. So is a
//!   silence of the queue itself, as of a node that is cut off from the others: it is asked every 2 s.
//! - A hold that is released, dropped, or whose process dies, ends its connection, and the queue serves the application
//!   again. A process that is frozen, or whose node vanishes without a word, holds until the broker's own `heartbeat`
//!   setting has run out (60 s unless configured); no client can shorten that.
//!
//! Older brokers than 4.3 do not say `rabbitmq:active`. They are refused: their consumer list could be polled for the
//! moment when a hold begins, but nothing would tell when it is lost, and a checkpoint must not rest on that.

mod attach;
mod consumers;
mod conversation;
mod depth;
mod frames;
mod keeper;
mod preconditions;
mod proof;
mod refusal;
#[cfg(test)]
mod tests;
mod version;
mod wire;

use std::fmt;
use std::time::Duration;

use fe2o3_amqp_types::definitions::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{debug, info};

use super::{Broker, BrokerError};
use attach::Attached;
pub use consumers::QueueConsumers;
use keeper::{Asking, Keeper, Told};
pub use proof::{HoldProof, Settled};
use version::Version;

/// Limit for an attach, login included.
const ATTACH: Duration = Duration::from_secs(5);
/// Limit for a release in order.
const RELEASE: Duration = Duration::from_secs(3);
/// A broker that says nothing for this long is taken for gone; it is asked to say something twice as often.
const SILENCE: Duration = Duration::from_secs(10);
/// Priority of a hold, the highest that a consumer can have.
const PRIORITY: i32 = i32::MAX;
/// Priority of a rehearsal, which must hold nothing.
const LAST: i32 = i32::MIN;
const PRIORITY_PROPERTY: &str = "rabbitmq:priority";
/// Property of a FLOW: whether the link is the queue's active consumer.
const ACTIVE_PROPERTY: &str = "rabbitmq:active";
/// The link, in the numbering of its only session.
const HANDLE: Handle = Handle(0);
/// First version that says `rabbitmq:active`.
const OLDEST: Version = Version { major: 4, minor: 3 };

/// Where a hold stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldState {
    /// The queue delivers nothing new; the application (or an earlier hold) has not settled everything yet.
    Waiting,
    /// The link is the active consumer: whoever was before it has settled everything or lost its connection.
    Active,
    /// The hold is over, for this reason, and the queue serves the application again. What was proven is void.
    Lost(String),
}

/// A held queue. Dropped, it lets go.
#[must_use = "a hold that is dropped lets go"]
pub struct SingleActiveHold {
    queue: String,
    host: String,
    state: watch::Receiver<HoldState>,
    release: Option<oneshot::Sender<Told>>,
    keeper: JoinHandle<()>,
}

impl Broker {
    /// Makes `queue` stop delivering to the application. Returns when the link is attached, at most 8 s, usually a few
    /// milliseconds; [`SingleActiveHold::state`] tells when the application has settled everything.
    ///
    /// Whether the queue is of the right kind is for [`Broker::describe_for_single_active`] to say, before: on
    /// another kind the hold has no effect and stays [`HoldState::Waiting`].
    ///
    /// # Errors
    /// Whatever is in the way of a connection, [`BrokerError::NoSuchQueue`], [`BrokerError::Forbidden`] without the
    /// permission to read the queue, [`BrokerError::TooOld`] before RabbitMQ 4.3.
    pub async fn hold_single_active(&self, queue: &str) -> Result<SingleActiveHold, BrokerError> {
        let hold = self.attached(queue, PRIORITY).await?;
        info!(broker = ?self.endpoint, queue, "hold attached");
        Ok(hold)
    }

    /// Does all that a hold needs except holding, for a preflight: attaches as the last in line and lets go. The
    /// application is served throughout; no message is touched.
    ///
    /// # Errors
    /// Those of [`hold_single_active`](Self::hold_single_active).
    pub async fn rehearse_hold(&self, queue: &str) -> Result<(), BrokerError> {
        self.attached(queue, LAST).await?.release().await
    }

    async fn attached(&self, queue: &str, priority: i32) -> Result<SingleActiveHold, BrokerError> {
        let attached = self.attach(queue, priority).await?;
        let (tell, state) = watch::channel(HoldState::Waiting);
        let (release, released) = oneshot::channel();
        let keeper = Keeper::new(attached, tell, Asking::USUAL);
        Ok(SingleActiveHold {
            queue: queue.to_owned(),
            host: self.endpoint.host.clone(),
            state,
            release: Some(release),
            keeper: tokio::spawn(keeper.keep(released)),
        })
    }

    async fn attach(&self, queue: &str, priority: i32) -> Result<Attached, BrokerError> {
        let attaching = attach::attach(&self.guard, &self.address, &self.endpoint, queue, priority);
        let attached = timeout(ATTACH, attaching).await;
        let attached = attached.unwrap_or_else(|_| {
            Err(BrokerError::TimedOut {
                host: self.endpoint.host.clone(),
                operation: refusal::OPERATION,
                seconds: ATTACH.as_secs(),
            })
        });
        if let Err(BrokerError::Lost { .. }) = &attached {
            // Over AMQP 1.0 the broker hangs up on who may not enter; over AMQP 0-9-1 it says why.
            drop(Self::connect_to(&self.address, &self.endpoint.origin, &self.guard).await?);
        }
        attached
    }
}

impl SingleActiveHold {
    /// The queue that is held.
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Where it stands, as the link's own task knows it at this moment; asks nobody.
    pub fn state(&self) -> HoldState {
        let known = self.state.borrow().clone();
        match known {
            HoldState::Waiting | HoldState::Active if self.keeper.is_finished() => {
                HoldState::Lost("its task ended".to_owned())
            }
            HoldState::Waiting | HoldState::Active | HoldState::Lost(_) => known,
        }
    }

    /// Waits until it is no longer [`HoldState::Waiting`], at most `limit`; returns where it stands then.
    pub async fn settled_within(&self, limit: Duration) -> HoldState {
        let mut state = self.state.clone();
        let decided = state.wait_for(|state| *state != HoldState::Waiting);
        match timeout(limit, decided).await {
            Ok(Ok(state)) => state.clone(),
            Ok(Err(_)) | Err(_) => self.state(),
        }
    }

    /// Lets go in order: the link is detached, then session and connection are closed, at most 3 s. When it returns
    /// `Ok`, the queue has chosen its next consumer.
    ///
    /// # Errors
    /// [`BrokerError::Lost`] when the hold was over before: others may have been served since. When the broker did not
    /// answer, [`BrokerError::TimedOut`]; the connection is cut, and the queue is free when the broker notices.
    pub async fn release(mut self) -> Result<(), BrokerError> {
        if let HoldState::Lost(reason) = self.state() {
            return Err(self.lost(reason));
        }
        let (answer, told) = oneshot::channel();
        let asked = self.release.take().map(|release| release.send(answer));
        if !matches!(asked, Some(Ok(()))) {
            return Err(self.lost("its task ended".to_owned()));
        }
        match timeout(RELEASE, told).await {
            Ok(Ok(Ok(()))) => {
                debug!(queue = self.queue, "hold released");
                Ok(())
            }
            Ok(Ok(Err(reason))) => Err(self.lost(reason)),
            Ok(Err(_)) => Err(self.lost("its task ended".to_owned())),
            Err(_) => Err(BrokerError::TimedOut {
                host: self.host.clone(),
                operation: "release a hold",
                seconds: RELEASE.as_secs(),
            }),
        }
    }

    fn lost(&self, reason: String) -> BrokerError {
        BrokerError::Lost {
            host: self.host.clone(),
            operation: "hold (until it was released)",
            reason,
        }
    }
}

impl Drop for SingleActiveHold {
    /// Ends the task and with it the connection, whether it was released or not.
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl fmt::Debug for SingleActiveHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleActiveHold")
            .field("queue", &self.queue)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
