//! The one place that reads the clock.
//!
//! Wall-clock time on purpose: a restored process compares times from before its checkpoint with
//! times on another machine, where a monotonic clock would not have gone on.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the epoch; 0 if the clock stands before it.
#[must_use]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
