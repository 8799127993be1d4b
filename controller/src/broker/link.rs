//! The connections to one broker, opened on demand and opened again when they are gone.
//!
//! Guarantees: at most one connection for looking and declaring and one for publishing (a broker in a memory or disk
//! alarm stops reading from connections that publish, and must not stop us from looking); what was asked on a dead
//! channel or connection is asked once more on a fresh one when asking twice is harmless; no call waits for
//! ever.

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lapin::Channel;
use shadow_core::premise::world::Way;
use shadow_dialling::Guard;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tracing::debug;

use super::address::Endpoint;
use super::lane::Lane;
use super::management::Management;
use super::{BrokerAddress, BrokerError, Origin, refusal};

/// Limit for an answer to a question.
pub(super) const LOOK: Duration = Duration::from_secs(3);
/// How often a wait for an answer looks whether the broker has stopped reading.
const GLANCE: Duration = Duration::from_millis(100);
/// Limit for an answer to a change, which the broker writes to its disk first.
const CHANGE: Duration = Duration::from_secs(10);

/// A broker, connected on demand. Cheap to share behind an `Arc`.
pub struct Broker {
    pub(super) address: BrokerAddress,
    pub(super) endpoint: Endpoint,
    pub(super) guard: Guard,
    looking: Mutex<Lane>,
    publishing: Mutex<Lane>,
    management: Option<Management>,
    /// Unlike that of any other process.
    process: u64,
    pub(super) sessions: AtomicU64,
}

impl Broker {
    /// Connects and says why not: not allowed, unreachable, TLS, credentials, virtual host. At most 3 s. Does not call the
    /// management API; [`Broker::describe`] does.
    pub async fn connect(address: &BrokerAddress, guard: &Guard) -> Result<Self, BrokerError> {
        Self::connect_to(address, &Origin::Url, guard).await
    }

    /// The same, with where the address was named, for messages.
    pub async fn connect_to(
        address: &BrokerAddress,
        origin: &Origin,
        guard: &Guard,
    ) -> Result<Self, BrokerError> {
        let endpoint = Endpoint::of(address, origin)?;
        endpoint.judge(guard)?;
        let management = match &address.management_uri {
            Some(uri) => Some(Management::new(
                uri,
                address.ca.as_deref(),
                &endpoint.vhost,
                origin.management(),
                guard,
            )?),
            None => None,
        };
        let broker = Self {
            address: address.clone(),
            endpoint,
            guard: guard.clone(),
            looking: Mutex::new(Lane::new("look", false)),
            publishing: Mutex::new(Lane::new("publish", true)),
            management,
            process: RandomState::new().hash_one(0),
            sessions: AtomicU64::new(0),
        };
        broker.looking.lock().await.channel(&broker).await?;
        Ok(broker)
    }

    /// Where it is.
    pub fn address(&self) -> &BrokerAddress {
        &self.address
    }

    /// Port that clients connect to.
    pub fn port(&self) -> u16 {
        self.endpoint.amqp.authority.port
    }

    /// The ways to it, and whether each is encrypted.
    pub fn ways(&self) -> Vec<Way> {
        let amqp = self.endpoint.way();
        let management = self.management.as_ref().map(Management::way);
        std::iter::once(amqp).chain(management).collect()
    }

    /// A queue of this broker, unlike that of any other.
    pub fn stream(&self, queue: &str) -> String {
        format!("{}/{}/{queue}", self.endpoint.host, self.endpoint.vhost)
    }

    /// Names the connection with which we look: `process/number`. Another number means that it was lost in between.
    pub(super) fn session(&self) -> String {
        format!("{:x}/{}", self.process, self.sessions.load(Ordering::Relaxed))
    }

    /// The management API, needed to `operation`.
    pub(super) fn management(&self, operation: &'static str) -> Result<&Management, BrokerError> {
        self.management.as_ref().ok_or_else(|| BrokerError::NoManagement {
            place: self.endpoint.origin.management(),
            operation,
        })
    }

