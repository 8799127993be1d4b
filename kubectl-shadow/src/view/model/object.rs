//! What is known of an object at one moment, read from its JSON. Guarantee: nothing in it can move the cursor or change
//! colours; what cannot be read is told as such and ends nothing.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use shadow_core::api::StatefulMigration;

use super::progress::Progress;
use crate::drain::{Row, Standing};
use crate::rewrite::{Field, Rewrite, rewritten};
use crate::say::printable;
use crate::view::event::Kind;

/// An object at one moment.
#[derive(Clone, Debug)]
pub enum Object {
    /// A migration.
    Migration(Box<StatefulMigration>),
    /// What the controller sees of it.
    Progress(Box<Progress>),
    /// An Event of Kubernetes.
    Event(Told),
    /// A pod of an open migration.
    Pod(Value),
    /// A pod of a node that is drained.
    Drain(Box<Row>),
    /// How the drain stands.
    Standing(Standing),
    /// What can be seen.
    Link(Link),
    /// A remark on the recording.
    Mark(String),
    /// Something that this version does not show.
    Other,
    /// It could not be read; why.
    Unread(String),
}

impl Object {
    /// What was told, if it is an Event.
    pub fn event(&self) -> Option<&Told> {
        if let Self::Event(told) = self {
            Some(told)
        } else {
            None
        }
    }

    /// The row, if it is a pod of a node that is drained.
    pub fn drain(&self) -> Option<&Row> {
        if let Self::Drain(row) = self {
            Some(row)
        } else {
            None
        }
    }

    /// What the controller sees of a migration, if it is that.
    pub fn progress(&self) -> Option<&Progress> {
        if let Self::Progress(progress) = self {
            Some(progress)
        } else {
            None
        }
    }
}

/// An Event of Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub at: Option<Timestamp>,
    /// UID of what it is about.
    pub about: String,
    /// Short word.
    pub reason: String,
    /// Sentence.
    pub note: String,
    /// It is not as wanted.
    pub warns: bool,
}

/// Whether something can be seen, and what keeps it from being seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Link {
    /// Which of the four.
    pub state: LinkState,
    /// Why, in the words of what refused.
    pub why: String,
}

/// Whether something can be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkState {
    /// It can.
    #[default]
    Seen,
    /// There is no answer at the moment.
    Silent,
    /// The right to see it is missing.
    Forbidden,
    /// The login is not accepted.
    Unknown,
    /// The server does not know it: an earlier version.
    Absent,
}

impl Object {
    /// Reads one.
    pub fn read(kind: Kind, value: &Value) -> Arc<Self> {
        let value = sanitised(value.clone());
        Arc::new(match kind {
            Kind::Migration => {
                serde_json::from_value(value).map_or_else(|e| unread(&e), |m| Self::Migration(Box::new(m)))
            }
            Kind::Progress => {
                Progress::read(value).map_or_else(|e| unread(&e), |p| Self::Progress(Box::new(p)))
            }
            Kind::Event => Self::Event(told(&value)),
            Kind::Pod => Self::Pod(value),
            Kind::Drain if value.get("uid").is_some() => {
                serde_json::from_value(value).map_or_else(|e| unread(&e), |row| Self::Drain(Box::new(row)))
            }
            Kind::Drain => serde_json::from_value(value).map_or_else(|e| unread(&e), Self::Standing),
            Kind::Link => serde_json::from_value(value).map_or_else(|e| unread(&e), Self::Link),
            Kind::Mark => Self::Mark(text(&value, "/text")),
            Kind::Node => Self::Other,
        })
    }
}

fn unread(error: &serde_json::Error) -> Object {
    Object::Unread(printable(&error.to_string()))
}

fn told(value: &Value) -> Told {
    let times = [
        "/eventTime",
        "/series/lastObservedTime",
        "/lastTimestamp",
        "/metadata/creationTimestamp",
    ];
    let at = times.iter().find_map(|path| text(value, path).parse().ok());
    let first = |paths: [&str; 2]| {
        paths
            .iter()
            .map(|path| text(value, path))
            .find(|text| !text.is_empty())
    };
    Told {
        at,
        about: first(["/involvedObject/uid", "/regarding/uid"]).unwrap_or_default(),
        reason: text(value, "/reason"),
        note: first(["/message", "/note"]).unwrap_or_default(),
        warns: text(value, "/type") == "Warning",
    }
}

fn text(value: &Value, path: &str) -> String {
    let found = value.pointer(path).and_then(Value::as_str);
    found.unwrap_or_default().to_owned()
}

/// The same with control characters written out, in every text.
fn sanitised(value: Value) -> Value {
    rewritten(value, &Printable)
}

struct Printable;

impl Rewrite for Printable {
    fn text(&self, text: &str) -> String {
        printable(text)
    }

    fn field(&self, name: String, value: Value) -> Option<(String, Field)> {
        Some((printable(&name), Field::Walked(value)))
    }
}
