//! The list of migrations: which are shown, and in which order.

use std::cmp::Reverse;

use jiff::Timestamp;
use kube::ResourceExt;
use shadow_core::api::StatefulMigration;

use super::state::{State, held_since};

/// What orders the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// What needs a person first.
    #[default]
    Urgency,
    /// The newest first.
    Age,
    /// By pod.
    Pod,
    /// By the node that it leaves.
    Node,
    /// The longest pause first.
    Pause,
}

impl Sort {
    /// The next one.
    pub fn next(self) -> Self {
        match self {
            Self::Urgency => Self::Age,
            Self::Age => Self::Pod,
            Self::Pod => Self::Node,
            Self::Node => Self::Pause,
            Self::Pause => Self::Urgency,
        }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Urgency => "urgency",
            Self::Age => "age",
            Self::Pod => "pod",
            Self::Node => "node",
            Self::Pause => "pause",
        }
    }
}

/// A migration in the list.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Namespace and name.
    pub id: &'a str,
    /// The object.
    pub migration: &'a StatefulMigration,
    /// Its state.
    pub state: State,
}

/// Whether the filter lets it through: words, each of which has to occur in pod, node, name or namespace, or `state:held`.
pub fn passes(filter: &str, entry: &Entry<'_>) -> bool {
    filter.split_whitespace().all(|word| passes_word(word, entry))
}

fn passes_word(word: &str, entry: &Entry<'_>) -> bool {
    let word = word.to_lowercase();
    if let Some(state) = word.strip_prefix("state:") {
        return entry.state.word().to_lowercase().starts_with(state);
    }
    let (from, to) = nodes(entry.migration);
    let texts = [entry.id, &entry.migration.spec.source_pod, from, to];
    texts.iter().any(|text| text.to_lowercase().contains(&word))
}

/// Orders the list. What orders it is found out once for each migration: some of it takes as long as drawing its row.
pub fn sort(entries: &mut [Entry<'_>], by: Sort, reversed: bool, now: Timestamp) {
    // Among equals the newest comes first, and the order never depends on chance.
    entries.sort_by_cached_key(|entry| (key(entry, by, now), Reverse(began(entry)), entry.id));
    if reversed {
        entries.reverse();
    }
}

fn key<'a>(entry: &Entry<'a>, by: Sort, now: Timestamp) -> (Reverse<i128>, &'a str, &'a str) {
    let migration: &'a StatefulMigration = entry.migration;
    let first = |number: i128| (Reverse(number), "", "");
    match by {
        Sort::Urgency => first(-(entry.state as i128)),
        Sort::Age => first(began(entry).into()),
        Sort::Pod => (Reverse(0), &migration.spec.source_pod, ""),
        Sort::Node => {
            let (from, to) = nodes(migration);
            (Reverse(0), from, to)
        }
        Sort::Pause => first(pause_millis(entry, now)),
    }
}

/// The nodes that it moves between, as far as they are known.
pub fn nodes(migration: &StatefulMigration) -> (&str, &str) {
    let status = migration.status.as_ref();
    let from = status.and_then(|status| status.source_node.as_deref());
    let planned = status.and_then(|status| status.target_node.as_deref());
    let to = planned.or(migration.spec.target_node.as_deref());
    (from.unwrap_or("?"), to.unwrap_or("?"))
}

/// When it was asked for, in seconds.
fn began(entry: &Entry<'_>) -> i64 {
    let status = entry.migration.status.as_ref();
    let start = status
        .and_then(|status| status.start_time.as_ref())
        .map(|time| time.0);
    let created = entry.migration.creation_timestamp().map(|time| time.0);
    start.or(created).map_or(0, Timestamp::as_second)
}

fn pause_millis(entry: &Entry<'_>, now: Timestamp) -> i128 {
    let Some(status) = entry.migration.status.as_ref() else {
        return 0;
    };
    match held_since(status) {
        Some(since) => now.duration_since(since).as_millis(),
        None => {
            let pauses = super::state::pauses(status, now).into_iter();
            (pauses.map(|(_, seconds, _)| seconds).fold(0.0, f64::max) * 1e3) as i128
        }
    }
}
