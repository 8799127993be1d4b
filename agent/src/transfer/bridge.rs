//! Between asynchronous HTTP bodies and blocking archive code, a few chunks at a time: memory stays constant however
//! large the archive and however slow the other side.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use bytes::{Buf, Bytes};
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const CHUNKS: usize = 8;
const CHUNK: usize = 128 * 1024;
/// A stream without a byte for so long is given up.
pub(crate) const SILENCE: Duration = Duration::from_secs(10);

/// Reads the body of an answer from blocking code.
pub struct BodyReader {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    present: Bytes,
    counter: Arc<AtomicU64>,
}

impl BodyReader {
    /// Starts to receive; `counter` follows the bytes on the wire.
    pub fn new(answer: reqwest::Response, counter: Arc<AtomicU64>) -> Self {
        Self::of(
            answer.bytes_stream().map(|chunk| chunk.map_err(io::Error::other)),
            counter,
        )
    }

    /// The same for any stream.
    pub fn of(body: impl Stream<Item = io::Result<Bytes>> + Send + 'static, counter: Arc<AtomicU64>) -> Self {
        let (sender, chunks) = mpsc::channel(CHUNKS);
        tokio::spawn(async move {
            let mut body = std::pin::pin!(body);
            while let Some(chunk) = next(&mut body).await {
                // The reader has gone: it found a fault and says so itself.
                if sender.send(chunk).await.is_err() {
                    break;
                }
            }
        });
        Self {
            chunks,
            present: Bytes::new(),
            counter,
        }
    }
}

/// A sender whose node has gone says nothing, not even that.
async fn next(body: &mut (impl Stream<Item = io::Result<Bytes>> + Unpin)) -> Option<io::Result<Bytes>> {
    match timeout(SILENCE, body.next()).await {
        Ok(chunk) => chunk,
        Err(_) => Some(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("nothing arrived for {} s", SILENCE.as_secs()),
        ))),
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.present.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.present = chunk?,
                None => return Ok(0),
            }
            self.counter
                .fetch_add(self.present.len() as u64, Ordering::SeqCst);
        }
        let count = buffer.len().min(self.present.len());
        buffer[..count].copy_from_slice(&self.present[..count]);
        self.present.advance(count);
        Ok(count)
    }
}

/// A body that blocking code writes. An error of `write` breaks the connection, so that the receiver cannot take a part
/// for the whole.
pub fn written_body<E>(write: impl FnOnce(&mut dyn Write) -> Result<(), E> + Send + 'static) -> Body
where
    E: std::error::Error + Send + Sync + 'static,
{
    let (stream, _) = written_stream(move |output| {
        write(output).inspect_err(|error| tracing::warn!(%error, "archive stream broke off"))
    });
    Body::from_stream(stream)
}

/// A stream that blocking code writes, and what that code came to. An error of `write` ends the stream with an error.
pub fn written_stream<T, E>(
    write: impl FnOnce(&mut dyn Write) -> Result<T, E> + Send + 'static,
) -> (
    impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    JoinHandle<Result<T, E>>,
)
where
    T: Send + 'static,
    E: std::error::Error + Send + 'static,
{
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(CHUNKS);
    let writing = tokio::task::spawn_blocking(move || {
        let mut writer = io::BufWriter::with_capacity(
            CHUNK,
            ChannelWriter {
                sender: sender.clone(),
            },
        );
        let written = write(&mut writer);
        let flushed = writer.flush();
        let fault = match &written {
            Err(error) => Some(io::Error::other(error.to_string())),
            Ok(_) => flushed.err(),
        };
        if let Some(fault) = fault {
            // Whoever listened is gone if this cannot be said.
            drop(sender.blocking_send(Err(fault)));
        }
        written
    });
    let stream = futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    });
    (stream, writing)
}

struct ChannelWriter {
    sender: mpsc::Sender<io::Result<Bytes>>,
}

impl Write for ChannelWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let sent = self.sender.blocking_send(Ok(Bytes::copy_from_slice(buffer)));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
