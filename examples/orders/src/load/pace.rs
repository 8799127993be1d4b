//! When a publisher's n-th message is due.

use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How the messages are spread over a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pace {
    /// Evenly.
    #[default]
    Smooth,
    /// All of a second's messages at its beginning.
    Bursty,
}

impl Pace {
    /// When, from the start, message `index` (from 0) is due at `rate` messages a second. A function
    /// of the index alone, so that small delays do not add up.
    #[must_use]
    pub fn due(self, index: u64, rate: f64) -> Duration {
        #[allow(clippy::cast_precision_loss, reason = "2^52 messages are out of reach")]
        let second = index as f64 / rate;
        match self {
            Self::Smooth => Duration::from_secs_f64(second),
            Self::Bursty => Duration::from_secs_f64(second.floor()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smooth_messages_are_evenly_spaced() {
        assert_eq!(Pace::Smooth.due(0, 100.0), Duration::ZERO);
        assert_eq!(Pace::Smooth.due(150, 100.0), Duration::from_millis(1_500));
    }

    #[test]
    fn a_burst_is_due_all_at_once() {
        let due: Vec<_> = (0..5)
            .map(|index| Pace::Bursty.due(index, 2.0).as_secs())
            .collect();
        assert_eq!(due, [0, 0, 1, 1, 2]);
    }
}
