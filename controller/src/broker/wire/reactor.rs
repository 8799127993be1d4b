//! The runtime that the client library gets: Tokio, with connections of ours.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use futures::{AsyncRead, AsyncWrite, Stream};

use super::guard::Guarded;

/// Tokio, but that a connection is [`Guarded`] and nothing is dialled by the client library.
#[derive(Clone, Debug)]
pub(in crate::broker) struct Guards(Tokio);

/// For calls within Tokio.
pub(in crate::broker) fn runtime() -> Runtime<RuntimeParts<Tokio, Guards>> {
    Runtime::new(RuntimeParts::new(Tokio::current(), Guards(Tokio::current())))
}

impl Reactor for Guards {
    type TcpStream = Guarded;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: Read + Write + AsFd + AsRawFd + Send + 'static>(
        &self,
        socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        self.0.register(socket)
    }

    fn sleep(&self, dur: Duration) -> Self::Sleep {
        self.0.sleep(dur)
    }

    fn interval(&self, dur: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(dur)
    }

    fn tcp_connect_addr(
        &self,
        _: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        // A connection that was dialled by this would have no TLS and no guard.
        std::future::ready(Err(io::ErrorKind::Unsupported.into()))
    }
}
