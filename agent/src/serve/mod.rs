//! The agent's HTTP interface ([`shadow_core::wire`]).
//!
//! Guarantees: the caller's certificate decides what it may ask: the controller everything, other agents only for
//! archives; every path comes from a checked key; a request that was begun is finished even if the caller goes away, so
//! that asking again finds the result.

pub mod handlers;
pub mod problem;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use shadow_core::names;
use shadow_identity::PeerNames;
use shadow_telemetry::agent::Metrics;

use crate::checkpoint::Checkpointer;
use crate::cluster::Cluster;
use crate::helper::HelperClient;
use crate::image::Images;
use crate::keys::Keys;
use crate::transfer::Fetcher;
use problem::Refusal;

const MAX_BODY: usize = 64 * 1024;

/// Everything that handlers need.
#[derive(Clone)]
pub struct Agent {
    /// All keys.
    pub keys: Keys,
    /// Kubernetes API.
    pub cluster: Cluster,
    /// Privileged part.
    pub helper: HelperClient,
    /// Dumps.
    pub checkpointer: Checkpointer,
    /// Pulls.
    pub fetcher: Fetcher,
    /// Images in registries.
    pub images: Images,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// What agents ask of one another for.
#[derive(Clone)]
pub(crate) struct Archives {
    keys: Keys,
    metrics: Arc<Metrics>,
}

/// Who may ask.
#[derive(Clone, Copy, Debug)]
enum Caller {
    Controller,
    Agents,
}

/// All routes, each behind its caller check.
pub fn router(agent: Agent) -> Router {
    let archive = archive(Archives {
        keys: agent.keys.clone(),
        metrics: Arc::clone(&agent.metrics),
    });
    Router::new()
        .route("/v1/node", get(handlers::node))
        .route("/v1/room", get(handlers::room))
        .route("/v1/preflight", post(handlers::preflight))
        .route(
            "/v1/keys/{key}",
            get(handlers::report)
                .put(handlers::announce)
                .delete(handlers::remove),
        )
        .route("/v1/keys/{key}/checkpoint", post(handlers::checkpoint))
        .route("/v1/keys/{key}/rehearse", post(handlers::rehearse))
        .route("/v1/keys/{key}/fetch", post(handlers::fetch))
        .route("/v1/keys/{key}/push", post(handlers::push))
        .route("/v1/keys/{key}/pull", post(handlers::pull))
        .route("/v1/keys/{key}/discard", post(handlers::discard))
        .route("/v1/keys/{key}/abort", post(handlers::abort))
        .route("/v1/keys/{key}/freeze", post(handlers::freeze))
        .route("/v1/keys/{key}/kill", post(handlers::kill))
        .route("/v1/keys/{key}/connections/{port}", get(handlers::connections))
        .layer(from_fn_with_state(Caller::Controller, admit))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(agent)
        .merge(archive)
}

/// What agents ask of one another.
fn archive(archives: Archives) -> Router {
    Router::new()
        .route("/v1/keys/{key}/archive", get(handlers::archive))
        .layer(from_fn_with_state(Caller::Agents, admit))
        .with_state(archives)
}

async fn admit(State(caller): State<Caller>, request: Request, next: Next) -> Response {
    let names = request
        .extensions()
        .get::<PeerNames>()
        .cloned()
        .unwrap_or_default();
    if may(caller, &names) {
        return next.run(request).await;
    }
    let path = request.uri().path().to_owned();
    tracing::warn!(?names, path, "caller refused");
    Refusal::forbidden(format!("the certificate of {:?} may not ask for {path}", names.0)).into_response()
}

fn may(caller: Caller, peer: &PeerNames) -> bool {
    let controller = peer.is(&names::controller_identity());
    match caller {
        Caller::Controller => controller,
        Caller::Agents => {
            let suffix = names::agent_identity("");
            controller
                || peer
                    .0
                    .iter()
                    .any(|name| name.len() > suffix.len() && name.ends_with(&suffix))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::StatusCode;
    use shadow_core::names::Key;
    use shadow_core::wire::Checkpointed;
    use tower::ServiceExt;

    use super::*;
    use crate::layout::Layout;

    fn peer(name: &str) -> PeerNames {
        PeerNames(vec![name.to_owned()])
    }

    #[test]
    fn agents_may_only_fetch_archives() {
        let agent = peer(&names::agent_identity("node-a"));
        assert!(may(Caller::Agents, &agent));
        assert!(!may(Caller::Controller, &agent));
    }

    async fn status(keys: &Keys, key: &Key, asks: &str) -> StatusCode {
        let request = Request::get(format!("/v1/keys/{key}/archive"))
            .extension(peer(asks))
            .body(Body::empty())
            .unwrap();
        let archives = Archives {
            keys: keys.clone(),
            metrics: Arc::default(),
        };
        archive(archives).oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn an_archive_goes_to_the_agent_of_its_target_only() {
        let root = tempfile::tempdir().unwrap();
        let keys = Keys::load(Layout::below(root.path())).unwrap();
        let key = Key::parse("0c1b7d1e-8a3f-4a52-9c57-6f1d9a4f6b11-1-1").unwrap();
        let b = names::agent_identity("node-b");
        assert_eq!(status(&keys, &key, &b).await, StatusCode::NOT_FOUND);
        assert!(keys.known().is_empty());
        let dumped = Checkpointed {
            digest: String::new(),
            bytes: 0,
            frozen_micros: 0,
            total_micros: 0,
        };
        let slot = keys.slot(&key);
        slot.update(|state| state.checkpointed = Some(dumped)).unwrap();
        assert_eq!(
            status(&keys, &key, &b).await,
            StatusCode::FORBIDDEN,
            "no target was named"
        );
        slot.update(|state| state.target = Some("node-b".to_owned()))
            .unwrap();
        assert_eq!(status(&keys, &key, &b).await, StatusCode::OK);
        for other in [names::agent_identity("node-c"), names::controller_identity()] {
            assert_eq!(
                status(&keys, &key, &other).await,
                StatusCode::FORBIDDEN,
                "{other}"
            );
        }
    }

    #[test]
    fn the_controller_may_ask_everything_and_the_webhook_nothing() {
        assert!(may(Caller::Controller, &peer(&names::controller_identity())));
        for stranger in [
            names::webhook_identity(),
            names::agent_identity(""),
            String::new(),
        ] {
            assert!(!may(Caller::Controller, &peer(&stranger)));
            assert!(!may(Caller::Agents, &peer(&stranger)), "{stranger} was admitted");
        }
    }
}
