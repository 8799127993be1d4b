//! Models as recordings make them. All recordings here are invented: they say so in their name, in their header and on the screen.

use std::path::{Path, PathBuf};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::{SignedDuration, Timestamp};
use kubectl_shadow::view::after;
use kubectl_shadow::view::effect::Effect;
use kubectl_shadow::view::event::{Change, Event, Kind, What};
use kubectl_shadow::view::model::{Head, Model, Setting};
use kubectl_shadow::view::recording::read::{self, Recording};
use kubectl_shadow::view::source::play;
use serde_json::json;

pub(crate) fn path(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    folder.join(format!("invented-{name}.ndjson"))
}

pub(crate) fn recording(name: &str) -> Recording {
    read::file(&path(name)).unwrap()
}

/// A model and what it wanted done.
pub(crate) struct Shown {
    pub(crate) model: Model,
    pub(crate) effects: Vec<Effect>,
    begun: Timestamp,
}

impl Shown {
    /// A recording that is played, stopped so many seconds after its beginning.
    pub(crate) fn played(name: &str, seconds: f64) -> Self {
        let recording = recording(name);
        let setting = Setting {
            file: Some(format!("invented-{name}.ndjson")),
            invented: recording.header.invented,
            place: "plugin 0.1.0".to_owned(),
            namespace: recording.header.namespace.clone(),
            read_only: true,
            ..Setting::default()
        };
        let begun = recording.header.at;
        let mut shown = Self::of(Model::new(setting, Head::playing(1.0)), begun);
        play::events(recording).for_each(|event| shown.take(event));
        let at = shown.time(seconds);
        shown.model.head.show(&shown.model.history, at);
        shown.take(Event::Tick(at));
        shown.key(' ');
        shown
    }

    /// The same as it would be seen live, up to so many seconds after the beginning.
    pub(crate) fn live(name: &str, seconds: f64) -> Self {
        let recording = recording(name);
        let setting = Setting {
            place: "prod".to_owned(),
            namespace: recording.header.namespace.clone(),
            ..Setting::default()
        };
        let begun = recording.header.at;
        let mut shown = Self::of(Model::new(setting, Head::newest()), begun);
        let end = shown.time(seconds);
        let seen = recording.changes.into_iter().filter(|change| change.at <= end);
        let seen: Vec<_> = seen.map(Event::Change).collect();
        seen.into_iter().for_each(|event| shown.take(event));
        shown.take(Event::Link(end));
        shown.take(Event::Tick(end + SignedDuration::from_millis(300)));
        shown
    }

    /// A drain of which nothing has been told yet.
    pub(crate) fn draining() -> Self {
        let setting = Setting {
            place: "prod".to_owned(),
            drain: true,
            ..Setting::default()
        };
        Self::of(Model::new(setting, Head::newest()), Timestamp::UNIX_EPOCH)
    }

    /// What is seen live so many seconds after the beginning, and then the API server is silent for 12 s.
    pub(crate) fn silent(name: &str, seconds: f64) -> Self {
        let mut shown = Self::live(name, seconds);
        shown.take(Event::Change(Change {
            at: shown.time(seconds + 2.0),
            kind: Kind::Link,
            id: "api".to_owned(),
            what: What::Set(json!({"state": "silent", "why": "no answer from the API server"})),
        }));
        shown.take(Event::Tick(shown.time(seconds + 12.0)));
        shown
    }

    /// The cursor on this pod of a drain.
    pub(crate) fn select_pod(mut self, name: &str) -> Self {
        let uid = self
            .model
            .pods()
            .iter()
            .find(|pod| pod.row.pod == name)
            .map(|pod| pod.row.uid.clone());
        self.model.row = Some(uid.unwrap());
        self
    }

    fn of(model: Model, begun: Timestamp) -> Self {
        Self {
            model,
            effects: Vec::new(),
            begun,
        }
    }

    pub(crate) fn time(&self, seconds: f64) -> Timestamp {
        self.begun + SignedDuration::try_from_secs_f64(seconds).unwrap()
    }

    pub(crate) fn take(&mut self, event: Event) {
        let empty = Model::new(Setting::default(), Head::newest());
        let model = std::mem::replace(&mut self.model, empty);
        let (model, effects) = after(model, event);
        self.model = model;
        self.effects.extend(effects);
    }

    pub(crate) fn press(&mut self, code: KeyCode) {
        self.take(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }

    pub(crate) fn key(&mut self, key: char) {
        self.press(KeyCode::Char(key));
    }

    /// The cursor on the migration of this pod.
    pub(crate) fn select(mut self, pod: &str) -> Self {
        let id = self
            .model
            .entries()
            .iter()
            .find(|entry| entry.migration.spec.source_pod == pod)
            .map(|entry| entry.id.to_owned());
        self.model.list.selected = Some(id.unwrap());
        self
    }

    /// That one opened.
    pub(crate) fn open(self, pod: &str) -> Self {
        self.select(pod).pressed(&[KeyCode::Enter])
    }

    pub(crate) fn pressed(mut self, codes: &[KeyCode]) -> Self {
        codes.iter().for_each(|code| self.press(*code));
        self
    }

    pub(crate) fn typed(mut self, keys: &str) -> Self {
        keys.chars().for_each(|key| self.key(key));
        self
    }
}
