//! One function per route.

use std::future::Future;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use shadow_core::names::{self, Key};
use shadow_core::reason::Reason;
use shadow_core::wire::{
    Abort, Announcement, CheckpointRequest, Checkpointed, DiscardRequest, Discarded, Ending, FetchRequest,
    FreezeRequest, Frozen, KeyReport, KillRequest, NodeFacts, Preflight, PreflightRequest, PullRequest,
    PushRequest, Pushed, RehearseRequest, Rehearsed, Transferred,
};
use shadow_identity::PeerNames;
use tracing::{info, warn};

use super::problem::Refusal;
use super::{Agent, Archives};
use crate::archive::{ArchiveError, pack};
use crate::keys::state::ClaimRecord;
use crate::keys::{Keys, KeysError, Slot};
use crate::node::ContainerId;
use crate::node::room;
use crate::transfer::bridge::written_body;

type Answer<T> = Result<Json<T>, Refusal>;

/// `GET /v1/node`.
pub(super) async fn node(State(agent): State<Agent>) -> Answer<NodeFacts> {
    Ok(Json(agent.helper.inspect().await?))
}

/// `GET /v1/room`.
pub(super) async fn room(State(agent): State<Agent>) -> Answer<u64> {
    let room = room::for_archives(&agent.keys.layout().keys()).map_err(Refusal::internal)?;
    Ok(Json(room))
}

/// `POST /v1/preflight`.
pub(super) async fn preflight(
    State(agent): State<Agent>,
    Json(request): Json<PreflightRequest>,
) -> Answer<Preflight> {
    let container = agent.cluster.container(&request.pod, &request.container).await?;
    Ok(Json(agent.helper.preflight(&container.id, request.layer).await?))
}

/// `PUT /v1/keys/{key}`. Announced again after its restore failed, the key may be claimed once more.
pub(super) async fn announce(
    State(agent): State<Agent>,
    Path(key): Path<Key>,
    Json(announcement): Json<Announcement>,
) -> Answer<KeyReport> {
    let slot = agent.keys.slot(&key);
    let differs = slot.update(|state| match &state.announcement {
        Some(present) if *present != announcement => Some(present.clone()),
        Some(_) => {
            if let ClaimRecord::Failed { .. } = state.claim {
                state.claim = ClaimRecord::Free;
            }
            None
        }
        None => {
            state.namespace.clone_from(&announcement.namespace);
            state.announcement = Some(announcement.clone());
            None
        }
    })?;
    if let Some(present) = differs {
        let message = format!("restore key {key} is announced for another pod: {present:?}");
        return Err(Refusal::unfit(Reason::AnnouncedOtherwise, message));
    }
    info!(%key, pod = announcement.pod, container = announcement.container, "restore announced");
    Ok(Json(slot.now().unwrap_or_default().report()))
}

/// `GET /v1/keys/{key}`.
pub(super) async fn report(State(agent): State<Agent>, Path(key): Path<Key>) -> Answer<KeyReport> {
    let slot = agent.keys.look_up(&key);
    let Some(state) = slot.now() else {
        return Err(Refusal::unknown(key.as_str()));
    };
    let work = slot.under_way.told().await;
    Ok(Json(KeyReport {
        work,
        ..state.report()
    }))
}

/// The key of a dump, known from now on. Its namespace is known with it: a key without one died before it was written, and is swept
/// at any moment, while its container is being looked up, too.
fn ordered(keys: &Keys, key: &Key, request: &CheckpointRequest) -> Result<Arc<Slot>, KeysError> {
    let slot = keys.slot(key);
    slot.update(|state| {
        state.target.clone_from(&request.target);
        state.namespace.clone_from(&request.pod.namespace);
    })?;
    Ok(slot)
}

/// `POST /v1/keys/{key}/checkpoint`.
pub(super) async fn checkpoint(
    State(agent): State<Agent>,
    Path(key): Path<Key>,
    Json(request): Json<CheckpointRequest>,
) -> Answer<Checkpointed> {
    let slot = ordered(&agent.keys, &key, &request)?;
    finished(async move { Ok(Json(agent.checkpointer.checkpoint(&slot, &request).await?)) }).await
}

/// `POST /v1/keys/{key}/rehearse`.
pub(super) async fn rehearse(
    State(agent): State<Agent>,
    Path(key): Path<Key>,
    Json(request): Json<RehearseRequest>,
) -> Answer<Rehearsed> {
    let slot = agent.keys.slot(&key);
    finished(async move {
        Ok(Json(
            agent.checkpointer.rehearse(&agent.keys, &slot, &request).await?,
        ))
    })
    .await
}

