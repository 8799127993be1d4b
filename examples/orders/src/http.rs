//! How the consumer shows itself: `/state`, `/healthz`, `/metrics`, and `POST /reset-pauses`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::consumer::{Report, Shared};
use crate::wall_clock::now_ms;

/// Every route of the consumer.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/state", get(state))
        .route("/metrics", get(metrics))
        .route("/reset-pauses", post(reset_pauses))
        .with_state(shared)
}

/// The whole state, or with `?brief` only what changes most.
async fn state(State(shared): State<Arc<Shared>>, Query(query): Query<HashMap<String, String>>) -> Response {
    if query.contains_key("brief") {
        Json(shared.brief()).into_response()
    } else {
        Json(shared.report()).into_response()
    }
}

async fn reset_pauses(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.state().reset_pauses(now_ms());
    StatusCode::NO_CONTENT
}

async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        exposition(&shared.report()),
    )
}

/// The Prometheus text of a report.
fn exposition(report: &Report) -> String {
    let Report { standing, state } = report;
    let connected = u64::from(standing.queue.is_some());
    let metrics = [
        (
            "orders_applied_total",
            "counter",
            "Messages applied, duplicates included.",
            state.applied,
        ),
        (
            "orders_duplicates_total",
            "counter",
            "Messages applied more than once.",
            state.duplicates,
        ),
        (
            "orders_late_total",
            "counter",
            "Messages applied after a later one.",
            state.late,
        ),
        (
            "orders_gaps_total",
            "counter",
            "Times a publisher's numbers jumped ahead.",
            state.gaps,
        ),
        (
            "orders_rejected_total",
            "counter",
            "Messages that were no orders.",
            state.rejected,
        ),
        (
            "orders_redelivered_total",
            "counter",
            "Deliveries marked as redelivered.",
            state.redelivered,
        ),
        (
            "orders_missing",
            "gauge",
            "Numbers below a publisher's last that never came.",
            state.missing,
        ),
        (
            "orders_connections_total",
            "counter",
            "Broker connections made.",
            standing.generation,
        ),
        (
            "orders_connected",
            "gauge",
            "Whether a queue is being consumed.",
            connected,
        ),
        (
            "orders_replaying",
            "gauge",
            "Whether it reads another queue than its own.",
            u64::from(standing.replaying),
        ),
        (
            "orders_longest_pause_milliseconds",
            "gauge",
            "Longest gap between messages.",
            state.pauses.longest_ms,
        ),
    ];
    metrics
        .iter()
        .fold(String::new(), |mut text, (name, kind, help, value)| {
            // Writing to a String cannot fail, so there is nothing to report.
            writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}").unwrap_or_default();
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_named_typed_and_valued() {
        let mut report = Report::default();
        report.state.applied = 7;
        let text = exposition(&report);
        assert!(
            text.contains("# TYPE orders_applied_total counter\norders_applied_total 7\n"),
            "{text}"
        );
        assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 11);
    }
}
