//! Serves the claim socket.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use shadow_telemetry::agent::Metrics;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream, unix::OwnedReadHalf};
use tracing::{info, warn};

use super::admission::{self, Admission};
use super::messages::VERSION;
use super::{Answer, Ask, ClaimRequest, RestoreOutcome};
use crate::cluster::Cluster;
use crate::keys::{Keys, Slot};

/// A claim waits at most this long: kubelet gives up a container creation after two minutes and asks again.
const WAIT: Duration = Duration::from_secs(90);
/// Kubelet's retry would come within seconds; neither migration nor pod is asked for more often than this.
const ASK_EVERY: Duration = Duration::from_secs(2);
const MAX_LINE: u64 = 64 * 1024;

/// Answers claims.
#[derive(Clone)]
pub struct ClaimServer {
    keys: Keys,
    cluster: Cluster,
    connections: Arc<AtomicU64>,
    metrics: Arc<Metrics>,
}

type Lines = BufReader<tokio::io::Take<OwnedReadHalf>>;

impl ClaimServer {
    /// Answers from these keys and this cluster.
    pub fn new(keys: Keys, cluster: Cluster) -> Self {
        Self {
            keys,
            cluster,
            connections: Arc::default(),
            metrics: Arc::default(),
        }
    }

    /// Restores are counted here.
    #[must_use]
    pub fn counted(self, metrics: Arc<Metrics>) -> Self {
        Self { metrics, ..self }
    }

    /// Binds the socket and serves until the task is dropped.
    pub async fn serve(self, socket: &Path) -> io::Result<()> {
        match fs::remove_file(socket) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let listener = UnixListener::bind(socket)?;
        fs::set_permissions(socket, fs::Permissions::from_mode(0o600))?;
        info!(socket = %socket.display(), "answering claims");
        loop {
            let (stream, _) = listener.accept().await?;
            let server = self.clone();
            tokio::spawn(async move {
                if let Err(error) = server.converse(stream).await {
                    warn!(%error, "conversation with the runtime broke off");
                }
            });
        }
    }