/// `POST /v1/keys/{key}/fetch`.
pub(super) async fn fetch(
    State(agent): State<Agent>,
    Path(key): Path<Key>,
    Json(request): Json<FetchRequest>,
) -> Answer<Transferred> {
    let slot = announced(&agent, &key)?;
    finished(async move { Ok(Json(agent.fetcher.fetch(&slot, &request).await?)) }).await
}

/// `POST /v1/keys/{key}/push`.
pub(super) async fn push(
    State(agent): State<Agent>,
    Path(key): Path<Key>,
    Json(request): Json<PushRequest>,
) -> Answer<Pushed> {
    let slot = agent.keys.slot(&key);
    finished(async move { Ok(Json(agent.images.push(&slot, &request).await?)) }).await
}

/// `POST /v1/keys/{key}/pull`.
pub(super) async fn pull(
    State(agent): State<Agent>,
    Path(key): Path<Key>,
    Json(request): Json<PullRequest>,
) -> Answer<Transferred> {
    let slot = announced(&agent, &key)?;
    finished(async move { Ok(Json(agent.fetcher.pull(&slot, &request).await?)) }).await
}

/// `POST /v1/keys/{key}/discard`.
pub(super) async fn discard(
    State(agent): State<Agent>,
    Path(key): Path<Key>,
    Json(request): Json<DiscardRequest>,
) -> Answer<Discarded> {
    let slot = agent.keys.look_up(&key);
    finished(async move { Ok(Json(agent.images.discard(&slot, &request).await?)) }).await
}

/// An archive is brought only to where a container is expected to claim it.
fn announced(agent: &Agent, key: &Key) -> Result<Arc<Slot>, Refusal> {
    let slot = agent.keys.look_up(key);
    if slot.now().and_then(|state| state.announcement).is_none() {
        return Err(Refusal::unfit(
            Reason::NotAnnounced,
            format!("restore key {key} was not announced here"),
        ));
    }
    Ok(slot)
}

/// `POST /v1/keys/{key}/abort`.
pub(super) async fn abort(
    State(agent): State<Agent>,
    Path(key): Path<Key>,
    Json(abort): Json<Abort>,
) -> Answer<KeyReport> {
    let slot = agent.keys.look_up(&key);
    if slot.now().is_none() {
        return Err(Refusal::unknown(key.as_str()));
    }
    let call_off = || {
        slot.update(|state| {
            state.aborted.get_or_insert_with(|| abort.reason.clone());
        })
    };
    if let Err(error) = call_off() {
        // On a full disk the archive, which nobody is going to restore, is what takes the room.
        warn!(%key, %error, "the archive is removed to make room");
        crate::checkpoint::discard(&slot.folder).map_err(Refusal::internal)?;
        call_off()?;
    }
    info!(%key, reason = abort.reason, "restore called off");
    Ok(Json(slot.now().unwrap_or_default().report()))
}

/// `POST /v1/keys/{key}/freeze`. A key under which nothing was dumped has nothing that stands still.
pub(super) async fn freeze(
    State(agent): State<Agent>,
    Path(key): Path<Key>,
    Json(request): Json<FreezeRequest>,
) -> Answer<Frozen> {
    let slot = agent.keys.look_up(&key);
    // A dump that is under way ends first.
    let _one_at_a_time = slot.making.lock().await;
    let Some(state) = slot.now().filter(|state| state.stays_frozen) else {
        return Ok(Json(Frozen::Thawed));
    };
    let frozen = crate::frozen::obey(&agent.helper, &key, &state, request.order).await?;
    info!(%key, order = ?request.order, ?frozen, "frozen container");
    Ok(Json(frozen))
}

/// `POST /v1/keys/{key}/kill`.
pub(super) async fn kill(
    State(agent): State<Agent>,
    Path(key): Path<Key>,
    Json(request): Json<KillRequest>,
) -> Answer<Ending> {
    let begun = Instant::now();
    let container = agent.cluster.container(&request.pod, &request.container).await?;
    if !container.deleting {
        let pod = &request.pod.name;
        return Err(Refusal::unfit(
            Reason::NotBeingDeleted,
            format!("pod {pod} is not being deleted, so nothing was killed"),
        ));
    }
    let quiet = Duration::from_millis(request.quiet_millis);
    let ending = agent.helper.kill(&container.id, quiet).await?;
    info!(%key, pod = request.pod.name, ?ending, micros = begun.elapsed().as_micros(), "container to be killed");
    Ok(Json(ending))
}

