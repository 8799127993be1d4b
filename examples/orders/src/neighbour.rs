//! A connection between two containers of a pod, as an application has it with its proxy or its log collector.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use tokio::net::{UnixListener, UnixStream};

use crate::stop;

/// The other container may start later, but not much.
const ATTEMPTS: u32 = 300;
const PAUSE: Duration = Duration::from_millis(100);

/// Connects to the other container as soon as it listens.
pub(crate) async fn connected(path: &Path) -> anyhow::Result<UnixStream> {
    for _ in 1..ATTEMPTS {
        match UnixStream::connect(path).await {
            Ok(stream) => return Ok(stream),
            Err(error) => tracing::debug!(%error, path = %path.display(), "nobody listens yet"),
        }
        tokio::time::sleep(PAUSE).await;
    }
    let last = UnixStream::connect(path).await;
    last.with_context(|| format!("--talk-to: cannot connect to {}", path.display()))
}

/// Takes connections and keeps them until SIGTERM.
pub(crate) async fn listen(path: &Path) -> anyhow::Result<()> {
    let signalled = stop::on_signal().context("cannot listen for SIGTERM")?;
    let listener = UnixListener::bind(path)
        .with_context(|| format!("--be-talked-to: cannot listen on {}", path.display()))?;
    let mut taken = Vec::new();
    tokio::pin!(signalled);
    loop {
        tokio::select! {
            () = &mut signalled => return Ok(()),
            stream = listener.accept() => taken.push(stream.context("cannot take a connection")?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_comes_first_waits_for_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.sock");
        let connecting = tokio::spawn({
            let path = path.clone();
            async move { connected(&path).await }
        });
        let listener = UnixListener::bind(&path).unwrap();
        listener.accept().await.unwrap();
        connecting.await.unwrap().unwrap();
    }
}
