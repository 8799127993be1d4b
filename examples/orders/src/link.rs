//! One connection to the broker, and the means to tell at any moment whether it is still that one.
//!
//! A process that wakes up from a checkpoint finds its sockets closed without any event having reached
//! it yet. So the link keeps a second handle on its socket: asking it for its peer is one system call
//! and fails from the first moment after the restore. The same handle severs the connection at once
//! when it must not be used any more.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::options::BasicQosOptions;
use lapin::tcp::{AMQPUriTcpExt, TLSConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{AsyncTcpStream, Channel, Connection, ConnectionProperties};
use thiserror::Error;

/// Resolving the broker's name and reaching it may take this long before it is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// So may the AMQP handshake; longer, since a broker that is just starting is slow.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// So may the farewell; a broker that does not answer it is left without one.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes of a frame. The client library sets 64 of them aside at each connect, and with the broker's
/// 128 KB that is 8 MB to clear while the stream stands still, and to carry in every checkpoint.
const FRAME_MAX: u32 = 8_192;

/// The broker cannot be reached or refuses.
#[derive(Debug, Error)]
pub enum LinkError {
    /// The address cannot be read.
    #[error("the AMQP URI cannot be read: {0}; it should look like amqp://USER:PASSWORD@HOST:5672/%2f")]
    Uri(String),
    /// TLS is asked for.
    #[error("the AMQP URI asks for TLS, which this sample does not speak; use amqp://")]
    Tls,
    /// No answer in time.
    #[error("the broker {host}:{port} did not finish the handshake within {HANDSHAKE_TIMEOUT:?}")]
    Timeout {
        /// Its name.
        host: String,
        /// Its port.
        port: u16,
    },
    /// The client library failed.
    #[error("the broker connection failed: {0}")]
    Amqp(#[from] lapin::Error),
    /// No socket came out of a successful connect.
    #[error("the broker connection has no socket to watch")]
    NoSocket,
}

/// An open connection.
pub struct Link {
    connection: Connection,
    socket: Arc<TcpStream>,
}

/// Reads the broker's address and sets the heartbeat.
///
/// # Errors
/// When it is no plain AMQP URI.
pub fn parse_uri(uri: &str, heartbeat: u16) -> Result<AMQPUri, LinkError> {
    let mut uri: AMQPUri = uri.parse().map_err(LinkError::Uri)?;
    match uri.scheme {
        AMQPScheme::AMQP => {}
        AMQPScheme::AMQPS => return Err(LinkError::Tls),
    }
    uri.query.heartbeat = Some(heartbeat);
    uri.query.frame_max = Some(FRAME_MAX);
    Ok(uri)
}

impl Link {
    /// Connects under the given connection name. The broker's name is resolved afresh.
    ///
    /// # Errors
    /// When the broker cannot be reached, does not answer in time or refuses.
    pub async fn open(uri: &AMQPUri, name: &str) -> Result<Self, LinkError> {
        let slot: Arc<Mutex<Option<TcpStream>>> = Arc::default();
        let filled = Arc::clone(&slot);
        let connecting = Connection::connector(
            uri.clone(),
            lapin::runtime::default_runtime()?,
            async move |uri, runtime| {
                let dialled = uri.connect_with_config_async(TLSConfig::default(), &runtime);
                let stream = tokio::time::timeout(CONNECT_TIMEOUT, dialled)
                    .await
                    .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
                if let AsyncTcpStream::Plain(plain) = &stream {
                    let copy = plain.get_ref().as_fd().try_clone_to_owned()?;
                    *filled.lock().unwrap_or_else(PoisonError::into_inner) = Some(TcpStream::from(copy));
                }
                Ok(stream)
            },
            ConnectionProperties::default().with_connection_name(name.into()),
        );
        let opened = tokio::time::timeout(HANDSHAKE_TIMEOUT, connecting).await;
        let socket = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Ok(connection) = opened else {
            // The handshake goes on in the library's thread unless its socket is ended.
            if let Some(socket) = &socket {
                sever(socket);
            }
            let authority = &uri.authority;
            return Err(LinkError::Timeout {
                host: authority.host.clone(),
                port: authority.port,
            });
        };
        let socket = Arc::new(socket.ok_or(LinkError::NoSocket)?);
        Ok(Self {
            connection: connection?,
            socket,
        })
    }

    /// Whether this is still a working connection as far as this machine can tell.
    #[must_use]
    pub fn alive(&self) -> bool {
        self.connection.status().connected() && self.socket.peer_addr().is_ok()
    }

    /// Opens a channel with the given prefetch.
    ///
    /// # Errors
    /// When the broker refuses or the connection is lost.
    pub async fn channel(&self, prefetch: u16) -> lapin::Result<Channel> {
        let channel = self.connection.create_channel().await?;
        channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        Ok(channel)
    }

    /// The connection itself.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Closes the connection in order.
    pub async fn close(self) {
        let closing = self.connection.close(200, "done".into());
        match tokio::time::timeout(CLOSE_TIMEOUT, closing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "broker connection did not close in order"),
            Err(_) => tracing::warn!("the broker did not answer when its connection was closed"),
        }
    }

    /// The handle that tells whether the socket is still connected.
    #[must_use]
    pub fn socket(&self) -> Arc<TcpStream> {
        Arc::clone(&self.socket)
    }
}

impl Drop for Link {
    /// Nothing may come or go over this connection any more, and the broker shall take back at once
    /// what it had handed out.
    fn drop(&mut self) {
        sever(&self.socket);
    }
}

fn sever(socket: &TcpStream) {
    if let Err(error) = socket.shutdown(Shutdown::Both) {
        // Not connected is the usual case: the other side was first.
        tracing::debug!(%error, "broker socket was already closed");
    }
}
