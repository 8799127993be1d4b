//! What the view knows and shows. Pure: time comes in from outside, and nothing here draws.

pub mod flow;
pub mod head;
pub mod history;
pub mod list;
pub mod news;
pub mod object;
pub mod pipeline;
pub mod progress;
mod sight;
pub mod state;

use jiff::Timestamp;

pub use head::{Head, Pace};
pub use history::History;
use list::{Entry, Sort};
use object::Object;
use progress::{Progress, Sample};
pub use sight::{API, EVENTS, MIGRATIONS, Missing, PROGRESS, Sight, Unseen};
use state::State;

use crate::ending::Ending;
use crate::render;
use crate::view::event::Kind;

/// Columns of a picture of rates over time.
const SAMPLES: usize = 600;

/// Everything.
#[derive(Debug)]
pub struct Model {
    /// What does not change.
    pub setting: Setting,
    /// What was seen.
    pub history: History,
    /// Which moment is shown.
    pub head: Head,
    /// Time of the last tick.
    pub now: Option<Timestamp>,
    /// When the API server last answered.
    pub answered: Option<Timestamp>,
    /// Nothing more comes.
    pub whole: bool,
    /// Size of the terminal.
    pub size: (u16, u16),
    /// What fills the screen.
    pub screen: Screen,
    /// What lies over it.
    pub over: Option<Over>,
    /// The list.
    pub list: List,
    /// The panel that keys move in.
    pub panel: Panel,
    /// It fills the screen.
    pub filled: bool,
    /// How far it is scrolled.
    pub scroll: usize,
    /// What an effect said last, and when.
    pub said: Option<(String, Timestamp)>,
    /// The file that is written.
    pub recording: Option<String>,
    /// The only migration that is wanted was opened once.
    pub opened: bool,
    /// The view is over.
    pub left: bool,
}

/// What does not change while the view is open.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// The file that is played; none while the view is live.
    pub file: Option<String>,
    /// The recording is made up.
    pub invented: bool,
    /// Context of the kubeconfig, or the recording's plugin.
    pub place: String,
    /// Namespace; none: all.
    pub namespace: Option<String>,
    /// Names of the migrations that are wanted; empty: all.
    pub wanted: Vec<String>,
    /// Nothing can be changed from here.
    pub read_only: bool,
    /// The view leaves at the end by itself.
    pub exit: bool,
}

/// What fills the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Screen {
    /// All migrations.
    Overview,
    /// One, by its id.
    Migration(String),
}

/// What lies over the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Over {
    /// The keys.
    Help,
    /// The question whether this migration is to be undone.
    Cancel(String),
    /// Why it cannot be undone, or another refusal.
    Refusal(Vec<String>),
    /// The filter is being typed.
    Filter,
    /// A text: of which kind, and of which migration.
    Text(Text, String),
}

/// Texts that can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// The object.
    Yaml,
    /// Verdict and premises.
    Verdict,
    /// What the state means.
    Explanation,
    /// Notes, conditions and Events of the steps.
    Notes,
}

/// The list of the overview.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// The id under the cursor.
    pub selected: Option<String>,
    /// The order.
    pub sort: Sort,
    /// The other way round.
    pub reversed: bool,
    /// What is shown.
    pub filter: String,
    /// More columns.
    pub wide: bool,
    /// All namespaces are looked at, although the command named one.
    pub everywhere: bool,
}

/// Panels of the screen of one migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Panel {
    /// The steps.
    Steps,
    /// The way of the messages.
    Messages,
    /// Both instances.
    Instances,
    /// What is proven.
    Proof,
    /// What was told.
    Events,
}

impl Panel {
    /// All of them, in the order of Tab.
    pub const ALL: [Self; 5] = [
        Self::Steps,
        Self::Messages,
        Self::Instances,
        Self::Proof,
        Self::Events,
    ];
}

impl Model {
    /// One that has seen nothing yet.
    pub fn new(setting: Setting, head: Head) -> Self {
        Self {
            setting,
            history: History::default(),
            head,
            now: None,
            answered: None,
            whole: false,
            size: (80, 24),
            screen: Screen::Overview,
            over: None,
            list: List::default(),
            panel: Panel::Events,
            filled: false,
            scroll: 0,
            said: None,
            recording: None,
            opened: false,
            left: false,
        }
    }

    /// So late it is in the picture. While nothing is seen, clocks stand at the last sight.
    pub fn clock(&self) -> Timestamp {
        let at = self.head.at.or(self.now).unwrap_or_default();
        match self.silent_since() {
            Some(since) => at.min(since),
            None => at,
        }
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
        self.history
            .objects(Kind::Migration, count)
            .filter_map(move |(id, object, gone)| {
                let Object::Migration(migration) = object else {
                    return None;
                };
                let name = id.rsplit('/').next().unwrap_or(id);
                let is_wanted = |one: &String| one == name || *one == migration.spec.source_pod || one == id;
                (wanted.is_empty() || wanted.iter().any(is_wanted)).then(|| Entry {
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

    /// How it ended, as an exit code: the worst of what was watched.
    pub fn ending(&self) -> Ending {
        let endings = self.watched().map(|entry| self.ending_of(&entry));
        endings
            .max_by_key(|ending| severity(*ending))
            .unwrap_or(Ending::Done)
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
            // Nobody will see how it ends.
            (Some(_), _) | (None, State::Gone) => Ending::Unknown,
            (None, _) => Ending::Interrupted,
        };
        ending.unwrap_or(goes_on)
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
        let mut entries = self.all_entries(self.head.count).peekable();
        entries.peek().is_some() && entries.all(|entry| entry.state.is_over())
    }
}

fn severity(ending: Ending) -> u8 {
    match ending {
        Ending::Done => 0,
        Ending::Cancelled => 1,
        Ending::Refused => 2,
        Ending::Failed => 3,
        Ending::NotExact => 4,
        Ending::MemoryLost => 5,
        Ending::Unknown => 6,
        Ending::Interrupted => 7,
    }
}
