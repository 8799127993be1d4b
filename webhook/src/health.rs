//! What kubelet probes: `/healthz` is 200 while admission is served, `/livez` while the process is alive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

/// Whether admission is served at the moment.
#[derive(Clone, Debug, Default)]
pub struct Ready(Arc<AtomicBool>);

impl Ready {
    /// Says so.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }
}

/// The probes' router.
pub fn app(ready: Ready) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/livez", get(|| async { "alive" }))
        .with_state(ready)
}

async fn healthz(State(ready): State<Ready>) -> (StatusCode, &'static str) {
    if ready.0.load(Ordering::Acquire) {
        (StatusCode::OK, "ready")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "waiting for a certificate, or ending",
        )
    }
}
