//! Whether a dump still writes: one that hangs keeps its container paused.

use std::time::{Duration, Instant};

/// Since when a folder has as many bytes as now.
pub(super) struct Growth {
    bytes: u64,
    since: Instant,
}

impl Growth {
    /// Of an empty folder.
    pub(super) fn begun(now: Instant) -> Self {
        Self { bytes: 0, since: now }
    }

    /// How long it has not grown, given its bytes now.
    pub(super) fn still_for(&mut self, bytes: u64, now: Instant) -> Duration {
        if bytes != self.bytes {
            *self = Self { bytes, since: now };
        }
        now.saturating_duration_since(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_writes_is_not_still() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut growth = Growth::begun(begun);
        assert_eq!(growth.still_for(0, at(3)), Duration::from_secs(3));
        assert_eq!(growth.still_for(10, at(4)), Duration::ZERO);
        assert_eq!(growth.still_for(10, at(9)), Duration::from_secs(5));
        assert_eq!(
            growth.still_for(4, at(10)),
            Duration::ZERO,
            "begun anew is not still"
        );
    }
}
