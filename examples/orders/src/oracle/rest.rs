//! When a run is at rest: both queues empty, and neither consumer applies anything any more.

use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use thiserror::Error;
use tokio::time::Instant;

use super::{Control, PodClient};
use crate::link::{Link, LinkError, parse_uri};

/// Nothing may happen for this long: more than a restart of a consumer's reading takes.
const QUIET: Duration = Duration::from_secs(1);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// The queues cannot be looked at.
#[derive(Debug, Error)]
pub enum RestError {
    /// No connection.
    #[error("cannot see whether the queues are empty: {0}")]
    Link(#[from] LinkError),
}

/// What to watch.
pub(super) struct Rest<'a> {
    pub(super) amqp_uri: &'a str,
    pub(super) queue: &'a str,
    pub(super) patience: Duration,
}

/// What must stand still, and the messages that are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    pod: Option<u64>,
    control: u64,
    left: u32,
}

impl Rest<'_> {
    /// Waits for rest. Says whether it came, and how many messages are left in the pod's queue; gives up
    /// when nothing has changed for as long as the patience lasts.
    pub(super) async fn wait(&self, pod: &PodClient, control: &Control) -> Result<(bool, u32), RestError> {
        let uri = parse_uri(self.amqp_uri, 5)?;
        let deadline = Instant::now() + self.patience;
        loop {
            match self.watch_over(&uri, pod, control).await {
                Ok(seen) => return Ok(seen),
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(error) => tracing::warn!(%error, "looking again"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn watch_over(
        &self,
        uri: &AMQPUri,
        pod: &PodClient,
        control: &Control,
    ) -> Result<(bool, u32), RestError> {
        let link = Link::open(uri, "orders-oracle").await?;
        let seen = self.watch(&link, pod, control).await;
        link.close().await;
        seen
    }

    async fn watch(&self, link: &Link, pod: &PodClient, control: &Control) -> Result<(bool, u32), RestError> {
        let mut last: Option<(Seen, Instant)> = None;
        loop {
            let left = ready(link, self.queue).await?;
            let control_left = ready(link, control.queue()).await?;
            let applied = pod.brief().await.map(|brief| brief.applied).ok();
            let seen = Seen {
                pod: applied,
                control: control.applied(),
                left,
            };
            let since = match last {
                Some((before, since)) if before == seen => since,
                Some(_) | None => Instant::now(),
            };
            last = Some((seen, since));
            if left + control_left == 0 && applied.is_some() && since.elapsed() >= QUIET {
                return Ok((true, 0));
            }
            if since.elapsed() >= self.patience {
                return Ok((false, left));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Messages ready in a queue. Asked passively: a queue that is gone is an error, not created.
async fn ready(link: &Link, queue: &str) -> Result<u32, LinkError> {
    let channel = link.channel(0).await?;
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let queue = channel
        .queue_declare(queue.into(), options, FieldTable::default())
        .await?;
    Ok(queue.message_count())
}
