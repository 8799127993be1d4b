//! Dumps a container once per key.
//!
//! Holds on success: `archive/` of the key is complete, with its manifest, and the state says so; the container runs, or stands
//! still as asked.
//! Holds on failure: no archive; the container runs. Asked again, the first answer is given again; asked twice at once,
//! the second waits for the first.

mod alone;
pub mod convert;
pub mod kubelet;
mod pod_files;
pub mod rehearsal;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shadow_core::names::Key;
use shadow_core::wire::{CheckpointBackend, CheckpointRequest, Checkpointed, FreezeOrder, Frozen, Problem};
use shadow_telemetry::agent::Metrics;
use tracing::{info, warn};

use crate::archive::{ArchiveError, IMAGES, Manifest};
use crate::cluster::{Cluster, ClusterError, RunningContainer};
use crate::frozen;
use crate::helper::client::HelperError;
use crate::helper::{Failure, HelperClient};
use crate::keys::{KeyState, KeysError, Origin, Slot};
use crate::layout::KeyFolder;
use crate::node::ContainerId;
use crate::node::dump::Dumped;
use alone::Alone;
use kubelet::{Kubelet, KubeletError};

/// A dump is tried so often. Each time the process stands still.
const DUMPS: u32 = 4;
/// And only while all tries together took less: a large one that fails late is not a state that passes.
const TRIES_WITHIN: Duration = Duration::from_secs(3);

/// Why there is no checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The container is not what was asked for.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The runtime's dump failed.
    #[error("the dump failed, and the container goes on: {0}")]
    Dump(#[from] HelperError),
    /// The kubelet's dump failed.
    #[error(transparent)]
    Kubelet(#[from] KubeletError),
    /// What was dumped is no archive.
    #[error("the dump is unusable: {0}")]
    Archive(#[from] ArchiveError),
    /// It was to stand still after its dump.
    #[error("container {0} went on after its dump, so its archive is void")]
    Thawed(ContainerId),
    /// Kubelet lets a container go on after its dump.
    #[error(
        "spec.checkpointBackend: Kubelet lets the process go on after its dump, and a Sequential move needs it to stand still; use \
         Runtime"
    )]
    GoesOn,
    /// Another dump of it is under way.
    #[error(
        "container {0} is being dumped at this moment, for a move or for another plan. Nothing was begun; ask again in a moment"
    )]
    AtWork(ContainerId),
    /// The key is that of a move.
    #[error("restore key {0} is not that of a rehearsal, so nothing was dumped")]
    NoRehearsal(Key),
    /// The agent that made the dump has ended.
    #[error(
        "the agent ended during the dump, so it is not known what it cost. The node's helper lets the process go on. To rehearse once more, make another plan"
    )]
    Unfinished,
    /// An earlier attempt under the same key.
    #[error("{0}")]
    Before(Problem),
    /// The agent's own state.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The agent is being stopped.
    #[error("the agent stops")]
    Stopping,
}

/// Both back-ends.
#[derive(Clone)]
pub struct Checkpointer {
    cluster: Cluster,
    helper: HelperClient,
    kubelet: Kubelet,
    alone: Alone,
    metrics: Arc<Metrics>,
}

impl Checkpointer {
    /// Dumps through this helper or this kubelet.
    pub fn new(cluster: Cluster, helper: HelperClient, kubelet: Kubelet) -> Self {
        Self {
            cluster,
            helper,
            kubelet,
            alone: Alone::default(),
            metrics: Arc::default(),
        }
    }

    /// Dumps are counted here.
    #[must_use]
    pub fn counted(self, metrics: Arc<Metrics>) -> Self {
        Self { metrics, ..self }
    }

    /// Makes the checkpoint of a key, or tells of the one that is there.
    pub async fn checkpoint(
        &self,
        slot: &Slot,
        request: &CheckpointRequest,
    ) -> Result<Checkpointed, CheckpointError> {
        let _one_at_a_time = slot.making.lock().await;
        if let Some(state) = slot.now()
            && let Some(done) = state.checkpointed.clone()
        {
            return self.still_frozen(slot, &state, request).await.map(|()| done);
        }
        let container = self.cluster.container(&request.pod, &request.container).await?;
        // A rehearsal of the same container ends first: two dumps of one process fail each other.
        let _alone = self.alone.wait(&container.id).await;
        slot.update(|state| {
            state.busy = true;
            state.namespace.clone_from(&request.pod.namespace);
            state.stays_frozen = request.stay_frozen_millis.is_some();
            state.origin = Some(Origin {
                pod: request.pod.name.clone(),
                pod_uid: request.pod.uid.clone(),
                container: request.container.clone(),
                container_id: container.id.as_str().to_owned(),
                image: container.image.clone(),
                image_ref: container.image_ref.clone(),
            });
        })?;
        let begun = Instant::now();
        let made = self.make(slot, request, &container).await;
        let bytes = made.as_ref().ok().map(|made| made.bytes);
        self.metrics.dumped(bytes, begun.elapsed());
        slot.update(|state| {
            state.busy = false;
            state.checkpointed = made.as_ref().ok().cloned();
        })?;
        if made.is_err() {
            self.goes_on(slot).await;
            discard(&slot.folder)?;
        }
        made
    }

