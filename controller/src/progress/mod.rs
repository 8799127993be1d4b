//! What each migration does at this moment, kept for people who watch.
//!
//! Guarantee: a move notes what it does and never waits for the note to be written, nor for its lock longer than a copy takes.

mod writer;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use shadow_core::api::progress::MigrationProgressSpec;
use shadow_core::api::{MigrationStatus, StatefulMigration};
use shadow_core::machine::Observed;
use shadow_core::{progress, tally};

pub use writer::write;

/// A move under way is written as often, whatever is new: it is also the sign that the controller lives.
const LIVELY: Duration = Duration::from_secs(1);
/// One that waits for its turn or for a person.
const CALM: Duration = Duration::from_secs(30);
/// Nothing was noted for so long: it has ended, or another process leads.
const FORGOTTEN: Duration = Duration::from_secs(90);

/// See the module.
#[derive(Default)]
pub struct Progresses(Mutex<HashMap<String, Entry>>);

/// One migration.
#[derive(Clone, Debug)]
struct Entry {
    whose: Whose,
    spec: MigrationProgressSpec,
    lively: bool,
    /// The most messages that were seen to wait while they were held.
    most: Option<u64>,
    noted: Instant,
    written: Option<Instant>,
}

/// The migration that an object belongs to.
#[derive(Clone, Debug)]
struct Whose {
    namespace: String,
    name: String,
    uid: String,
}

impl Progresses {
    /// What a look showed.
    pub fn note(
        &self,
        migration: &StatefulMigration,
        status: &MigrationStatus,
        seen: &Observed,
        now: Timestamp,
    ) {
        let held = tally::is_held(status).then(|| progress::waiting(seen)).flatten();
        self.change(migration, status, now, |entry| {
            progress::sample(&mut entry.spec.samples, seen, now);
            entry.most = entry.most.max(held);
        });
    }

    /// What is waited for.
    pub fn waits(
        &self,
        migration: &StatefulMigration,
        status: &MigrationStatus,
        reason: &str,
        now: Timestamp,
    ) {
        self.change(migration, status, now, |entry| {
            entry.spec.waits = Some(progress::waits(reason));
        });
    }

    fn change(
        &self,
        migration: &StatefulMigration,
        status: &MigrationStatus,
        now: Timestamp,
        work: impl FnOnce(&mut Entry),
    ) {
        let Some(uid) = migration.uid() else { return };
        let spec = progress::of(status, now);
        let lively = progress::is_lively(status);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = all.entry(uid.clone()).or_insert_with(|| Entry {
            whose: Whose {
                namespace: migration.namespace().unwrap_or_default(),
                name: migration.name_any(),
                uid,
            },
            spec: spec.clone(),
            lively,
            most: None,
            noted: Instant::now(),
            written: None,
        });
        let same_step = (entry.spec.step, entry.spec.handoff) == (spec.step, spec.handoff);
        // A new place in line, or the end of a wait, is written at once and not up to half a minute later.
        if entry.spec.line != spec.line || entry.lively != lively {
            entry.written = None;
        }
        let waits = entry.spec.waits.take().filter(|_| same_step);
        let samples = std::mem::take(&mut entry.spec.samples);
        entry.spec = MigrationProgressSpec {
            waits,
            samples,
            ..spec
        };
        (entry.lively, entry.noted) = (lively, Instant::now());
        work(entry);
    }

    /// It has ended: its object goes with it, or stays as it was last written. Returns the most messages that were seen to wait
    /// while they were held.
    pub fn ended(&self, migration: &StatefulMigration) -> Option<u64> {
        let uid = migration.uid()?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&uid)?.most
    }

    /// Messages that waited at the last look, by UID.
    pub fn waiting(&self) -> HashMap<String, u64> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = |entry: &Entry| entry.spec.samples.last().and_then(progress::ready);
        all.iter()
            .filter_map(|(uid, entry)| Some((uid.clone(), last(entry)?)))
            .collect()
    }

    /// What has to be written now; each counts as written.
    fn due(&self, now: Instant) -> Vec<(Whose, MigrationProgressSpec)> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, entry| now.saturating_duration_since(entry.noted) < FORGOTTEN);
        let due = all.values_mut().filter(|entry| {
            let every = if entry.lively { LIVELY } else { CALM };
            entry
                .written
                .is_none_or(|written| now.saturating_duration_since(written) >= every)
        });
        due.map(|entry| {
            entry.written = Some(now);
            (entry.whose.clone(), entry.spec.clone())
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use shadow_core::api::StatefulMigrationSpec;
    use shadow_core::waiting::{InLine, Obstacle};

    use super::*;

    fn migration() -> StatefulMigration {
        let mut migration = StatefulMigration::new("move", StatefulMigrationSpec::default());
        migration.metadata.uid = Some("uid".to_owned());
        migration.metadata.namespace = Some("shop".to_owned());
        migration
    }

    #[test]
    fn one_in_line_is_written_at_once_when_its_place_changes_and_else_each_half_minute() {
        let (all, now, begun) = (Progresses::default(), Timestamp::UNIX_EPOCH, Instant::now());
        let waiting = |before| MigrationStatus {
            waiting: Some(
                InLine {
                    obstacle: Obstacle::Earlier,
                    before,
                }
                .waiting(None, now),
            ),
            ..MigrationStatus::default()
        };
        let note = |before| all.note(&migration(), &waiting(before), &Observed::default(), now);
        note(2);
        assert_eq!(all.due(begun).len(), 1);
        note(2);
        assert_eq!(all.due(begun + LIVELY).len(), 0);
        note(1);
        assert_eq!(all.due(begun + LIVELY).len(), 1);
        assert_eq!(all.due(begun + LIVELY + CALM).len(), 1);
        assert_eq!(all.due(begun + FORGOTTEN + CALM).len(), 0);
    }

    #[test]
    fn one_that_has_ended_is_written_no_more() {
        let all = Progresses::default();
        all.note(
            &migration(),
            &MigrationStatus::default(),
            &Observed::default(),
            Timestamp::UNIX_EPOCH,
        );
        all.ended(&migration());
        assert!(all.due(Instant::now()).is_empty());
    }
}
