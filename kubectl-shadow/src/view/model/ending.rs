//! How what was watched has ended.

use super::Model;
use super::list::Entry;
use super::object::Object;
use super::state::State;
use crate::ending::Ending;
use crate::render;
use crate::view::event::Kind;

impl Model {
    /// How it ended, as an exit code: the worst of what was watched.
    pub fn ending(&self) -> Ending {
        if let Some(standing) = self.newest_standing().filter(|_| self.is_drain()) {
            return crate::drain::ending(&self.newest_rows(), standing.stopped);
        }
        let endings = self.watched().map(|entry| self.ending_of(&entry));
        endings.fold(Ending::Done, Ending::worse)
    }

    /// What was watched, as it is now: what was named, or else what was under way at some time.
    pub fn watched(&self) -> impl Iterator<Item = Entry<'_>> {
        let newest = self.history.newest();
        let is_named = !self.setting.wanted.is_empty();
        self.all_entries(newest).filter(move |entry| {
            let mut versions = self.history.versions(Kind::Migration, entry.id, newest);
            let was_open = |(_, object): (_, &Object)| matches!(object, Object::Migration(one) if !State::of(one).is_over());
            is_named || versions.any(was_open)
        })
    }

    fn ending_of(&self, entry: &Entry<'_>) -> Ending {
        let ending = entry.migration.status.as_ref().and_then(render::ending);
        let goes_on = match (&self.setting.file, entry.state) {
            // How it ends will not be seen.
            (Some(_), _) | (None, State::Gone) => Ending::Unknown,
            (None, _) => Ending::Interrupted,
        };
        ending.unwrap_or(goes_on)
    }
}
