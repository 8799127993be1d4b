//! Paths and time limits.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::post;
use shadow_core::names;

use crate::cluster::Cluster;
use crate::room::{Room, bounded};
use crate::{deletions, evictions, migrations, pods};

/// Time for the look-ups of one review. The API server waits 3 s for a pod's review and 5 s for a migration's: within that
/// a refusal still comes in our words, and a slow API server refuses nothing that it could still answer.
pub(crate) const LOOKUPS: Duration = Duration::from_millis(2_500);

/// All admission routes over `cluster`.
pub fn app<C: Cluster>(cluster: C) -> Router {
    Router::new()
        .route("/mutate/migrations", post(migrations::mutate::<C>))
        .route("/validate/migrations", post(migrations::validate::<C>))
        .route(names::WEBHOOK_PODS_PATH, post(pods::mutate::<C>))
        .route(names::WEBHOOK_EVICTIONS_PATH, post(evictions::validate::<C>))
        .route(names::WEBHOOK_DELETIONS_PATH, post(deletions::validate::<C>))
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Room::default(), bounded))
        .with_state(Arc::new(cluster))
}
