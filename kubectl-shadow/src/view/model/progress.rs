//! `MigrationProgress`: what the controller sees of a move while it goes on. Each field may be missing; an earlier server writes
//! no such object at all, and the view lives on the status alone then.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use shadow_core::api::Step;

/// What the controller saw.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Progress {
    /// The controller's clock when it wrote this.
    pub now: Option<Timestamp>,
    /// The step that is under way, which the status may not name yet.
    pub step: Option<Step>,
    /// Its handoff.
    pub leg: Option<u8>,
    /// Place in line, from 1.
    pub place: Option<u32>,
    /// Since when the process has stood still.
    pub frozen_since: Option<Timestamp>,
    /// The queues of the move.
    pub queues: Queues,
    /// Messages a second.
    pub rates: Option<Rates>,
    /// The archive on its way.
    pub transfer: Option<Bytes>,
    /// What the looks of the last second saw.
    pub samples: Vec<Sample>,
}

/// The queues of a move.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Queues {
    /// The application's own.
    pub primary: Option<Queue>,
    /// On which a held instance waits.
    pub hold: Option<Queue>,
    /// New messages while the primary one is fenced.
    pub backlog: Option<Queue>,
    /// The same once more.
    pub mirror: Option<Queue>,
    /// Messages for the application.
    pub control: Option<Queue>,
}

/// One queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Queue {
    /// Messages that wait.
    pub ready: u64,
    /// Messages that were delivered and are not confirmed.
    pub unacked: u64,
    /// Consumers.
    pub consumers: Option<u32>,
}

/// Messages a second.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rates {
    /// That come.
    pub r#in: Option<f64>,
    /// That are delivered.
    pub out: Option<f64>,
    /// From what this is known: `growth` of the queue, or the `broker`.
    pub of: Option<String>,
}

/// Bytes of so many.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Bytes {
    /// Done.
    pub bytes: u64,
    /// In all, once known.
    pub of: Option<u64>,
    /// Bytes a second.
    pub per_second: Option<f64>,
}

/// One look.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// When.
    pub at: Timestamp,
    /// Messages that wait in the primary queue.
    #[serde(default)]
    pub ready: Option<u64>,
    /// Messages that were delivered and are not confirmed.
    #[serde(default)]
    pub unacked: Option<u64>,
    /// Messages a second that come.
    #[serde(default)]
    pub r#in: Option<f64>,
    /// Messages a second that are delivered.
    #[serde(default)]
    pub out: Option<f64>,
}

impl Progress {
    /// Reads it from the object, wherever in it these fields stand.
    pub fn read(mut object: Value) -> serde_json::Result<Self> {
        let inner = ["progress", "status"]
            .into_iter()
            .find_map(|field| object.get_mut(field).map(Value::take));
        serde_json::from_value(inner.unwrap_or(object))
    }
}
