//! Bytes to and from the broker, over TCP or TLS, cut into frames.
//!
//! Guarantee: over `amqps` nothing is said to a broker whose certificate does not verify.

use std::fmt::Display;
use std::sync::Arc;

use lapin::uri::AMQPScheme;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::codec::Framed;

use super::frames::Frames;
use crate::broker::address::Endpoint;
use crate::broker::{BrokerAddress, BrokerError, tls};

/// Encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection that speaks in frames.
pub(super) type Wire = Framed<Box<dyn Stream>, Frames>;

/// Connects to the host that the Secret names.
pub(super) async fn connected(address: &BrokerAddress, endpoint: &Endpoint) -> Result<Wire, BrokerError> {
    let authority = &endpoint.amqp.authority;
    let unreachable = |error: &dyn Display| BrokerError::Unreachable {
        host: endpoint.host.clone(),
        reason: error.to_string(),
    };
    let plain = TcpStream::connect((authority.host.as_str(), authority.port))
        .await
        .map_err(|error| unreachable(&error))?;
    // Frames are small and each waits for an answer.
    plain.set_nodelay(true).map_err(|error| unreachable(&error))?;
    match endpoint.amqp.scheme {
        AMQPScheme::AMQP => Ok(framed(plain)),
        AMQPScheme::AMQPS => {
            let failed = |reason: String| BrokerError::Tls {
                host: endpoint.host.clone(),
                reason,
            };
            let config = tls::client(address.ca.as_deref(), tls::Public::Trusted).map_err(failed)?;
            let name =
                ServerName::try_from(authority.host.clone()).map_err(|error| failed(error.to_string()))?;
            let encrypted = TlsConnector::from(Arc::new(config)).connect(name, plain).await;
            encrypted.map(framed).map_err(|error| failed(error.to_string()))
        }
    }
}

fn framed(stream: impl Stream + 'static) -> Wire {
    let stream: Box<dyn Stream> = Box::new(stream);
    Framed::new(stream, Frames)
}