    /// An archive of a container that went on since is void, where it was to stand still.
    async fn still_frozen(
        &self,
        slot: &Slot,
        state: &KeyState,
        request: &CheckpointRequest,
    ) -> Result<(), CheckpointError> {
        if request.stay_frozen_millis.is_none() {
            return Ok(());
        }
        let id = state.container_id()?;
        match self.helper.freeze(&slot.key, &id, FreezeOrder::Keep).await? {
            Frozen::Held | Frozen::Promised => Ok(()),
            Frozen::Thawed => Err(CheckpointError::Thawed(id)),
        }
    }

    /// A container whose archive did not come about does not stand still for it.
    async fn goes_on(&self, slot: &Slot) {
        let Some(state) = slot.now().filter(|state| state.stays_frozen) else {
            return;
        };
        if let Err(error) = frozen::obey(&self.helper, &slot.key, &state, FreezeOrder::Thaw).await {
            // The helper lets it go on by itself when its time is over.
            warn!(key = %slot.key, %error, "a container could not be thawed at once");
        }
    }

    /// A dump that failed is tried again, unless it hung, the disk is full or the cause lasts: a process may just have been in a state that
    /// passes, such as a connection of its own that was closed and not yet accepted.
    async fn dump(
        &self,
        slot: &Slot,
        container: &RunningContainer,
        stay: Option<Duration>,
    ) -> Result<Dumped, HelperError> {
        let begun = Instant::now();
        let _told = slot.under_way.dumps(&slot.folder);
        for attempt in 1..DUMPS {
            match self.helper.dump(&slot.key, &container.id, stay).await {
                Err(HelperError::Failed(Failure::Other(why))) if begun.elapsed() < TRIES_WITHIN => {
                    warn!(key = %slot.key, attempt, why, "dump failed, tried again");
                }
                dumped => return dumped,
            }
        }
        self.helper.dump(&slot.key, &container.id, stay).await
    }

    async fn make(
        &self,
        slot: &Slot,
        request: &CheckpointRequest,
        container: &RunningContainer,
    ) -> Result<Checkpointed, CheckpointError> {
        let begun = Instant::now();
        let stay = request.stay_frozen_millis.map(Duration::from_millis);
        let Dumped {
            frozen_micros,
            total_micros,
        } = match request.backend {
            CheckpointBackend::Runtime => self.dump(slot, container, stay).await?,
            CheckpointBackend::Kubelet if stay.is_some() => return Err(CheckpointError::GoesOn),
            CheckpointBackend::Kubelet => self.kubelet.dump(slot, request, &container.host_ip).await?,
        };
        let dumped = begun.elapsed().as_micros();
        let folder = slot.folder.clone();
        let manifest = tokio::task::spawn_blocking(move || seal(&folder))
            .await
            .map_err(|_| CheckpointError::Stopping)??;
        let made = Checkpointed {
            digest: manifest.digest(),
            bytes: manifest.bytes(),
            frozen_micros,
            total_micros: total_micros.max(micros(begun)),
        };
        info!(key = %slot.key, pod = request.pod.name, bytes = made.bytes, frozen = frozen_micros, dumped = %dumped,
            total = made.total_micros, backend = ?request.backend, "container dumped");
        Ok(made)
    }
}

fn seal(folder: &KeyFolder) -> Result<Manifest, ArchiveError> {
    let partial = folder.partial();
    pod_files::accept_new(&partial.join(IMAGES))?;
    let manifest = Manifest::of(&partial)?;
    manifest.store(&partial)?;
    settle(&partial, &folder.archive())?;
    Ok(manifest)
}

/// Makes a finished archive visible under its name, in one step.
pub fn settle(partial: &Path, archive: &Path) -> Result<(), ArchiveError> {
    if archive.exists() {
        fs::remove_dir_all(archive).map_err(ArchiveError::at("remove", archive))?;
    }
    fs::rename(partial, archive).map_err(ArchiveError::at("rename", partial))
}

/// Removes what an attempt left behind.
pub fn discard(folder: &KeyFolder) -> Result<(), ArchiveError> {
    let partial = folder.partial();
    match fs::remove_dir_all(&partial) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(ArchiveError::at("remove", &partial)(error)),
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
