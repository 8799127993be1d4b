//! What is known for certain about the messages of a run.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// The whole run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadLedger {
    /// Published to.
    pub exchange: String,
    /// Published with.
    pub routing_key: String,
    /// When the first message was due.
    pub started_at_ms: u64,
    /// When the last confirm had come.
    pub ended_at_ms: u64,
    /// One entry per publisher.
    pub publishers: Vec<PublisherLedger>,
}

/// One publisher. Every number from 1 to `last` is confirmed, unless it is listed here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublisherLedger {
    /// Its name in the messages.
    pub name: String,
    /// The number of its last message.
    pub last: u64,
    /// How many the broker confirmed and routed.
    pub confirmed: u64,
    /// Numbers whose confirm was lost or refused: they may have arrived or not.
    pub uncertain: BTreeSet<u64>,
    /// Numbers that no queue was bound for.
    pub returned: BTreeSet<u64>,
}

impl PublisherLedger {
    /// Whether the broker took this number over for certain.
    #[must_use]
    pub fn is_confirmed(&self, seq: u64) -> bool {
        (1..=self.last).contains(&seq) && !self.uncertain.contains(&seq) && !self.returned.contains(&seq)
    }
}

impl LoadLedger {
    /// Confirmed messages of all publishers.
    #[must_use]
    pub fn confirmed(&self) -> u64 {
        self.publishers.iter().map(|publisher| publisher.confirmed).sum()
    }

    /// Messages of all publishers whose fate is unknown.
    #[must_use]
    pub fn uncertain(&self) -> u64 {
        self.publishers
            .iter()
            .map(|publisher| publisher.uncertain.len() as u64)
            .sum()
    }

    /// Messages of all publishers that came back.
    #[must_use]
    pub fn returned(&self) -> u64 {
        self.publishers
            .iter()
            .map(|publisher| publisher.returned.len() as u64)
            .sum()
    }
}

/// Counts while the run goes on.
#[derive(Debug, Default)]
pub struct LoadProgress {
    published: AtomicU64,
    confirmed: AtomicU64,
}

impl LoadProgress {
    pub(super) fn one_published(&self) {
        self.published.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn one_confirmed(&self) {
        self.confirmed.fetch_add(1, Ordering::Relaxed);
    }

    /// Sent so far.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// Confirmed so far.
    #[must_use]
    pub fn confirmed(&self) -> u64 {
        self.confirmed.load(Ordering::Relaxed)
    }
}
