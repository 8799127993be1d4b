//! The archive as an OCI image: pushed by the source's agent, pulled by the target's, deleted when it is used up.
//!
//! The first layer is the archive under the names that container runtimes know from kubelet's checkpoints, the second
//! holds what only they read. Our agents restore from the first layer alone, and believe nothing of it: it goes through
//! the same unpacker as a stream from another agent, against the digest that the controller handed over.
//!
//! Holds on success of a push: the image is in the registry, complete, under the key's tag; the state says so. Holds on
//! failure: no tag; blobs without one are the registry's to collect. Memory stays constant however large the archive.

pub mod digest;
mod layer;
mod manifest;
pub mod registry;
mod runtime;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use shadow_core::names;
use shadow_core::wire::{DiscardRequest, Discarded, PullRequest, PushRequest, Pushed};
use tracing::info;

use crate::archive::ArchiveError;
use crate::archive::unpack::Promise;
use crate::keys::{KeysError, Slot};
use crate::layout::KeyFolder;
use digest::Digest;
use manifest::ImageManifest;
use registry::{Policy, Registry, RegistryError, Scope, retry};

/// Why an image could not be pushed, pulled or deleted.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The request makes no sense here.
    #[error("{0}")]
    Unfit(String),
    /// There is no dump under this key.
    #[error("restore key {0} has no dump on this node")]
    Unknown(names::Key),
    /// The registry, or the way there.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The archive on this node, or the one that came.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The agent's own state.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The agent is being stopped.
    #[error("the agent stops")]
    Stopping,
}

impl ImageError {
    /// Whether the same may work at once, without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Registry(error) => error.is_transient(),
            Self::Unfit(_) | Self::Unknown(_) | Self::Archive(_) | Self::Keys(_) | Self::Stopping => false,
        }
    }
}

/// Checkpoint images in registries.
#[derive(Clone, Debug)]
pub struct Images {
    policy: Policy,
}

impl Images {
    /// Talks to the registries that the operator of this node allows.
    pub fn new(policy: Policy) -> Self {
        Self { policy }
    }

    /// Pushes the dump of a key, or tells of the image that was made of it.
    pub async fn push(&self, slot: &Slot, request: &PushRequest) -> Result<Pushed, ImageError> {
        let begun = Instant::now();
        let _one_at_a_time = slot.making.lock().await;
        let state = slot.now().unwrap_or_default();
        let Some(dump) = &state.checkpointed else {
            return Err(ImageError::Unknown(slot.key.clone()));
        };
        let (done, all) = (Arc::<AtomicU64>::default(), dump.bytes);
        let repository = request.repository.to_string();
        if let Some((where_to, pushed)) = state.pushed {
            if where_to == repository {
                return Ok(pushed);
            }
            return Err(ImageError::Unfit(format!(
                "the archive was pushed to {where_to} already, not to {repository}"
            )));
        }
        let tag = names::checkpoint_tag(&state.namespace, &slot.key);
        let origin = state.origin.unwrap_or_default();
        let registry = Registry::open(&self.policy, &request.repository, &request.access, Scope::Push)?;
        let about = runtime::About::of(&slot.folder, state.namespace, origin)?;
        let _told = slot.under_way.sends(Arc::clone(&done), all);
        let (image, bytes) = retry::bounded(
            || {
                done.store(0, Ordering::Relaxed);
                self.push_once(&registry, &slot.folder, &about, (&tag, &done))
            },
            ImageError::is_transient,
        )
        .await?;
        let pushed = Pushed {
            reference: format!("{repository}:{tag}"),
            image: image.to_string(),
            bytes,
            total_micros: micros(begun),
        };
        slot.update(|state| state.pushed = Some((repository, pushed.clone())))?;
        info!(key = %slot.key, reference = pushed.reference, image = pushed.image, bytes, micros = pushed.total_micros,
            "archive pushed");
        Ok(pushed)
    }

    async fn push_once(
        &self,
        registry: &Registry,
        folder: &KeyFolder,
        about: &runtime::About,
        (tag, done): (&str, &Arc<AtomicU64>),
    ) -> Result<(Digest, u64), ImageError> {
        let archive = registry.push_layer(folder.archive(), Arc::clone(done)).await?;
        let notes = about.layer()?;
        registry.push_blob(&notes.content).await?;
        let config = runtime::config([archive.diff_id, notes.diff_id])?;
        registry.push_blob(&config).await?;
        let sent = archive.descriptor.size() + (config.len() + notes.content.len()) as u64;
        let layers = vec![archive.descriptor, notes.descriptor()?];
        let json = ImageManifest::new(&config, layers, about.annotations())?.to_json()?;
        let image = registry.push_manifest(tag, &json).await?;
        Ok((image, sent + json.len() as u64))
    }

    /// Pulls an image into `archive/` of the key, verified; the bytes that came.
    pub(crate) async fn pull(&self, folder: &KeyFolder, request: &PullRequest) -> Result<u64, ImageError> {
        let image = Digest::parse(&request.image).ok_or_else(|| {
            ImageError::Unfit(format!(
                "{:?} is not a digest: sha256: with 64 hex digits",
                request.image
            ))
        })?;
        let registry = Registry::open(&self.policy, &request.repository, &request.access, Scope::Pull)?;
        let promise = Promise {
            digest: request.digest.clone(),
            bytes: request.bytes,
        };
        let counter = Arc::new(AtomicU64::new(0));
        retry::bounded(
            || Self::pull_once(&registry, folder, &image, &promise, &counter),
            ImageError::is_transient,
        )
        .await?;
        Ok(counter.load(Ordering::SeqCst))
    }

    async fn pull_once(
        registry: &Registry,
        folder: &KeyFolder,
        image: &Digest,
        promise: &Promise,
        counter: &Arc<AtomicU64>,
    ) -> Result<(), ImageError> {
        crate::checkpoint::discard(folder)?;
        let json = registry.manifest(&image.to_string()).await?;
        if Digest::of(&json) != *image {
            return Err(RegistryError::Wrong(format!("the manifest that arrived is not {image}")).into());
        }
        let manifest = ImageManifest::parse(&json).map_err(RegistryError::Wrong)?;
        let descriptor = manifest.archive(promise).map_err(RegistryError::Wrong)?;
        let body = registry.blob(&descriptor).await?;
        layer::receive(body, &descriptor, promise, folder, counter).await
    }

    /// Deletes the image of a key, which need not be known here. A registry that does not let us is an answer, not an
    /// error. Where the image comes from, a push that is under way is finished first.
    pub async fn discard(&self, slot: &Slot, request: &DiscardRequest) -> Result<Discarded, ImageError> {
        let _one_at_a_time = slot.making.lock().await;
        let tag = names::checkpoint_tag(&request.namespace, &slot.key);
        let registry = Registry::open(&self.policy, &request.repository, &request.access, Scope::Delete)?;
        let outcome = retry::bounded(|| registry.delete(&tag), RegistryError::is_transient).await?;
        if slot.now().is_some_and(|state| state.pushed.is_some()) {
            slot.update(|state| state.pushed = None)?;
        }
        info!(key = %slot.key, repository = %request.repository, tag, ?outcome, "image discarded");
        Ok(outcome)
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
