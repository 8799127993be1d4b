//! Where a publisher's stream stands: what came, what came twice, what came late, what is missing.

use serde::{Deserialize, Serialize};

/// The position in one publisher's stream. `missing` is exact: it holds every number below `last`
/// that never came, and no other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    /// Messages applied, every kind.
    pub applied: u64,
    /// The highest number seen.
    pub last: u64,
    /// Messages whose number had been applied before.
    pub duplicates: u64,
    /// Messages that came after a higher number, for the first time: out of order.
    pub late: u64,
    /// Times the numbers jumped ahead.
    pub gaps: u64,
    /// Numbers below `last` that have not come, as inclusive ranges in ascending order.
    pub missing: Vec<(u64, u64)>,
}

impl Position {
    /// Takes note of the next message.
    pub fn advance(&mut self, seq: u64) {
        self.applied += 1;
        if seq <= self.last {
            if self.take_missing(seq) {
                self.late += 1;
            } else {
                self.duplicates += 1;
            }
            return;
        }
        if seq > self.last + 1 {
            self.gaps += 1;
            self.missing.push((self.last + 1, seq - 1));
        }
        self.last = seq;
    }

    /// Strikes `seq` off the missing numbers; false if it was not one of them.
    fn take_missing(&mut self, seq: u64) -> bool {
        let Some(index) = self
            .missing
            .iter()
            .position(|(from, to)| (*from..=*to).contains(&seq))
        else {
            return false;
        };
        let (from, to) = self.missing.remove(index);
        if seq < to {
            self.missing.insert(index, (seq + 1, to));
        }
        if from < seq {
            self.missing.insert(index, (from, seq - 1));
        }
        true
    }

    /// How many numbers below `last` have not come.
    #[must_use]
    pub fn missing_count(&self) -> u64 {
        self.missing.iter().map(|(from, to)| to - from + 1).sum()
    }

    /// Whether the message with this number was applied.
    #[must_use]
    pub fn has(&self, seq: u64) -> bool {
        seq >= 1 && seq <= self.last && !self.missing.iter().any(|(from, to)| (*from..=*to).contains(&seq))
    }
}
