//! TCP, and TLS where the address says so, for both versions of the protocol.
//!
//! Guarantee: nothing is dialled that the guard has not judged, and over TLS the name that the user wrote is verified.

use std::fmt::Display;
use std::sync::Arc;

use lapin::uri::AMQPScheme;
use rustls::pki_types::ServerName;
use shadow_dialling::{DialError, Guard};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use crate::broker::address::Endpoint;
use crate::broker::{BrokerAddress, BrokerError, tls};

/// Encrypted or not.
pub(in crate::broker) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects to the host that the address names. Without a time limit of its own.
pub(in crate::broker) async fn dialled(
    guard: &Guard,
    address: &BrokerAddress,
    endpoint: &Endpoint,
) -> Result<Box<dyn Stream>, BrokerError> {
    let authority = &endpoint.amqp.authority;
    let unreachable = |error: &dyn Display| BrokerError::Unreachable {
        place: endpoint.origin.uri(),
        host: endpoint.host.clone(),
        reason: error.to_string(),
    };
    let dialled = guard.dial(&authority.host, authority.port).await;
    let plain = dialled.map_err(|error| match error {
        DialError::Refused(refusal) => BrokerError::not_allowed(endpoint.origin.uri(), refusal),
        DialError::Failed(error) => unreachable(&error),
    })?;
    // Frames are small and each waits for an answer.
    plain.set_nodelay(true).map_err(|error| unreachable(&error))?;
    match endpoint.amqp.scheme {
        AMQPScheme::AMQP => Ok(Box::new(plain)),
        AMQPScheme::AMQPS => {
            let failed = |reason: String| BrokerError::Tls {
                place: endpoint.origin.uri(),
                host: endpoint.host.clone(),
                reason,
            };
            let config = tls::client(address.ca.as_deref(), tls::Public::Trusted).map_err(failed)?;
            let name =
                ServerName::try_from(authority.host.clone()).map_err(|error| failed(error.to_string()))?;
            let encrypted = TlsConnector::from(Arc::new(config)).connect(name, plain).await;
            match encrypted {
                Ok(encrypted) => Ok(Box::new(encrypted)),
                Err(error) => Err(failed(error.to_string())),
            }
        }
    }
}
