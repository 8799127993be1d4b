//! Paths and time limits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::post;
use shadow_core::names;
use shadow_telemetry::webhook::Outcome;

use crate::cluster::Cluster;
use crate::health::Part;
use crate::room::{Room, bounded};
use crate::{deletions, evictions, migrations, pods};

/// Time for the look-ups of one review. The API server waits 3 s for a pod's review and 5 s for a migration's: within that
/// a refusal still comes in our words, and a slow API server refuses nothing that it could still answer.
pub(crate) const LOOKUPS: Duration = Duration::from_millis(2_500);

/// All admission routes over `cluster`; what becomes of each review is counted.
pub fn app<C: Cluster>(cluster: C, part: Part) -> Router {
    Router::new()
        .route("/mutate/migrations", post(migrations::mutate::<C>))
        .route("/validate/migrations", post(migrations::validate::<C>))
        .route(names::WEBHOOK_PODS_PATH, post(pods::mutate::<C>))
        .route(names::WEBHOOK_EVICTIONS_PATH, post(evictions::validate::<C>))
        .route(names::WEBHOOK_DELETIONS_PATH, post(deletions::validate::<C>))
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Room::default(), bounded))
        .layer(from_fn_with_state(part, counted))
        .with_state(Arc::new(cluster))
}

async fn counted(State(part): State<Part>, request: Request, next: Next) -> Response {
    let (path, begun) = (request.uri().path().to_owned(), Instant::now());
    let mut response = next.run(request).await;
    // What is no review in the end was not taken in.
    let outcome = response.extensions().get().copied().unwrap_or(Outcome::Dropped);
    part.metrics().reviewed(&path, outcome, begun.elapsed());
    if part.is_leaving() {
        // The API server keeps its connections: it would send its next review to a replica that is no more.
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
