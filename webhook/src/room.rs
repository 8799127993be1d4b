//! How much of what callers send is held at a time. Anybody in the cluster can call.
//!
//! Guarantee: all reviews together take no more than [`ROOM`], and each has its time to come.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::warn;

/// Bytes of memory for all reviews together; the container has 128 MiB.
const ROOM: usize = 48 << 20;
/// Bytes of memory that a byte of a body may become: an empty string of a list is three bytes of text.
const BECOMES: u32 = 12;
/// Bytes of one body: an object of the size that etcd takes, twice.
const BODY: usize = 3 << 20;
/// Time for a body to come; the API server sends it at once.
const ARRIVES: Duration = Duration::from_secs(1);
/// Time for others to go. The API server waits 3 s for a pod's review.
const WAITS: Duration = Duration::from_secs(1);

/// Room for bodies.
#[derive(Clone)]
pub(crate) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM)))
    }
}

/// Takes in the body when there is room for it, and holds that room until the answer.
pub(crate) async fn bounded(State(room): State<Room>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let announced = body.size_hint().upper().unwrap_or(BODY as u64);
    let Some(length) = u32::try_from(announced)
        .ok()
        .filter(|length| *length as usize <= BODY)
    else {
        return refused(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let held = room.0.acquire_many(length.saturating_mul(BECOMES));
    let Ok(Ok(_held)) = timeout(WAITS, held).await else {
        return refused(StatusCode::SERVICE_UNAVAILABLE);
    };
    match timeout(ARRIVES, to_bytes(body, length as usize)).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(_)) => refused(StatusCode::BAD_REQUEST),
        Err(_) => refused(StatusCode::REQUEST_TIMEOUT),
    }
}

fn refused(status: StatusCode) -> Response {
    warn!(%status, "a review was not taken in");
    status.into_response()
}
