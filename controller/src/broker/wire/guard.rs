//! A connection that the client library reads from, and that only lets through what [`Frames`] let through.
//!
//! Guarantee: a login that is given up ends the connection, and with it the thread that the client library has for it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use super::dial::Stream;
use super::frames::Frames;
use super::tables::Refused;

/// Read at a time.
const CHUNK: usize = 8_192;

/// Ends the connection when it is dropped, unless it is kept.
pub(in crate::broker) struct Cut(oneshot::Sender<()>);

impl Cut {
    /// The connection lives as long as the client library has it.
    pub(in crate::broker) fn keep(self) {
        // The other half is gone if the connection has ended by itself, which shows when it is used.
        if self.0.send(()).is_err() {
            tracing::debug!("a connection to a broker ended during the login");
        }
    }
}

/// What the client library sees of a connection.
pub(in crate::broker) struct Guarded {
    stream: Box<dyn Stream>,
    frames: Frames,
    /// Until the login is over.
    cut: Option<oneshot::Receiver<()>>,
    refused: Option<Refused>,
}

/// Puts a guard before a connection.
pub(in crate::broker) fn guarded(stream: Box<dyn Stream>) -> (Guarded, Cut) {
    let (keep, cut) = oneshot::channel();
    let guarded = Guarded {
        stream,
        frames: Frames::default(),
        cut: Some(cut),
        refused: None,
    };
    (guarded, Cut(keep))
}

impl Guarded {
    fn given_up(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(cut) = &mut self.cut else {
            return false;
        };
        match Pin::new(cut).poll(cx) {
            Poll::Pending => false,
            Poll::Ready(Ok(())) => {
                self.cut = None;
                false
            }
            Poll::Ready(Err(_)) => true,
        }
    }

    /// Reads until something may go on, or the other side has ended: `false`.
    fn poll_some(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut chunk = [0; CHUNK];
        while !self.frames.has_some() {
            if let Some(refused) = &self.refused {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, refused.clone())));
            }
            let mut read = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(false));
            }
            if let Err(refused) = self.frames.take_in(read.filled()) {
                tracing::warn!(%refused, "a broker's connection is ended");
                self.refused = Some(refused);
            }
        }
        Poll::Ready(Ok(true))
    }
}

impl futures::AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.given_up(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        match ready!(self.poll_some(cx))? {
            true => Poll::Ready(Ok(self.frames.give(room))),
            false => Poll::Ready(Ok(0)),
        }
    }
}

impl futures::AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
