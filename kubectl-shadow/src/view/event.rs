//! What comes in: keys, sizes, time, and what changed in the cluster or in a file.

use crossterm::event::KeyEvent;
use jiff::Timestamp;
use serde_json::Value;

/// One thing that came in.
#[derive(Clone, Debug)]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// The terminal has another size.
    Resize(u16, u16),
    /// So late it is. Nothing in the view looks at a clock by itself: life, play and tests are one path.
    Tick(Timestamp),
    /// An object changed.
    Change(Change),
    /// The API server answered. It is no [`Change`], since it says nothing that is worth keeping.
    Link(Timestamp),
    /// Nothing more comes.
    Done,
    /// An effect has something to say.
    Said(String),
}

/// One object, as it is from a moment on. A recording is a row of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// When it was seen.
    pub at: Timestamp,
    /// What it is.
    pub kind: Kind,
    /// Namespace and name, or what identifies it among its kind.
    pub id: String,
    /// The object.
    pub what: What,
}

/// What became of an object.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// It is so, as a whole.
    Set(Value),
    /// It is gone.
    Deleted,
}

/// Kinds of objects that are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A `StatefulMigration`.
    Migration,
    /// A `MigrationProgress`: what the controller sees while it moves.
    Progress,
    /// A pod of an open migration.
    Pod,
    /// An Event on an open migration.
    Event,
    /// A node.
    Node,
    /// A pod of a node that is drained, or how the drain stands. Told by the drain itself, not by the API server.
    Drain,
    /// What can be seen at all: the API server, and rights.
    Link,
    /// A remark on the recording itself.
    Mark,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Migration,
        Self::Progress,
        Self::Pod,
        Self::Event,
        Self::Node,
        Self::Drain,
        Self::Link,
        Self::Mark,
    ];

    /// Its word in a recording.
    pub fn word(self) -> &'static str {
        match self {
            Self::Migration => "mig",
            Self::Progress => "prog",
            Self::Pod => "pod",
            Self::Event => "event",
            Self::Node => "node",
            Self::Drain => "drain",
            Self::Link => "link",
            Self::Mark => "mark",
        }
    }

    /// The kind of this word; none for one that a later version wrote.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}
