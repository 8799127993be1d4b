//! A consumer as a process: its threads, its HTTP side, its size, and how it ends.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;

use crate::consumer::{Ballast, Consumer, Settings};
use crate::{beat, duration, http, neighbour, stop};

/// What a process can be told besides what it consumes.
#[derive(Debug, Args)]
pub struct Process {
    /// Port of `/state`, `/healthz` and `/metrics`.
    #[arg(long, env = "ORDERS_HTTP_PORT", default_value_t = 8080)]
    http_port: u16,
    /// Megabytes of memory to hold besides the state.
    #[arg(long, env = "ORDERS_BALLAST_MB", default_value_t = 0)]
    ballast_mb: usize,
    /// How long to go on answering HTTP after SIGTERM, until nobody sends requests here any more.
    #[arg(long, env = "ORDERS_LAME_DUCK", default_value = "3s", value_parser = duration::parse)]
    lame_duck: Duration,
    /// Files to keep open for reading.
    #[arg(long)]
    keep_open: Vec<PathBuf>,
    /// File that gets a line at every start of the process, and stays open.
    #[arg(long)]
    journal: Option<PathBuf>,
    /// File with a number that goes up every millisecond, in memory and in the file.
    #[arg(long)]
    beat: Option<PathBuf>,
    /// Unix socket of another container to stay connected to.
    #[arg(long)]
    talk_to: Option<PathBuf>,
    /// Unix socket on which to listen for another container; nothing else is done then.
    #[arg(long, conflicts_with = "talk_to")]
    be_talked_to: Option<PathBuf>,
}

fn note_start(path: &Path) -> anyhow::Result<File> {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .with_context(|| format!("--journal: cannot open {}", path.display()))?;
    writeln!(file, "started").with_context(|| format!("--journal: cannot write {}", path.display()))?;
    Ok(file)
}

impl Process {
    /// Consumes until SIGTERM. Few threads: a checkpoint has to stop and carry each of them.
    ///
    /// # Errors
    /// When it cannot start.
    pub fn run(self, settings: Settings) -> anyhow::Result<()> {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(4)
            .thread_keep_alive(Duration::from_secs(1))
            .enable_all()
            .build()
            .context("cannot start the runtime")?
            .block_on(async {
                match &self.be_talked_to {
                    Some(path) => neighbour::listen(path).await,
                    None => self.serve(settings).await,
                }
            })
    }

    async fn serve(self, settings: Settings) -> anyhow::Result<()> {
        let signalled = stop::on_signal().context("cannot listen for SIGTERM")?;
        let ballast = Ballast::megabytes(self.ballast_mb);
        let open = self.keep_open.iter().map(|path| {
            File::open(path).with_context(|| format!("--keep-open: cannot open {}", path.display()))
        });
        let open: Vec<File> = open.collect::<anyhow::Result<_>>()?;
        let journal = self.journal.as_deref().map(note_start).transpose()?;
        if let Some(path) = self.beat.clone() {
            let shown = path.display().to_string();
            beat::start(path).with_context(|| format!("--beat: cannot write {shown}"))?;
        }
        let neighbour = match &self.talk_to {
            Some(path) => Some(neighbour::connected(path).await?),
            None => None,
        };
        let consumer = Consumer::new(settings)?;
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, self.http_port));
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}"))?;
        tracing::info!(%address, ballast_bytes = ballast.bytes(), "serving");

        let (stop_consuming, consuming) = stop::channel();
        let router = http::router(consumer.shared());
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let consumer = tokio::spawn(consumer.run(consuming));

        signalled.await;
        tracing::info!("stopping: no more messages, answering requests a little longer");
        stop_consuming.stop();
        let lame_duck = tokio::time::sleep(self.lame_duck);
        consumer.await.context("the consumer failed")?;
        lame_duck.await;
        server.abort();
        tracing::info!(
            ballast_checksum = ballast.checksum(),
            files = open.iter().chain(&journal).count(),
            neighbour = neighbour.is_some(),
            "stopped"
        );
        Ok(())
    }
}
