//! What of the model is shown at the moment.

use jiff::{SignedDuration, Timestamp};

use shadow_core::api::{MigrationStatus, Step};
use shadow_core::forecast::{self, Finished, Forecast, Way};
use shadow_core::progress;

use super::list::{self, Entry};
use super::object::LinkState;
use super::object::Object;
use super::progress::{Bytes, Progress, Sample};
use super::state::State;
use super::{MIGRATIONS, Model, Pace, Screen, history};
use crate::view::event::Kind;

/// Columns of a picture of rates over time.
const SAMPLES: usize = 600;

impl Model {
    /// So late it is in the picture. While nothing is seen, clocks stand at the last sight.
    pub fn clock(&self) -> Timestamp {
        let at = self.head.at.or(self.now).unwrap_or_default();
        let at = self.silent_since().map_or(at, |since| at.min(since));
        at.checked_sub(self.ahead()).unwrap_or(at)
    }

    /// By how much the clock here is ahead of the controller's, whose times are shown: known once the controller tells its own,
    /// from the word that came the quickest.
    fn ahead(&self) -> SignedDuration {
        let Screen::Migration(id) = &self.screen else {
            return SignedDuration::ZERO;
        };
        let told = self.history.versions(Kind::Progress, id, self.head.count);
        let ahead = told.filter_map(|(at, object)| Some(at.duration_since(object.progress()?.now?)));
        ahead.min().unwrap_or_default()
    }

    /// Migrations that a later version wrote, and this one cannot read.
    pub fn unread(&self) -> usize {
        let all = self.history.objects(Kind::Migration, self.head.count);
        all.filter(|(_, object, gone)| !gone && matches!(object, Object::Unread(_)))
            .count()
    }

