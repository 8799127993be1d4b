//! What the view knows and shows. Pure: time comes in from outside, and nothing here draws.

pub mod drain;
mod ending;
pub mod flow;
pub mod head;
pub mod history;
pub mod list;
pub mod news;
pub mod object;
pub mod pipeline;
pub mod progress;
mod shown;
mod sight;
pub mod state;

use jiff::Timestamp;

pub use head::{Head, Pace};
pub use history::History;
use list::Sort;
pub use sight::{API, EVENTS, MIGRATIONS, Missing, PODS, PROGRESS, Sight, Unseen};

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
    /// A drain was seen: its screen is where everything begins.
    pub drained: bool,
    /// UID of the pod under the cursor of a drain.
    pub row: Option<String>,
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
    /// It is a drain that is shown.
    pub drain: bool,
    /// The view leaves at the end by itself.
    pub exit: bool,
}

/// What fills the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Screen {
    /// All migrations.
    Overview,
    /// A node that is drained.
    Drain,
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
    /// The question whether the drain is to be stopped: so much of the node's name has been typed.
    Stop(String),
    /// The question whether the drain is to be left before its end.
    Leave,
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
        let is_drain = setting.drain;
        Self {
            setting,
            history: History::default(),
            head,
            now: None,
            answered: None,
            whole: false,
            size: (80, 24),
            screen: if is_drain { Screen::Drain } else { Screen::Overview },
            over: None,
            list: List::default(),
            drained: is_drain,
            row: None,
            panel: Panel::Events,
            filled: false,
            scroll: 0,
            said: None,
            recording: None,
            opened: false,
            left: false,
        }
    }
}