    async fn converse(&self, stream: UnixStream) -> io::Result<()> {
        if stream.peer_cred()?.uid() != 0 {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let connection = self.connections.fetch_add(1, Ordering::SeqCst);
        let (read, mut write) = stream.into_split();
        let mut lines: Lines = BufReader::new(read.take(MAX_LINE));
        let mut claimed: Option<Arc<Slot>> = None;
        let ended = loop {
            let mut line = String::new();
            match lines.read_line(&mut line).await {
                Ok(0) => break Ok(()),
                Ok(_) => {}
                Err(error) => break Err(error),
            }
            let answer = match serde_json::from_str(&line) {
                Ok(Ask::Claim(ask)) => {
                    let slot = self.keys.slot(&ask.key);
                    claimed = Some(slot.clone());
                    match self.claim(&ask, &slot, connection, &mut lines).await {
                        Some(answer) => answer,
                        None => break Ok(()),
                    }
                }
                Ok(Ask::Outcome(outcome)) => self.outcome(&outcome),
                Err(error) => refused(format!("the message cannot be read: {error}")),
            };
            let mut text = serde_json::to_vec(&answer)?;
            text.push(b'\n');
            if let Err(error) = write.write_all(&text).await {
                break Err(error);
            }
        };
        if let Some(slot) = claimed.filter(|slot| slot.now().is_some()) {
            slot.update(|state| admission::hang_up(state, connection))
                .map_err(io::Error::other)?;
        }
        ended
    }

    /// `None`: the container's creation was given up.
    async fn claim(
        &self,
        ask: &ClaimRequest,
        slot: &Slot,
        connection: u64,
        lines: &mut Lines,
    ) -> Option<Answer> {
        let begun = Instant::now();
        let mut given_up = String::new();
        let answer = tokio::select! {
            answer = self.decide(ask, slot, connection) => Some(answer),
            () = tokio::time::sleep(WAIT) => Some(refused(format!(
                "the archive of migration {} did not arrive within {WAIT:?}; kubelet asks again", ask.migration
            ))),
            // shadow-runc says nothing while it waits: what comes is the end of the connection.
            _ = lines.read_line(&mut given_up) => None,
        };
        let micros = begun.elapsed().as_micros();
        info!(key = %ask.key, pod = ask.pod, container = ask.container_id, ?answer, micros, "claim answered");
        answer
    }

    async fn decide(&self, ask: &ClaimRequest, slot: &Slot, connection: u64) -> Answer {
        if ask.version != VERSION {
            return refused(format!(
                "shadow-runc speaks version {}, the agent {VERSION}",
                ask.version
            ));
        }
        if self.keys.is_over(&ask.key) {
            return Answer::Fresh {
                why: "its migration is over".to_owned(),
            };
        }
        let mut changes = slot.watch();
        let mut waited = false;
        loop {
            changes.mark_unchanged();
            let admission = if slot.now().is_some() {
                match slot.update(|state| admission::admit(state, ask, connection)) {
                    Ok(admission) => admission,
                    Err(error) => {
                        return refused(format!(
                            "the agent cannot write its state to the node's disk: {error}"
                        ));
                    }
                }
            } else {
                Admission::AskMigration
            };
            let known = slot.now().and_then(|state| state.announcement).is_some();
            match admission {
                Admission::Restore => {
                    return Answer::Restore {
                        dir: slot.folder.archive(),
                    };
                }
                Admission::Refuse(why) => return refused(why),
                Admission::AskMigration => match self.cluster.is_over(&ask.namespace, &ask.key).await {
                    Ok(true) => return self.fresh(ask).await,
                    Ok(false) if known => {
                        let migration = &ask.migration;
                        return refused(format!(
                            "restored before and migration {migration} is not over yet"
                        ));
                    }
                    // The announcement may be on its way.
                    Ok(false) => {}
                    Err(error) => return refused(error.to_string()),
                },
                Admission::Wait => {}
            }
            // Kubelet ends no pod while it creates a container in it, and its successor would wait as long.
            if waited && self.is_deleted(ask).await {
                return refused(format!("pod {} is being deleted", ask.pod));
            }
            match tokio::time::timeout(ASK_EVERY, changes.changed()).await {
                Ok(Err(_)) => return refused("the agent does not know this restore key any more".to_owned()),
                Ok(Ok(())) => {}
                Err(_) => waited = true,
            }
        }
    }

    /// Known to be deleted; what cannot be asked is waited for.
    async fn is_deleted(&self, ask: &ClaimRequest) -> bool {
        match self.cluster.is_kept(&ask.namespace, &ask.pod, &ask.pod_uid).await {
            Ok(kept) => !kept,
            Err(error) => {
                warn!(pod = ask.pod, %error, "not known whether a pod that waits for its archive is being deleted");
                false
            }
        }
    }

    /// The migration is over. A copy that is not wanted any more, and waited here while the agent was away, must not
    /// consume anything before kubelet ends it.
    async fn fresh(&self, ask: &ClaimRequest) -> Answer {
        match self.cluster.is_kept(&ask.namespace, &ask.pod, &ask.pod_uid).await {
            Ok(true) => Answer::Fresh {
                why: format!("migration {} is over", ask.migration),
            },
            Ok(false) => refused(format!(
                "migration {} is over, and pod {} is being deleted",
                ask.migration, ask.pod
            )),
            Err(error) => refused(error.to_string()),
        }
    }

    fn outcome(&self, outcome: &RestoreOutcome) -> Answer {
        let slot = self.keys.slot(&outcome.key);
        info!(?outcome, "restore ended");
        if slot.now().is_none() {
            return refused(format!("restore key {} is not known here", outcome.key));
        }
        match slot.update(|state| admission::conclude(state, outcome)) {
            Ok(Ok(())) => {
                self.metrics
                    .restored(outcome.ok.then(|| Duration::from_micros(outcome.micros)));
                Answer::Recorded
            }
            Ok(Err(why)) => refused(why),
            Err(error) => refused(format!(
                "the agent cannot write its state to the node's disk: {error}"
            )),
        }
    }
}

fn refused(why: String) -> Answer {
    Answer::Refused { why }
}
