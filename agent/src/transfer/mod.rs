//! Brings an archive here: from the agent that made it, or out of an image registry.
//!
//! Holds on success: `archive/` of the key is complete and verified against the digest, and a waiting claim is answered.
//! Holds on failure: nothing is left of the attempt; it may be tried again.

pub mod bridge;
mod error;

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use shadow_core::names;
use shadow_core::wire::{FetchRequest, Problem, PullRequest, Transferred};
use shadow_identity::{Identity, capped, peer_url};
use shadow_telemetry::agent::Metrics;
use tokio::time::timeout;
use tracing::info;

use crate::archive::unpack::{Promise, unpack};
use crate::archive::{ArchiveError, Manifest};
use crate::checkpoint::{discard, settle};
use crate::image::Images;
use crate::keys::Slot;
use crate::keys::state::Fetched;
use bridge::{BodyReader, SILENCE};

/// Bytes of another agent's reason.
const LONGEST_REFUSAL: usize = 16 << 10;

pub use error::TransferError;

/// Fetches archives.
#[derive(Clone)]
pub struct Fetcher {
    node: String,
    identity: Identity,
    images: Images,
    metrics: Arc<Metrics>,
    /// Open connections, by node and address.
    clients: Arc<Mutex<HashMap<(String, SocketAddr), reqwest::Client>>>,
}

impl Fetcher {
    /// For the agent on `node`.
    pub fn new(node: String, identity: Identity, images: Images) -> Self {
        Self {
            node,
            identity,
            images,
            metrics: Arc::default(),
            clients: Arc::default(),
        }
    }

    /// What comes is counted here.
    #[must_use]
    pub fn counted(self, metrics: Arc<Metrics>) -> Self {
        Self { metrics, ..self }
    }

    /// Brings the archive of a key here, or tells of the one that is here.
    pub async fn fetch(&self, slot: &Slot, request: &FetchRequest) -> Result<Transferred, TransferError> {
        let coming = Coming {
            from: &request.node,
            digest: &request.digest,
            bytes: request.bytes,
        };
        // Source and target are this node: the archive made here is the one to restore from, nothing is copied.
        let here = request.node == self.node;
        arrive(slot, coming, here, self.stream(slot, request), &self.metrics).await
    }

    /// The same out of a registry.
    pub async fn pull(&self, slot: &Slot, request: &PullRequest) -> Result<Transferred, TransferError> {
        let registry = request.repository.to_string();
        let coming = Coming {
            from: &registry,
            digest: &request.digest,
            bytes: request.bytes,
        };
        let dumped = slot.now().and_then(|state| state.checkpointed);
        let here = dumped.is_some_and(|dump| dump.digest == request.digest);
        let pulling = async { Ok(self.images.pull(&slot.folder, request).await?) };
        arrive(slot, coming, here, pulling, &self.metrics).await
    }

    async fn stream(&self, slot: &Slot, request: &FetchRequest) -> Result<u64, TransferError> {
        discard(&slot.folder)?;
        let unreachable = |why| TransferError::Unreachable {
            node: request.node.clone(),
            address: request.address.clone(),
            why,
        };
        let address: SocketAddr = request
            .address
            .parse()
            .map_err(|_| TransferError::Unfit(format!("address {:?} is not ip:port", request.address)))?;
        let name = names::agent_identity(&request.node);
        let url = peer_url(&name, address, &format!("/v1/keys/{}/archive", slot.key));
        let asked = self.client(&request.node, address)?.get(url).send();
        let answer = timeout(SILENCE, asked)
            .await
            .map_err(|_| unreachable(format!("no answer within {} s", SILENCE.as_secs())))?
            .map_err(|error| unreachable(causes(&error)))?;
        if !answer.status().is_success() {
            let status = answer.status();
            let refusal = timeout(SILENCE, capped(answer, LONGEST_REFUSAL)).await;
            let problem = refusal
                .ok()
                .and_then(Result::ok)
                .and_then(|body| serde_json::from_slice::<Problem>(&body).ok());
            return Err(TransferError::Refused {
                node: request.node.clone(),
                message: problem.map_or_else(|| status.to_string(), |problem| problem.message),
            });
        }
        let promise = Promise {
            digest: request.digest.clone(),
            bytes: request.bytes,
        };
        let (partial, archive) = (slot.folder.partial(), slot.folder.archive());
        let counter = Arc::new(AtomicU64::new(0));
        let body = BodyReader::new(answer, counter.clone());
        tokio::task::spawn_blocking(move || {
            unpack(body, &partial, &promise).and_then(|_| settle(&partial, &archive))
        })
        .await
        .map_err(|_| TransferError::Stopping)??;
        Ok(counter.load(Ordering::SeqCst))
    }

    fn client(&self, node: &str, address: SocketAddr) -> Result<reqwest::Client, TransferError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let whom = (node.to_owned(), address);
        if let Some(client) = clients.get(&whom) {
            return Ok(client.clone());
        }
        let client = self.identity.http_client(&names::agent_identity(node), address)?;
        clients.insert(whom, client.clone());
        Ok(client)
    }
}

/// An archive that is to come.
struct Coming<'a> {
    from: &'a str,
    digest: &'a str,
    bytes: u64,
}

/// Has the archive brought once; `here` when it was made on this node.
async fn arrive(
    slot: &Slot,
    coming: Coming<'_>,
    here: bool,
    bring: impl Future<Output = Result<u64, TransferError>>,
    metrics: &Metrics,
) -> Result<Transferred, TransferError> {
    let begun = Instant::now();
    let _one_at_a_time = slot.making.lock().await;
    if let Some(done) = slot.now().and_then(|state| state.fetched) {
        if done.digest == coming.digest {
            return Ok(done.transferred);
        }
        return Err(TransferError::Unfit(format!(
            "another archive ({}) is on this node already",
            done.digest
        )));
    }
    let wire_bytes = if here {
        adopt(slot, coming.digest).await?;
        0
    } else {
        slot.update(|state| state.busy = true)?;
        let told = slot.under_way.receives(&slot.folder, coming.bytes);
        let brought = bring.await;
        drop(told);
        metrics.received(brought.as_ref().ok().copied(), begun.elapsed());
        // First: on a full disk it is what takes the room that the state needs.
        if brought.is_err() {
            discard(&slot.folder)?;
        }
        let idle = slot.update(|state| state.busy = false);
        let bytes = brought?;
        idle?;
        bytes
    };
    let transferred = Transferred {
        wire_bytes,
        total_micros: micros(begun),
    };
    let fetched = Fetched {
        digest: coming.digest.to_owned(),
        transferred: transferred.clone(),
    };
    slot.update(|state| state.fetched = Some(fetched))?;
    info!(key = %slot.key, from = coming.from, bytes = coming.bytes, wire_bytes,
        micros = transferred.total_micros, "archive is here");
    Ok(transferred)
}

/// Verifies the archive that was made here.
async fn adopt(slot: &Slot, wanted: &str) -> Result<(), TransferError> {
    let archive = slot.folder.archive();
    let present = tokio::task::spawn_blocking(move || Manifest::of(&archive)).await;
    let digest = present.map_err(|_| TransferError::Stopping)??.digest();
    if digest == wanted {
        Ok(())
    } else {
        Err(ArchiveError::Mismatch(format!("the digest is {digest}, and {wanted} was expected")).into())
    }
}

/// An HTTP error alone says only that something was wrong.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
