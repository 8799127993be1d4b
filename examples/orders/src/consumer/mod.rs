//! The process that is migrated.
//!
//! Guarantees: a message is acknowledged only after it was applied; nothing of a connection that is
//! over is applied; a control message takes effect only when everything delivered before it is
//! applied and acknowledged, or returned; after a restore the process reads the queue it was told to, never
//! another one first.

mod control;
mod hearing;
mod identity;
mod plain;
mod polling;
mod requests;
mod session;
mod settings;
mod shared;
mod turning;
mod watchdog;
mod work;

use std::sync::Arc;
use std::time::{Duration, Instant};

use lapin::uri::AMQPUri;
use thiserror::Error;

use crate::link::{LinkError, parse_uri};
use crate::stop::Stop;
use crate::wall_clock::now_ms;
pub use control::{Assignment, ControlMessage, ReplayPayload};
use identity::PodName;
pub use identity::{Identity, IdentityError};
pub use plain::PlainSettings;
use session::{Ending, Session};
pub use settings::{Held, Settings, WorkKind};
pub use shared::{Brief, Report, Shared, Standing};
pub use watchdog::{Loss, Watchdog};
pub use work::Ballast;

/// Between two attempts to connect.
const RETRY: Duration = Duration::from_millis(50);

/// The consumer cannot start.
#[derive(Debug, Error)]
pub enum ConsumerError {
    /// The pod's name cannot be told.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The broker's address is wrong.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// What survives a connection, and travels with a checkpoint.
#[derive(Debug)]
pub(crate) struct Memory {
    identity: Identity,
    assignment: Assignment,
    /// The primary queue is bound once in the life of the process: bound again at a reconnect, it
    /// would undo what somebody changed on purpose in between.
    bound: bool,
}

impl Memory {
    fn queue(&self) -> &str {
        self.assignment.queue(&self.identity.primary_queue)
    }
}

/// A consumer, ready to run.
pub struct Consumer {
    settings: Settings,
    uri: AMQPUri,
    memory: Memory,
    shared: Arc<Shared>,
}

impl Consumer {
    /// Takes its first identity from the pod it starts in.
    ///
    /// # Errors
    /// When the pod's name cannot be read or the broker's address is wrong.
    pub fn new(settings: Settings) -> Result<Self, ConsumerError> {
        let uri = parse_uri(&settings.amqp_uri, settings.heartbeat)?;
        let pod = PodName::of(&settings).read()?;
        let identity = Identity::first(&settings, &pod);
        let shared = Arc::new(Shared::default());
        *shared.standing() = Standing {
            pod,
            primary_queue: identity.primary_queue.clone(),
            started_at_ms: now_ms(),
            ..Standing::default()
        };
        let memory = Memory {
            identity,
            assignment: Assignment::default(),
            bound: false,
        };
        Ok(Self {
            settings,
            uri,
            memory,
            shared,
        })
    }

    /// What it shows to others.
    #[must_use]
    pub fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Consumes until told to stop, over as many connections as it takes. On stop it finishes and
    /// acknowledges what it holds and closes the connection.
    pub async fn run(mut self, mut stop: Stop) {
        let mut lost_at = Instant::now();
        loop {
            let opened = tokio::select! {
                () = stop.stopped() => return,
                opened = Session::open(&self.settings, &self.uri, &mut self.memory, &self.shared) => opened,
            };
            let ending = match opened {
                Ok(session) => {
                    note_connected(&self.shared, lost_at.elapsed());
                    let ending = session.serve(&mut stop).await;
                    lost_at = Instant::now();
                    ending
                }
                Err(error) => {
                    tracing::warn!(%error, "broker is not reachable");
                    self.shared.standing().last_loss = Some(error.to_string());
                    self.rest(RETRY, &mut stop).await;
                    continue;
                }
            };
            self.shared.standing().queue = None;
            match ending {
                Ending::Stopped => return,
                Ending::Turned => tracing::info!(queue = self.memory.queue(), "reading this queue next"),
                Ending::Lost(loss) => {
                    tracing::warn!(%loss, "connection is over");
                    self.shared.standing().last_loss = Some(loss.to_string());
                }
            }
            self.rest(Duration::ZERO, &mut stop).await;
        }
    }

    /// Sleeps between two connections, as long as it was told to and no shorter than `least`.
    async fn rest(&self, least: Duration, stop: &mut Stop) {
        let sleep = self.settings.reconnect_sleep.max(least);
        if sleep.is_zero() {
            // Not even a turn of the timer: the stream stands still.
            return;
        }
        tokio::select! {
            () = stop.stopped() => {}
            () = tokio::time::sleep(sleep) => {}
        }
    }
}

fn note_connected(shared: &Shared, took: Duration) {
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let mut standing = shared.standing();
    standing.last_reconnect_ms = (standing.generation > 1).then_some(took_ms);
    let Standing {
        pod,
        queue,
        generation,
        ..
    } = &*standing;
    tracing::info!(pod, queue, generation, took_ms, "consuming");
}