/// `GET /v1/keys/{key}/connections/{port}`: of the container that was restored under this key; none before that.
pub(super) async fn connections(
    State(agent): State<Agent>,
    Path((key, port)): Path<(Key, u16)>,
) -> Answer<u32> {
    let state = agent.keys.look_up(&key).now();
    let claimant = match state.map(|state| state.claim) {
        Some(ClaimRecord::Restored { claimant, .. }) => claimant,
        Some(
            ClaimRecord::Free | ClaimRecord::Waiting(_) | ClaimRecord::Taken(_) | ClaimRecord::Failed { .. },
        )
        | None => return Ok(Json(0)),
    };
    let container = ContainerId::parse(&claimant.container_id)
        .map_err(|error| Refusal::unfit(Reason::NoContainer, error.to_string()))?;
    Ok(Json(agent.helper.connections(&container, port).await?))
}

/// `DELETE /v1/keys/{key}`.
pub(super) async fn remove(State(agent): State<Agent>, Path(key): Path<Key>) -> Result<StatusCode, Refusal> {
    let slot = agent.keys.look_up(&key);
    finished(async move {
        // An archive that is being made is finished first; removing it under the writer would leave half of it.
        let _one_at_a_time = slot.making.lock().await;
        crate::frozen::leave(&agent.helper, &slot).await?;
        agent.keys.remove(&slot)?;
        info!(%key, "restore key forgotten");
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// `GET /v1/keys/{key}/archive`: for the agent of the node that the controller named, since an archive holds memory.
pub(super) async fn archive(
    State(Archives { keys, metrics }): State<Archives>,
    Extension(peer): Extension<PeerNames>,
    Path(key): Path<Key>,
) -> Result<Body, Refusal> {
    let slot = keys.look_up(&key);
    let Some(state) = slot.now().filter(|state| state.checkpointed.is_some()) else {
        return Err(Refusal::unknown(key.as_str()));
    };
    let target = state.target.as_deref().map(names::agent_identity);
    if !target.is_some_and(|target| peer.is(&target)) {
        warn!(?peer, %key, target = state.target, "archive refused");
        return Err(Refusal::forbidden(format!(
            "the archive of restore key {key} goes to another node than that of {:?}",
            peer.0
        )));
    }
    let dir = slot.folder.archive();
    Ok(written_body(move |output| -> Result<(), ArchiveError> {
        let begun = Instant::now();
        let mut output = Counting { output, bytes: 0 };
        let packed = pack::pack(&dir, &mut output).map(drop);
        metrics.sent(output.bytes);
        packed?;
        info!(%key, micros = begun.elapsed().as_micros(), "archive streamed");
        Ok(())
    }))
}

/// Counts what is written.
struct Counting<W> {
    output: W,
    bytes: u64,
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.output.write(buffer)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Goes on when the caller hangs up.
async fn finished<T: Send + 'static>(
    work: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::spawn(work)
        .await
        .unwrap_or_else(|error| Err(Refusal::internal(error)))
}

#[cfg(test)]
mod tests {
    use shadow_core::wire::{CheckpointBackend, PodRef};

    use super::*;
    use crate::layout::Layout;

    #[test]
    fn a_key_is_never_known_without_its_namespace() {
        let root = tempfile::tempdir().unwrap();
        let keys = Keys::load(Layout::below(root.path())).unwrap();
        let key = Key::parse("0c1b7d1e-8a3f-4a52-9c57-6f1d9a4f6b11-1-0").unwrap();
        let slot = keys.slot(&key);
        let mut seen = slot.watch();
        seen.mark_unchanged();
        let request = CheckpointRequest {
            pod: PodRef {
                namespace: "shop".to_owned(),
                name: "orders-0".to_owned(),
                uid: "u".to_owned(),
            },
            container: "orders".to_owned(),
            backend: CheckpointBackend::default(),
            target: Some("node-b".to_owned()),
            stay_frozen_millis: None,
        };
        ordered(&keys, &key, &request).unwrap();
        let first = seen.borrow_and_update().clone().unwrap();
        assert_eq!(
            (first.namespace.as_str(), first.target.as_deref()),
            ("shop", Some("node-b"))
        );
    }
}
