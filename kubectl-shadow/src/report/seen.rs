//! What was seen of moves: changes, as a recording has them, and from where.

use std::path::Path;

use jiff::Timestamp;

use super::story::{Origin, OriginKind};
use crate::latest::rank;
use crate::view::after;
use crate::view::event::{Change, Event, Kind};
use crate::view::model::list::Entry;
use crate::view::model::{Head, Model, Setting};
use crate::view::recording::read::Recording;

/// What was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// From where.
    pub origin: Origin,
    /// In the order of time, without secrets ([`crate::view::recording::clean`]).
    pub changes: Vec<Change>,
    /// What could not be seen; one sentence each.
    pub unseen: Vec<String>,
}

impl Seen {
    /// In a recording.
    pub fn in_recording(file: &Path, recording: Recording) -> Self {
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
        let last = recording.changes.last().map(|change| change.at);
        let unseen = match recording.ended {
            Some(_) => Vec::new(),
            None => {
                vec![
                    "the end of the recording: the file ends without its last line, so it was torn"
                        .to_owned(),
                ]
            }
        };
        Self {
            origin: Origin {
                kind: OriginKind::Recording,
                name: name.into_owned(),
                at: recording.ended.or(last),
                invented: recording.header.invented,
            },
            changes: recording.changes,
            unseen,
        }
    }

    /// The model of the live view that has seen all of it.
    pub fn model(&self) -> Model {
        let setting = Setting {
            // It is shown as a past that is over: no clock goes on in it.
            file: Some(self.origin.name.clone()),
            invented: self.origin.invented,
            read_only: true,
            ..Setting::default()
        };
        let events = self.changes.iter().cloned().map(Event::Change);
        let model = events.fold(Model::new(setting, Head::newest()), |model, event| {
            after(model, event).0
        });
        let mut model = after(model, Event::Done).0;
        model.head.count = model.history.newest();
        model.head.at = self.last();
        model
    }

    /// When the last of it was seen.
    pub fn last(&self) -> Option<Timestamp> {
        self.origin
            .at
            .or_else(|| self.changes.last().map(|change| change.at))
    }

    /// The changes of one object.
    pub fn of<'a>(&'a self, kind: Kind, id: &'a str) -> impl Iterator<Item = &'a Change> {
        self.changes
            .iter()
            .filter(move |change| change.kind == kind && change.id == id)
    }
}

/// The id of the migration that `name` means: its own name, or the latest one of a pod. Without a name, the only one.
pub fn chosen(model: &Model, name: Option<&str>, namespace: Option<&str>) -> Result<String, String> {
    let is_here = |id: &str| namespace.is_none_or(|namespace| id.split('/').next() == Some(namespace));
    let mut all: Vec<Entry<'_>> = model
        .all_entries(model.history.newest())
        .filter(|entry| is_here(entry.id))
        .collect();
    all.sort_by_key(|entry| (rank(entry.migration), entry.id));
    let Some(name) = name else {
        return match all.as_slice() {
            [only] => Ok(only.id.to_owned()),
            [] => Err("there is no migration in it".to_owned()),
            several => Err(format!(
                "it holds several migrations. Name one of {}",
                ids(several)
            )),
        };
    };
    let own = all
        .iter()
        .find(|entry| entry.id == name || entry.id.rsplit('/').next() == Some(name));
    let of_pod = || {
        all.iter()
            .rev()
            .find(|entry| entry.migration.spec.source_pod == name)
    };
    own.or_else(of_pod)
        .map(|entry| entry.id.to_owned())
        .ok_or_else(|| {
            let there = if all.is_empty() {
                "none at all".to_owned()
            } else {
                ids(&all)
            };
            format!("it holds no migration {name}, and none of a pod {name}; there is {there}")
        })
}

fn ids(entries: &[Entry<'_>]) -> String {
    let ids: Vec<&str> = entries.iter().map(|entry| entry.id).collect();
    ids.join(", ")
}
