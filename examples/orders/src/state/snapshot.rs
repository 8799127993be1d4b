//! The state as it is shown and compared: what `/state` answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Pause, Position, Publisher, State, Totals};

/// The whole state. Two consumers agree on a publisher exactly when its snapshots are equal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateSnapshot {
    /// Messages applied, duplicates included.
    pub applied: u64,
    /// Sum of the publishers' duplicates.
    pub duplicates: u64,
    /// Sum of the publishers' late messages.
    pub late: u64,
    /// Sum of the publishers' missing messages.
    pub missing: u64,
    /// Times a publisher's numbers jumped ahead.
    pub gaps: u64,
    /// Messages that were no orders; acknowledged and dropped.
    pub rejected: u64,
    /// Deliveries the broker marked as redelivered.
    pub redelivered: u64,
    /// Running totals over all publishers.
    pub totals: Totals,
    /// Everything per publisher.
    pub publishers: BTreeMap<String, PublisherSnapshot>,
    /// The pauses since the last reset.
    pub pauses: PauseSnapshot,
}

/// What is known of one publisher.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublisherSnapshot {
    /// The position in its stream.
    #[serde(flatten)]
    pub position: Position,
    /// Hash over every body applied, in the order of application.
    pub chain: String,
    /// Running totals.
    pub totals: Totals,
    /// Its open orders.
    pub book: BookSnapshot,
}

/// Open orders, by digest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookSnapshot {
    /// How many.
    pub open: usize,
    /// SHA-256 over all of them.
    pub digest: String,
}

/// Pauses in processing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PauseSnapshot {
    /// Counted since.
    pub since_ms: u64,
    /// Length of the longest.
    pub longest_ms: u64,
    /// The longest with its times.
    pub longest: Option<Pause>,
    /// Every pause above 100 ms, oldest first.
    pub over_100_ms: Vec<Pause>,
}

impl State {
    /// The whole state as of now.
    #[must_use]
    pub fn snapshot(&self) -> StateSnapshot {
        let publishers: BTreeMap<_, _> = self
            .publishers
            .iter()
            .map(|(name, p)| (name.clone(), p.snapshot()))
            .collect();
        let sum = |of: fn(&Position) -> u64| {
            publishers
                .values()
                .map(|p: &PublisherSnapshot| of(&p.position))
                .sum()
        };
        StateSnapshot {
            applied: self.applied,
            duplicates: sum(|position| position.duplicates),
            late: sum(|position| position.late),
            missing: sum(Position::missing_count),
            gaps: sum(|position| position.gaps),
            rejected: self.rejected,
            redelivered: self.redelivered,
            totals: self.totals(),
            pauses: PauseSnapshot {
                since_ms: self.pauses.since_ms(),
                longest_ms: self.pauses.longest().map_or(0, |pause| pause.length_ms()),
                longest: self.pauses.longest(),
                over_100_ms: self.pauses.notable().collect(),
            },
            publishers,
        }
    }

    fn totals(&self) -> Totals {
        let mut sum = Totals::new();
        for (symbol, sides) in self
            .publishers
            .values()
            .flat_map(|publisher| publisher.book.totals())
        {
            for (side, totals) in sides {
                sum.entry(symbol.clone())
                    .or_default()
                    .entry(*side)
                    .or_default()
                    .add(totals);
            }
        }
        sum
    }
}

impl Publisher {
    fn snapshot(&self) -> PublisherSnapshot {
        PublisherSnapshot {
            position: self.position.clone(),
            chain: hex::encode(self.chain),
            totals: self.book.totals().clone(),
            book: BookSnapshot {
                open: self.book.open_orders(),
                digest: self.book.digest(),
            },
        }
    }
}
