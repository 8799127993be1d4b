//! Notices the end of a connection generation: within 20 ms after a restore, at once otherwise.

use std::net::TcpStream;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use lapin::{ConnectionStatus, Event};
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::identity::PodName;
use crate::link::Link;

/// How often the pod's name and the socket are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Why a connection generation is over. Nothing delivered in it may be applied any more.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Loss {
    /// The process woke up in another pod.
    #[error("the pod's name changed from {from} to {to}")]
    Moved {
        /// The name at connect.
        from: String,
        /// The name now.
        to: String,
    },
    /// The socket has no peer any more.
    #[error("the broker's socket is closed")]
    SocketClosed,
    /// The client library reported the end.
    #[error("the broker connection failed: {0}")]
    Broken(String),
    /// A consumer was ended by the broker.
    #[error("the broker ended the consumer of {queue}")]
    ConsumerEnded {
        /// The queue it read.
        queue: String,
    },
    /// The broker does not answer.
    #[error("the broker did not answer {request} in time")]
    Silent {
        /// What was asked.
        request: &'static str,
    },
}

/// Watches one link.
pub struct Watchdog {
    loss: watch::Receiver<Option<Loss>>,
    task: JoinHandle<()>,
}

impl Watchdog {
    /// Watches `link`, opened in the pod called `pod`.
    #[must_use]
    pub(super) fn watch(link: &Link, pod: String, pod_name: PodName) -> Self {
        let (report, loss) = watch::channel(None);
        let events = link.connection().events_listener();
        let signs = Signs {
            status: link.connection().status().clone(),
            socket: link.socket(),
            pod,
            pod_name,
        };
        let task = tokio::spawn(async move {
            report.send_replace(Some(signs.first_loss(events).await));
        });
        Self { loss, task }
    }

    /// Waits for the end of the generation.
    pub async fn lost(&self) -> Loss {
        let mut loss = self.loss.clone();
        match loss.wait_for(Option::is_some).await.map(|loss| loss.clone()) {
            Ok(Some(loss)) => loss,
            Ok(None) | Err(_) => Loss::Broken("its watchdog ended".to_owned()),
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a connection is known by.
struct Signs {
    status: ConnectionStatus,
    socket: Arc<TcpStream>,
    pod: String,
    pod_name: PodName,
}

impl Signs {
    /// Looks every 20 ms, and whenever the client library has something to say.
    async fn first_loss(&self, events: impl Stream<Item = Event>) -> Loss {
        let mut events = pin!(events.fuse());
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(event) = events.next() => tracing::debug!(?event, "broker connection event"),
                _ = look.tick() => {}
            }
            if let Some(loss) = self.loss() {
                return loss;
            }
        }
    }

    fn loss(&self) -> Option<Loss> {
        if self.socket.peer_addr().is_err() {
            return Some(Loss::SocketClosed);
        }
        if !self.status.connected() {
            return Some(Loss::Broken("the client library has given it up".to_owned()));
        }
        match self.pod_name.read() {
            Ok(name) if name != self.pod => Some(Loss::Moved {
                from: self.pod.clone(),
                to: name,
            }),
            Ok(_) => None,
            // Seen for a moment while the file is replaced; the next look tells.
            Err(error) => {
                tracing::debug!(%error, "pod name is not readable");
                None
            }
        }
    }
}
