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

use lapin::options::ConfirmSelectOptions;
use lapin::tcp::OwnedTLSConfig;
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tracing::{debug, info};

use super::address::Endpoint;
use super::management::Management;
use super::{BrokerAddress, BrokerError, refusal};

/// Limit for a connection, TLS and login included.
const CONNECT: Duration = Duration::from_secs(3);
/// Limit for an answer to a question.
const LOOK: Duration = Duration::from_secs(3);
/// How often a wait for an answer looks whether the broker has stopped reading.
const GLANCE: Duration = Duration::from_millis(100);
/// Limit for an answer to a change, which the broker writes to its disk first.
const CHANGE: Duration = Duration::from_secs(10);

/// A broker, connected on demand. Cheap to share behind an `Arc`.
pub struct Broker {
    address: BrokerAddress,
    pub(super) endpoint: Endpoint,
    looking: Mutex<Lane>,
    publishing: Mutex<Lane>,
    management: Option<Management>,
    /// Unlike that of any other process.
    process: u64,
    sessions: AtomicU64,
}

/// One connection with one channel.
struct Lane {
    purpose: &'static str,
    confirms: bool,
    connection: Option<Connection>,
    channel: Option<Channel>,
}

impl Broker {
    /// Connects and says why not: unreachable, TLS, credentials, virtual host. At most 3 s. Does not call the
    /// management API; [`Broker::describe`] does.
    pub async fn connect(address: &BrokerAddress) -> Result<Self, BrokerError> {
        let endpoint = Endpoint::of(address)?;
        let management = match &address.management_uri {
            Some(uri) => Some(Management::new(uri, address.ca.as_deref(), &endpoint.vhost)?),
            None => None,
        };
        let broker = Self {
            address: address.clone(),
            endpoint,
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

    /// Names the connection with which we look: `process/number`. Another number means that it was lost in between.
    pub(super) fn session(&self) -> String {
        format!("{:x}/{}", self.process, self.sessions.load(Ordering::Relaxed))
    }

    /// The management API, needed to `operation`.
    pub(super) fn management(&self, operation: &'static str) -> Result<&Management, BrokerError> {
        self.management
            .as_ref()
            .ok_or(BrokerError::NoManagement { operation })
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
            lane.channel = None;
            if !lane.connected() || !error.is_amqp_soft_error() {
                lane.connection = None;
            }
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

    async fn open(&self, purpose: &str) -> Result<Connection, BrokerError> {
        let properties = ConnectionProperties::default()
            .with_connection_name(format!("kubectl-shadow controller ({purpose})").into());
        let tls = OwnedTLSConfig {
            identity: None,
            cert_chain: self.address.ca.clone(),
        };
        let runtime = lapin::runtime::default_runtime();
        let connecting = async {
            Connection::connect_uri_with_config(self.endpoint.amqp.clone(), properties, tls, runtime?).await
        };
        match timeout(CONNECT, connecting).await {
            Ok(Ok(connection)) => {
                info!(broker = ?self.endpoint, purpose, "connected to broker");
                Ok(connection)
            }
            Ok(Err(error)) => Err(refusal::of_connection(&self.endpoint, &error)),
            Err(_) => Err(BrokerError::Unreachable {
                host: self.endpoint.host.clone(),
                reason: format!("no answer within {} s", CONNECT.as_secs()),
            }),
        }
    }
}

impl Lane {
    fn new(purpose: &'static str, confirms: bool) -> Self {
        Self {
            purpose,
            confirms,
            connection: None,
            channel: None,
        }
    }

    fn connected(&self) -> bool {
        self.connection.as_ref().is_some_and(|c| c.status().connected())
    }

    /// Whether the broker has said that it reads nothing from publishers now.
    fn blocked(&self) -> bool {
        self.confirms && self.connection.as_ref().is_some_and(|c| c.status().blocked())
    }

    fn forget_unless_publishing(&mut self) {
        if !self.confirms {
            self.channel = None;
            self.connection = None;
        }
    }

    /// A channel that was open a moment ago.
    async fn channel(&mut self, broker: &Broker) -> Result<Channel, BrokerError> {
        if let Some(channel) = self.channel.as_ref().filter(|c| c.status().connected()) {
            return Ok(channel.clone());
        }
        let stale = self.connection.take().filter(|c| c.status().connected());
        let connection = match stale {
            Some(connection) => connection,
            None => {
                let opened = broker.open(self.purpose).await?;
                if !self.confirms {
                    broker.sessions.fetch_add(1, Ordering::Relaxed);
                }
                opened
            }
        };
        let opening = async {
            let channel = connection.create_channel().await?;
            if self.confirms {
                channel.confirm_select(ConfirmSelectOptions::default()).await?;
            }
            Ok(channel)
        };
        let operation = "open a channel";
        let channel = match timeout(CONNECT, opening).await {
            Ok(opened) => {
                opened.map_err(|error| refusal::of_call(&broker.endpoint, operation, "", &error))?
            }
            Err(_) => {
                let host = broker.endpoint.host.clone();
                return Err(BrokerError::TimedOut {
                    host,
                    operation,
                    seconds: CONNECT.as_secs(),
                });
            }
        };
        self.connection = Some(connection);
        self.channel = Some(channel.clone());
        Ok(channel)
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
