//! How a drain as a whole stands, and what a person may want of it meanwhile.

use serde::{Deserialize, Serialize};

/// See the module. In a recording it is the object of the change of kind `drain` with the id [`Standing::ID`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// The node.
    pub node: String,
    /// What goes on.
    pub stage: Stage,
    /// Pods that are not consumers are evicted, too.
    #[serde(default)]
    pub evict_rest: bool,
    /// A person stopped it, or left it before its end.
    #[serde(default)]
    pub stopped: bool,
    /// Why it ended before its time, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Standing {
    /// Its id among the rows, which have UIDs.
    pub const ID: &'static str = "node";
}

/// What goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// Moves are ordered.
    #[default]
    Running,
    /// No new moves begin.
    Paused,
    /// It was stopped: what is under way comes to its end.
    Stopping,
    /// Nothing more is done.
    Over,
}

impl Stage {
    /// What it means, in half a sentence; nothing while all goes its way.
    pub fn words(self) -> Option<&'static str> {
        match self {
            Self::Running => None,
            Self::Paused => Some("no new moves begin (p: go on)"),
            Self::Stopping => Some("stopping"),
            Self::Over => Some("over"),
        }
    }
}

/// What a person wants of a drain that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// No new moves begin.
    Pause,
    /// They may begin again.
    GoOn,
    /// No new moves, and what can still be undone is undone.
    Stop,
}
