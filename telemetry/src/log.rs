//! Logs: one JSON object a line, on standard output. `kubectl shadow logs` reads them.
//!
//! `RUST_LOG` sets what is said (`debug`, `shadow_controller=debug`). With `SHADOW_LOG_SPANS=true` each line says in which visit
//! it was said: `span` with the migration, its UID and its step.

use tracing_subscriber::EnvFilter;

/// Variable that asks for spans.
pub const SPANS: &str = "SHADOW_LOG_SPANS";

/// Begins to write logs; `usual` is what is said where nothing is set.
pub fn begin(usual: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    let spans = wants_spans(std::env::var(SPANS).ok().as_deref());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .json()
        .with_current_span(spans)
        .with_span_list(false)
        .init();
}

fn wants_spans(said: Option<&str>) -> bool {
    matches!(said, Some("true" | "1" | "yes" | "on"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_on_request() {
        assert!(wants_spans(Some("true")) && wants_spans(Some("1")));
        assert!(!wants_spans(None) && !wants_spans(Some("false")) && !wants_spans(Some("")));
    }
}
