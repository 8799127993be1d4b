//! Times between two records, as people read them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

/// `3.412s`; a clock that went backwards shows as zero.
pub(super) fn between(from: &MicroTime, to: &MicroTime) -> String {
    let seconds = to.0.duration_since(from.0).as_secs_f64();
    format!("{:.3}s", seconds.max(0.0))
}
