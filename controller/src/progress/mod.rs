//! What each migration does at this moment, kept for people who watch.
//!
//! Guarantee: a move notes what it does and never waits for the note to be written, for an answer that only people want, nor for the
//! lock longer than a copy takes.

mod asking;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use shadow_core::api::progress::{MigrationProgressSpec, Rates};
use shadow_core::api::{MigrationStatus, StatefulMigration, Step};
use shadow_core::machine::Observed;
use shadow_core::progress::{self, Told};
use shadow_core::tally;

use asking::Subject;
pub use asking::ask;
pub use writer::write;

/// A move under way is written as often, whatever is new: it is also the sign that the controller lives.
const LIVELY: Duration = Duration::from_secs(1);
/// One that waits for its turn or for a person.
const CALM: Duration = Duration::from_secs(30);
/// Nothing was noted for so long: it has ended, or another process leads. The longest effect takes less.
const FORGOTTEN: Duration = Duration::from_secs(180);
/// A source that stands still for longer is written at once; most do so for less.
const LONG_FREEZE: SignedDuration = SignedDuration::from_millis(250);

/// See the module.
#[derive(Default)]
pub struct Progresses(Mutex<HashMap<String, Entry>>);

/// One migration.
#[derive(Clone, Debug)]
struct Entry {
    whose: Whose,
    /// What its status and its looks show.
    spec: MigrationProgressSpec,
    /// Who is asked beside it, and what they told.
    subject: Arc<Subject>,
    told: Told,
    rates: Option<Rates>,
    asked_for_rates: Option<Instant>,
    lively: bool,
    /// The most messages that were seen to wait while they were held.
    most: Option<u64>,
    noted: Instant,
    written: Option<Instant>,
    /// The freeze of the present step was written.
    freeze_written: bool,
}

/// The migration that an object belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Whose {
    namespace: String,
    name: String,
    uid: String,
}

/// A step of a handoff.
type Place = (Option<Step>, u8);

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
        let mut all = self.all();
        let entry = all
            .entry(uid)
            .or_insert_with_key(|uid| Entry::new(uid, migration, status, spec.clone()));
        if entry.place() != (spec.step, spec.handoff) {
            entry.subject = Arc::new(Subject::of(migration, status));
            (entry.told, entry.spec.waits, entry.freeze_written) = (Told::default(), None, false);
        }
        // A new place in line, or the end of a wait, is written at once and not up to half a minute later.
        if entry.spec.line != spec.line || entry.lively != lively {
            entry.written = None;
        }
        entry.spec = MigrationProgressSpec {
            waits: entry.spec.waits.take(),
            samples: std::mem::take(&mut entry.spec.samples),
            ..spec
        };
        (entry.lively, entry.noted) = (lively, Instant::now());
        work(entry);
    }

    /// It has ended: its object goes with it, or stays as it was last written. Returns the most messages that were seen to wait
    /// while they were held.
    pub fn ended(&self, migration: &StatefulMigration) -> Option<u64> {
        let uid = migration.uid()?;
        let mut all = self.all();
        all.remove(&uid)?.most
    }

    /// Messages that waited at the last look, by UID.
    pub fn waiting(&self) -> HashMap<String, u64> {
        let all = self.all();
        let last = |entry: &Entry| entry.spec.samples.last().and_then(progress::ready);
        all.iter()
            .filter_map(|(uid, entry)| Some((uid.clone(), last(entry)?)))
            .collect()
    }

    /// What has to be written now; each counts as written. `clock` is the time that people read.
    fn due(&self, now: Instant, clock: Timestamp) -> Vec<(Whose, MigrationProgressSpec)> {
        let mut all = self.all();
        all.retain(|_, entry| now.saturating_duration_since(entry.noted) < FORGOTTEN);
        all.values_mut()
            .filter_map(|entry| entry.due(now, clock))
            .collect()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn new(
        uid: &str,
        migration: &StatefulMigration,
        status: &MigrationStatus,
        spec: MigrationProgressSpec,
    ) -> Self {
        Self {
            whose: Whose {
                namespace: migration.namespace().unwrap_or_default(),
                name: migration.name_any(),
                uid: uid.to_owned(),
            },
            spec,
            subject: Arc::new(Subject::of(migration, status)),
            told: Told::default(),
            rates: None,
            asked_for_rates: None,
            lively: progress::is_lively(status),
            most: None,
            noted: Instant::now(),
            written: None,
            freeze_written: false,
        }
    }

    fn place(&self) -> Place {
        (self.spec.step, self.spec.handoff)
    }

    /// What is to be written, if its time has come.
    fn due(&mut self, now: Instant, clock: Timestamp) -> Option<(Whose, MigrationProgressSpec)> {
        let since = self.spec.frozen_since.clone().or(self.told.frozen_since.clone());
        let frozen = since
            .as_ref()
            .is_some_and(|since| clock.duration_since(since.0) >= LONG_FREEZE);
        let every = if self.lively { LIVELY } else { CALM };
        let is_old = |written| now.saturating_duration_since(written) >= every;
        if self.written.is_none_or(is_old) || (frozen && !self.freeze_written) {
            (self.written, self.freeze_written) = (Some(now), frozen);
            let spec = self.spec(since, clock);
            return Some((self.whose.clone(), spec));
        }
        None
    }

    fn spec(&self, frozen_since: Option<MicroTime>, clock: Timestamp) -> MigrationProgressSpec {
        MigrationProgressSpec {
            now: MicroTime(clock),
            frozen_since,
            archive: self.told.archive.clone(),
            rates: self.rates.clone(),
            ..self.spec.clone()
        }
    }
}
