//! `MigrationProgress`: what a move does at this moment, for people who watch it. No decision rests on it.
//!
//! It is an object of its own, since each write of a migration's status carries the resource version that a decision was based on:
//! a second writer would make the commit fail.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::Step;
use crate::waiting::Waiting;

/// As many samples stand in one object; the oldest go first.
pub const SAMPLES: usize = 10;

/// What a migration does at this moment. It has name and namespace of its migration, which owns it; the controller alone writes it.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "migration.ms2m.io",
    version = "v1alpha1",
    kind = "MigrationProgress",
    plural = "migrationprogresses",
    singular = "migrationprogress",
    shortname = "smprog",
    namespaced,
    printcolumn = r#"{"name":"Step","type":"string","jsonPath":".spec.step"}"#,
    printcolumn = r#"{"name":"Seen","type":"date","jsonPath":".spec.now"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct MigrationProgressSpec {
    /// Clock of the controller at the time of writing: a client with another clock counts from here.
    pub now: MicroTime,
    /// Step under way, also where the status does not have it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// Handoff that it belongs to, from 1; 0 before the first one.
    #[serde(default)]
    pub handoff: u8,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<MicroTime>,
    /// What the step waits for, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// The place in line of a migration that has not begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<Waiting>,
    /// The source has stood still since then; absent while it runs, and where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen_since: Option<MicroTime>,
    /// The archive that is written or on its way; absent while none is, and where the agents do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Passage>,
    /// What the broker's statistics tell of the queues; absent where they tell nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rates: Option<Rates>,
    /// The newest looks at the broker, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<Sample>,
}

/// An archive that is written or on its way. What is not known is written as null: a merge patch keeps what it does not name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Passage {
    /// When the agent was asked.
    pub at: MicroTime,
    /// What is done with it.
    pub doing: Doing,
    /// Bytes that are done, uncompressed.
    pub bytes: u64,
    /// Of so many, once that is known.
    #[serde(default)]
    pub of: Option<u64>,
}

/// What is done with an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Doing {
    /// The source's node dumps it.
    Dump,
    /// The source's node sends it to a registry.
    Send,
    /// The target's node receives it.
    Receive,
}

/// What the broker's statistics tell. They are some seconds old, and a mean over some seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rates {
    /// When the broker was asked.
    pub at: MicroTime,
    /// The queue that is moved.
    #[serde(default)]
    pub primary: Option<Rate>,
    /// The queue of what came since the fence.
    #[serde(default)]
    pub backlog: Option<Rate>,
    /// The queue with the same messages.
    #[serde(default)]
    pub mirror: Option<Rate>,
}

/// Messages a second of one queue; null where the broker does not tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Rate {
    /// That came into the queue.
    pub publish: Option<f64>,
    /// That were delivered to consumers.
    pub deliver: Option<f64>,
    /// That consumers have acknowledged.
    pub ack: Option<f64>,
}

/// What one look saw. A queue that was not looked at, or is not there, is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// When.
    pub at: MicroTime,
    /// The queue that is moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<Depth>,
    /// The hold queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Depth>,
    /// The queue of what came since the fence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backlog: Option<Depth>,
    /// The queue with the same messages, for a source that goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Depth>,
}

/// A queue at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Depth {
    /// Messages that wait for a consumer.
    pub ready: u64,
    /// Messages that were delivered and are not acknowledged, where the broker tells it at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unacked: Option<u64>,
    /// Consumers.
    pub consumers: u64,
}
