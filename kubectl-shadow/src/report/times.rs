//! Times of a move, as seconds since its beginning.

use jiff::Timestamp;
use shadow_core::api::MigrationStatus;

/// When the move began.
pub(super) struct Clock(Timestamp);

impl Clock {
    /// From the status; a move that has not begun begins at its last sight.
    pub(super) fn of(status: &MigrationStatus, seen: Timestamp) -> Self {
        let start = status.start_time.as_ref().map(|time| time.0);
        let first = status.steps.first().map(|record| record.started.0);
        Self(start.or(first).unwrap_or(seen))
    }

    /// Seconds from the beginning to this moment; negative before it.
    pub(super) fn at(&self, moment: Timestamp) -> f64 {
        rounded(moment.duration_since(self.0).as_secs_f64())
    }
}

/// Seconds between two moments; a clock that went backwards shows as zero.
pub(super) fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    rounded(to.duration_since(from).as_secs_f64().max(0.0))
}

/// With three decimals, so that the same times print the same digits.
pub(super) fn rounded(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}
