//! How long processing stood still: the longest gap between two messages, and every long one.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Gaps above this are kept with their times.
pub const NOTABLE_MS: u64 = 100;
/// How many notable gaps are kept; the oldest go first.
const KEPT: usize = 512;

/// A gap between two consecutive applications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// When the message before the gap was applied.
    pub from_ms: u64,
    /// When the message after the gap was applied.
    pub to_ms: u64,
}

impl Pause {
    /// Its length in milliseconds.
    #[must_use]
    pub fn length_ms(&self) -> u64 {
        self.to_ms.saturating_sub(self.from_ms)
    }
}

/// The pauses since the last reset.
#[derive(Debug, Clone, Default)]
pub struct Pauses {
    since_ms: u64,
    previous_ms: Option<u64>,
    longest: Option<Pause>,
    notable: VecDeque<Pause>,
}

impl Pauses {
    /// Starts afresh.
    #[must_use]
    pub fn since(now_ms: u64) -> Self {
        Self {
            since_ms: now_ms,
            ..Self::default()
        }
    }

    /// A message was applied now.
    pub fn applied_at(&mut self, now_ms: u64) {
        let Some(from_ms) = self.previous_ms.replace(now_ms) else {
            return;
        };
        let pause = Pause {
            from_ms,
            to_ms: now_ms,
        };
        if self
            .longest
            .is_none_or(|longest| pause.length_ms() > longest.length_ms())
        {
            self.longest = Some(pause);
        }
        if pause.length_ms() > NOTABLE_MS {
            if self.notable.len() == KEPT {
                self.notable.pop_front();
            }
            self.notable.push_back(pause);
        }
    }

    /// When counting began.
    #[must_use]
    pub fn since_ms(&self) -> u64 {
        self.since_ms
    }

    /// The longest gap so far.
    #[must_use]
    pub fn longest(&self) -> Option<Pause> {
        self.longest
    }

    /// Every gap above [`NOTABLE_MS`], oldest first.
    pub fn notable(&self) -> impl Iterator<Item = Pause> + '_ {
        self.notable.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_gap_is_kept_and_long_ones_are_listed() {
        let mut pauses = Pauses::since(0);
        for now in [1_000, 1_010, 1_200, 1_210, 1_700, 1_710] {
            pauses.applied_at(now);
        }
        assert_eq!(
            pauses.longest(),
            Some(Pause {
                from_ms: 1_210,
                to_ms: 1_700
            })
        );
        let lengths: Vec<u64> = pauses.notable().map(|pause| pause.length_ms()).collect();
        assert_eq!(lengths, [190, 490]);
    }

    #[test]
    fn a_reset_does_not_count_the_gap_across_it() {
        let mut pauses = Pauses::since(0);
        pauses.applied_at(1_000);
        pauses = Pauses::since(5_000);
        pauses.applied_at(9_000);
        pauses.applied_at(9_001);
        assert_eq!(pauses.longest().map(|pause| pause.length_ms()), Some(1));
    }

    #[test]
    fn the_list_of_long_gaps_is_bounded() {
        let mut pauses = Pauses::since(0);
        for n in 0..2_000 {
            pauses.applied_at(n * 200);
        }
        assert_eq!(pauses.notable().count(), KEPT);
    }

    #[test]
    fn a_clock_set_back_is_no_pause() {
        let mut pauses = Pauses::since(0);
        pauses.applied_at(1_000);
        pauses.applied_at(400);
        assert_eq!(pauses.longest().map(|pause| pause.length_ms()), Some(0));
    }
}