    /// Whether there is a management API to ask.
    pub(super) fn has_management(&self) -> bool {
        self.management.is_some()
    }

    /// Asks a question. `resource` is the queue it is about, for messages.
    pub(super) async fn ask<T, F>(
        &self,
        operation: &'static str,
        resource: &str,
        call: impl Fn(Channel) -> F,
    ) -> Result<T, BrokerError>
    where
        F: Future<Output = lapin::Result<T>>,
    {
        self.twice(LOOK, operation, resource, call).await
    }

    /// Changes something in a way that is harmless when done twice.
    pub(super) async fn change<T, F>(
        &self,
        operation: &'static str,
        resource: &str,
        call: impl Fn(Channel) -> F,
    ) -> Result<T, BrokerError>
    where
        F: Future<Output = lapin::Result<T>>,
    {
        self.twice(CHANGE, operation, resource, call).await
    }

    /// Once, and once more when the connection turned out to be gone.
    async fn twice<T, F>(
        &self,
        limit: Duration,
        operation: &'static str,
        resource: &str,
        call: impl Fn(Channel) -> F,
    ) -> Result<T, BrokerError>
    where
        F: Future<Output = lapin::Result<T>>,
    {
        let mut lane = self.looking.lock().await;
        let first = self.once(&mut lane, limit, operation, resource, &call).await;
        match first {
            Err(BrokerError::Lost { reason, .. }) => {
                debug!(broker = %self.endpoint.host, operation, reason, "asked again on a new connection");
                self.once(&mut lane, limit, operation, resource, &call).await
            }
            answer => answer,
        }
    }

    /// Does something that must not be done twice: a loss half-way is an error, and whether it was done is open.
    pub(super) async fn publish<T, F>(
        &self,
        operation: &'static str,
        resource: &str,
        call: impl Fn(Channel) -> F,
    ) -> Result<T, BrokerError>
    where
        F: Future<Output = lapin::Result<T>>,
    {
        let mut lane = self.publishing.lock().await;
        self.once(&mut lane, CHANGE, operation, resource, &call).await
    }

    async fn once<T, F>(
        &self,
        lane: &mut Lane,
        limit: Duration,
        operation: &'static str,
        resource: &str,
        call: &impl Fn(Channel) -> F,
    ) -> Result<T, BrokerError>
    where
        F: Future<Output = lapin::Result<T>>,
    {
        let channel = lane.channel(self).await?;
        if lane.blocked() {
            return Err(self.blocked());
        }
        let answer = self.awaited(lane, limit, operation, call(channel)).await?;
        answer.map_err(|error| {
            lane.failed(&error);
            refusal::of_call(&self.endpoint, operation, resource, &error)
        })
    }

    /// The answer, unless it takes too long or cannot come because the broker reads nothing from publishers.
    async fn awaited<T>(
        &self,
        lane: &mut Lane,
        limit: Duration,
        operation: &'static str,
        call: impl Future<Output = T>,
    ) -> Result<T, BrokerError> {
        let mut call = std::pin::pin!(call);
        let deadline = Instant::now() + limit;
        loop {
            if let Ok(answer) = timeout(GLANCE.min(limit), &mut call).await {
                return Ok(answer);
            }
            // A message that a blocked broker has not read yet may be read later. What is published after it must
            // not overtake it, so that connection stays; heartbeats end it if nobody is there any more.
            if lane.blocked() {
                return Err(self.blocked());
            }
            if Instant::now() >= deadline {
                lane.forget_unless_publishing();
                let host = self.endpoint.host.clone();
                return Err(BrokerError::TimedOut {
                    host,
                    operation,
                    seconds: limit.as_secs(),
                });
            }
        }
    }

    fn blocked(&self) -> BrokerError {
        BrokerError::Blocked {
            host: self.endpoint.host.clone(),
        }
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