    /// The migrations that are shown, in their order.
    pub fn entries(&self) -> Vec<Entry<'_>> {
        let mut entries: Vec<Entry<'_>> = self
            .all_entries(self.head.count)
            .filter(|entry| list::passes(&self.list.filter, entry))
            .collect();
        list::sort(&mut entries, self.list.sort, self.list.reversed, self.clock());
        entries
    }

    /// All migrations that are wanted, as they were then.
    pub fn all_entries(&self, count: history::Count) -> impl Iterator<Item = Entry<'_>> {
        let wanted = &self.setting.wanted;
        let namespace = self
            .setting
            .namespace
            .as_deref()
            .filter(|_| !self.list_is_of_all() && self.setting.file.is_none());
        let is_here = move |id: &str| namespace.is_none_or(|here| id.split('/').next() == Some(here));
        self.history
            .objects(Kind::Migration, count)
            .filter(move |(id, _, _)| is_here(id))
            .filter_map(move |(id, object, gone)| {
                let Object::Migration(migration) = object else {
                    return None;
                };
                let name = id.rsplit('/').next().unwrap_or(id);
                let is_wanted = |one: &String| one == name || *one == migration.spec.source_pod || one == id;
                // Plans come and go by the dozen while a drain is planned; they move nothing.
                let is_shown = if wanted.is_empty() {
                    !migration.spec.plan_only
                } else {
                    wanted.iter().any(is_wanted)
                };
                is_shown.then(|| Entry {
                    id,
                    migration,
                    state: if gone { State::Gone } else { State::of(migration) },
                })
            })
    }

    /// One migration as it is shown.
    pub fn entry(&self, id: &str) -> Option<Entry<'_>> {
        let (id, object, gone) = self.history.named(Kind::Migration, id, self.head.count)?;
        let Object::Migration(migration) = object else {
            return None;
        };
        Some(Entry {
            id,
            migration,
            state: if gone { State::Gone } else { State::of(migration) },
        })
    }

    /// The id that keys act on.
    pub fn chosen(&self) -> Option<String> {
        match &self.screen {
            Screen::Migration(id) => Some(id.clone()),
            Screen::Drain => {
                let pods = self.pods();
                let (_, pod) = self.chosen_pod(&pods)?;
                pod.entry.map(|entry| entry.id.to_owned())
            }
            Screen::Overview => {
                let entries = self.entries();
                let selected = self.list.selected.as_deref();
                let found = entries
                    .iter()
                    .find(|entry| Some(entry.id) == selected)
                    .or(entries.first());
                found.map(|entry| entry.id.to_owned())
            }
        }
    }

    /// What the controller saw of a migration.
    pub fn progress(&self, id: &str) -> Option<&Progress> {
        match self.history.object(Kind::Progress, id, self.head.count)? {
            (Object::Progress(progress), false) => Some(progress),
            (_, _) => None,
        }
    }

    /// The archive that is written or on its way, and its bytes a second. What the controller saw last may be of a step that the status
    /// knows to be over.
    pub fn archive(&self, entry: &Entry<'_>) -> Option<(Bytes, Option<f64>)> {
        let status = entry
            .migration
            .status
            .as_ref()
            .filter(|_| !entry.state.is_over())?;
        let progress = self.progress(entry.id)?;
        let archive = progress.archive.filter(|_| is_of_now(progress, status))?;
        let mut before = None;
        for (_, object) in self.history.versions(Kind::Progress, entry.id, self.head.count) {
            if let Object::Progress(earlier) = object {
                let same = (earlier.step, earlier.leg) == (progress.step, progress.leg);
                before = earlier
                    .archive
                    .filter(|earlier| same && earlier.at < archive.at)
                    .or(before);
            }
        }
        let speed = before.and_then(|before: Bytes| archive.speed(&before));
        Some((archive, speed))
    }

    /// Since when the source stands still. Once its dump is on record, the status knows.
    pub fn frozen_since(&self, entry: &Entry<'_>) -> Option<Timestamp> {
        let status = entry
            .migration
            .status
            .as_ref()
            .filter(|_| !entry.state.is_over())?;
        if let Some(since) = progress::stands_since(status) {
            return Some(since.0);
        }
        let progress = self.progress(entry.id)?;
        let dumps = progress.step == Some(Step::Checkpoint) && is_of_now(progress, status);
        progress.frozen_since.filter(|_| dumps)
    }

    /// How long its steps will take, from the moves that are seen here. A small memory is taken until the first dump tells its size.
    pub fn forecast(&self, status: &MigrationStatus) -> Option<Forecast> {
        let plan = status.plan.as_ref()?;
        let dump = status.legs.first().and_then(|leg| leg.checkpoint.as_ref());
        let bytes = dump.map_or(1 << 20, |dump| dump.bytes);
        let all = self.all_entries(self.head.count);
        let past: Vec<Finished> = all.filter_map(|entry| Finished::of(entry.migration)).collect();
        Some(forecast::of(
            Way::of(plan),
            &forecast::application(plan),
            bytes,
            &past,
        ))
    }

    /// All looks at the queues of a migration, oldest first.
    pub fn samples(&self, id: &str) -> Vec<&Sample> {
        let mut samples: Vec<&Sample> = Vec::new();
        for (_, object) in self.history.versions(Kind::Progress, id, self.head.count) {
            if let Object::Progress(progress) = object {
                let last = samples.last().map(|sample| sample.at);
                samples.extend(
                    progress
                        .samples
                        .iter()
                        .filter(|sample| last.is_none_or(|last| sample.at > last)),
                );
            }
        }
        samples.split_off(samples.len().saturating_sub(SAMPLES))
    }

    /// Whether all namespaces are looked at.
    pub fn list_is_of_all(&self) -> bool {
        self.list.everywhere || self.setting.namespace.is_none()
    }

    /// Whether the picture changes by time alone.
    pub fn moves(&self) -> bool {
        match self.head.pace {
            Pace::Playing(_) => true,
            Pace::Frozen | Pace::Ended => false,
            Pace::Newest => self
                .all_entries(self.head.count)
                .any(|entry| !entry.state.is_over()),
        }
    }

    /// Whether everything that was watched has ended, in the picture.
    pub fn is_over(&self) -> bool {
        if self.is_drain() {
            return self.drain_is_over();
        }
        let is_known = self
            .link(MIGRATIONS)
            .is_some_and(|link| link.state == LinkState::Seen);
        let mut entries = self.all_entries(self.head.count).peekable();
        (is_known || entries.peek().is_some()) && entries.all(|entry| entry.state.is_over())
    }
}

/// Whether what the controller saw is not of a step that the status knows to be over.
fn is_of_now(progress: &Progress, status: &MigrationStatus) -> bool {
    let (Some(step), Some(leg)) = (progress.step, progress.leg) else {
        return false;
    };
    let mut records = status.steps.iter().rev();
    let record = records.find(|record| record.step == step && record.leg == leg);
    record.is_none_or(|record| record.finished.is_none())
}
