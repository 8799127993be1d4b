//! Pulls an archive from the agent that made it.
//!
//! Holds on success: `archive/` of the key is complete and verified against the digest, and a waiting claim is answered.
//! Holds on failure: nothing is left of the attempt; it may be tried again.

pub mod bridge;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use shadow_core::names;
use shadow_core::wire::{FetchRequest, Problem, Transferred};
use shadow_identity::{Identity, IdentityError, peer_url};
use tracing::info;

use crate::archive::unpack::{Promise, unpack};
use crate::archive::{ArchiveError, Manifest};
use crate::checkpoint::{discard, settle};
use crate::keys::state::Fetched;
use crate::keys::{KeysError, Slot};
use bridge::BodyReader;

/// Why the archive is not here.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The request makes no sense.
    #[error("{0}")]
    Unfit(String),
    /// No connection, or one that broke.
    #[error("agent of node {node} at {address} cannot be reached: {why}")]
    Unreachable {
        /// Whose agent.
        node: String,
        /// Where.
        address: String,
        /// The causes, outermost first.
        why: String,
    },
    /// The other agent said no.
    #[error("agent of node {node} refused: {message}")]
    Refused {
        /// Whose agent.
        node: String,
        /// Its words.
        message: String,
    },
    /// What came is not what was promised.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// No certificate.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The agent's own state.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The agent is being stopped.
    #[error("the agent stops")]
    Stopping,
}

/// Fetches archives.
#[derive(Clone)]
pub struct Fetcher {
    node: String,
    identity: Identity,
    /// Open connections, by node and address.
    clients: Arc<Mutex<HashMap<(String, SocketAddr), reqwest::Client>>>,
}

impl Fetcher {
    /// For the agent on `node`.
    pub fn new(node: String, identity: Identity) -> Self {
        Self {
            node,
            identity,
            clients: Arc::default(),
        }
    }

    /// Brings the archive of a key here, or tells of the one that is here.
    pub async fn fetch(&self, slot: &Slot, request: &FetchRequest) -> Result<Transferred, TransferError> {
        let begun = Instant::now();
        let _one_at_a_time = slot.making.lock().await;
        if let Some(done) = slot.now().and_then(|state| state.fetched) {
            if done.digest == request.digest {
                return Ok(done.transferred);
            }
            return Err(TransferError::Unfit(format!(
                "another archive ({}) is here already",
                done.digest
            )));
        }
        let wire_bytes = if request.node == self.node {
            self.adopt(slot, request).await?;
            0
        } else {
            slot.update(|state| state.busy = true)?;
            let pulled = self.pull(slot, request).await;
            slot.update(|state| state.busy = false)?;
            match pulled {
                Ok(wire_bytes) => wire_bytes,
                Err(error) => {
                    discard(&slot.folder)?;
                    return Err(error);
                }
            }
        };
        let transferred = Transferred {
            wire_bytes,
            total_micros: micros(begun),
        };
        let fetched = Fetched {
            digest: request.digest.clone(),
            transferred: transferred.clone(),
        };
        slot.update(|state| state.fetched = Some(fetched))?;
        info!(key = %slot.key, from = request.node, bytes = request.bytes, wire_bytes,
            micros = transferred.total_micros, "archive is here");
        Ok(transferred)
    }

    /// Source and target are this node: the archive made here is the one to restore from, nothing is copied.
    async fn adopt(&self, slot: &Slot, request: &FetchRequest) -> Result<(), TransferError> {
        let archive = slot.folder.archive();
        let present = tokio::task::spawn_blocking(move || Manifest::of(&archive)).await;
        let digest = present.map_err(|_| TransferError::Stopping)??.digest();
        if digest == request.digest {
            Ok(())
        } else {
            let wanted = &request.digest;
            Err(ArchiveError::Mismatch(format!("digest is {digest}, promised was {wanted}")).into())
        }
    }

    async fn pull(&self, slot: &Slot, request: &FetchRequest) -> Result<u64, TransferError> {
        discard(&slot.folder)?;
        let unreachable = |error| TransferError::Unreachable {
            node: request.node.clone(),
            address: request.address.clone(),
            why: causes(&error),
        };
        let address: SocketAddr = request
            .address
            .parse()
            .map_err(|_| TransferError::Unfit(format!("address {:?} is no ip:port", request.address)))?;
        let name = names::agent_identity(&request.node);
        let url = peer_url(&name, address, &format!("/v1/keys/{}/archive", slot.key));
        let answer = self
            .client(&request.node, address)?
            .get(url)
            .send()
            .await
            .map_err(unreachable)?;
        if !answer.status().is_success() {
            let status = answer.status();
            let message = match answer.json::<Problem>().await {
                Ok(problem) => problem.message,
                Err(_) => status.to_string(),
            };
            return Err(TransferError::Refused {
                node: request.node.clone(),
                message,
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

/// An HTTP error alone says only that something was wrong.
pub(crate) fn causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
