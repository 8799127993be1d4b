//! One connection to a broker with one channel, opened on demand and forgotten when it is gone.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::options::ConfirmSelectOptions;
use lapin::{AsyncTcpStream, Channel, Connection, ConnectionProperties};
use tokio::time::timeout;
use tracing::info;

use super::{Broker, BrokerError, refusal, wire};

/// Limit for a connection, TLS and login included.
const CONNECT: Duration = Duration::from_secs(3);

/// Channels after which a connection is replaced. A question about what is not there costs one, and brokers allow 2,047. The
/// client library then uses the first numbers again, and answers with the error that ended their former channels.
const CHANNELS: u32 = 1_500;

/// One connection with one channel.
pub(super) struct Lane {
    purpose: &'static str,
    confirms: bool,
    connection: Option<Connection>,
    channel: Option<Channel>,
    /// Channels that were opened on this connection.
    opened: u32,
}

impl Lane {
    pub(super) fn new(purpose: &'static str, confirms: bool) -> Self {
        Self {
            purpose,
            confirms,
            connection: None,
            channel: None,
            opened: 0,
        }
    }

    fn connected(&self) -> bool {
        self.connection.as_ref().is_some_and(|c| c.status().connected())
    }

    /// Whether the broker has said that it reads nothing from publishers now.
    pub(super) fn blocked(&self) -> bool {
        self.confirms && self.connection.as_ref().is_some_and(|c| c.status().blocked())
    }

    /// After a failed call: a channel that had an error is closed, and so is a connection whose error was not soft.
    pub(super) fn failed(&mut self, error: &lapin::Error) {
        self.channel = None;
        if !self.connected() || !error.is_amqp_soft_error() {
            self.connection = None;
        }
    }

    pub(super) fn forget_unless_publishing(&mut self) {
        if !self.confirms {
            self.channel = None;
            self.connection = None;
        }
    }

    /// A channel that was open a moment ago.
    pub(super) async fn channel(&mut self, broker: &Broker) -> Result<Channel, BrokerError> {
        if let Some(channel) = self.channel.as_ref().filter(|c| c.status().connected()) {
            return Ok(channel.clone());
        }
        let connection = self.connection(broker).await?;
        self.opened += 1;
        let opening = async {
            let channel = connection.create_channel().await?;
            if self.confirms {
                channel.confirm_select(ConfirmSelectOptions::default()).await?;
            }
            Ok(channel)
        };
        let operation = "open a channel";
        let channel = match timeout(CONNECT, opening).await {
            // Never about a queue, whatever the error says.
            Ok(opened) => opened.map_err(|error: lapin::Error| BrokerError::Lost {
                host: broker.endpoint.host.clone(),
                operation,
                reason: error.to_string(),
            })?,
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

    /// The connection, opened if it is gone, which counts as a loss, or if its channels are used up, which does not.
    async fn connection(&mut self, broker: &Broker) -> Result<Connection, BrokerError> {
        let standing = self.connection.take().filter(|c| c.status().connected());
        let lost = match standing {
            Some(connection) if self.opened < CHANNELS => return Ok(connection),
            Some(used_up) => {
                self.connection = Some(used_up);
                false
            }
            None => true,
        };
        let opened = broker.open(self.purpose, Reads::Answers).await?;
        if lost && !self.confirms {
            broker.sessions.fetch_add(1, Ordering::Relaxed);
        }
        // Whatever becomes of the new one, nobody goes back to one whose channels are used up.
        self.connection = None;
        self.opened = 0;
        Ok(opened)
    }
}

/// What comes over a connection. It decides how large frames are, of which the client library has room for 64 at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// Answers about queues, and nothing of an application.
    Answers,
    /// Messages of an application, whose headers fill one frame.
    Messages,
}

impl Reads {
    /// Bytes. A broker that sets no limit, or a huge one, gets these as well.
    fn frame_max(self) -> u32 {
        match self {
            Self::Answers => 8_192,
            Self::Messages => 131_072,
        }
    }
}

impl Broker {
    /// A connection for `purpose`, which the broker shows beside its name.
    pub(super) async fn open(&self, purpose: &str, reads: Reads) -> Result<Connection, BrokerError> {
        let connected = timeout(CONNECT, self.logged_in(purpose, reads)).await;
        let connection = connected.unwrap_or_else(|_| {
            Err(BrokerError::Unreachable {
                place: self.endpoint.origin.uri(),
                host: self.endpoint.host.clone(),
                reason: format!("no answer within {} s", CONNECT.as_secs()),
            })
        })?;
        info!(broker = ?self.endpoint, purpose, "connected to broker");
        Ok(connection)
    }

    /// Dialled by us and once: what the client library dials it dials without a limit to its tries.
    async fn logged_in(&self, purpose: &str, reads: Reads) -> Result<Connection, BrokerError> {
        let (stream, cut) = wire::guarded(wire::dialled(&self.guard, &self.address, &self.endpoint).await?);
        let properties = ConnectionProperties::default()
            .with_connection_name(format!("kubectl-shadow controller ({purpose})").into());
        let mut uri = self.endpoint.amqp.clone();
        uri.query.frame_max = Some(reads.frame_max());
        let once = Mutex::new(Some(stream));
        let dial = async move |_, _| {
            let stream = once.lock().unwrap_or_else(PoisonError::into_inner).take();
            stream.map(AsyncTcpStream::Plain).ok_or_else(|| {
                lapin::ErrorKind::IOError(Arc::new(std::io::ErrorKind::ConnectionAborted.into())).into()
            })
        };
        let connection = Connection::connector(uri, wire::runtime(), dial, properties)
            .await
            .map_err(|error| refusal::of_connection(&self.endpoint, &error))?;
        cut.keep();
        Ok(connection)
    }
}
