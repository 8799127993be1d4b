//! What a plan without a move (`spec.planOnly`) says beside [`super::Plan`]: which nodes fit, and how long the move is expected to
//! take.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::Step;
use crate::reason::Reason;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outlook {
    /// All nodes but the pod's own, and what speaks against each.
    #[serde(default)]
    pub candidates: Vec<Candidate>,
    /// Memory of the container's processes, as the archive has to hold it, bytes; absent where its node does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Expected time of the whole move, milliseconds.
    pub total_millis: u64,
    /// Expected longest time in which no instance consumes, milliseconds.
    pub pause_millis: u64,
    /// Expected longest time in which the process stands still, milliseconds.
    pub freeze_millis: u64,
    /// On what these times rest.
    pub basis: ForecastBasis,
    /// How many finished moves they rest on.
    #[serde(default)]
    pub moves: u32,
    /// Expected time of each step, in order.
    #[serde(default)]
    pub steps: Vec<ExpectedStep>,
    /// What came of the dump that was asked for (`spec.rehearse`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<Rehearsal>,
}

/// A dump that was thrown away. Neither `cost` nor `failure`: it is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rehearsal {
    /// When the dump was ordered, written before it; absent where it was refused before anything was touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<MicroTime>,
    /// What it cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<RehearsalCost>,
    /// Why there was no dump, or none that could be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<RehearsalFailure>,
}

impl Rehearsal {
    /// Why the dump failed; a dump that was refused before has not failed.
    pub fn dump_failed(&self) -> Option<&RehearsalFailure> {
        self.begun.as_ref().and(self.failure.as_ref())
    }
}

/// What a dump cost that was thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RehearsalCost {
    /// How long the process stood still, milliseconds.
    pub frozen_millis: u64,
    /// What the archive took on the node, bytes: memory, writable layer and what belongs to them.
    pub archive_bytes: u64,
    /// From the order to the moment at which nothing was left of it, milliseconds.
    pub total_millis: u64,
}

/// Why a rehearsal has no figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RehearsalFailure {
    /// Short, for scripts.
    pub reason: Reason,
    /// What happened and what to do, for a person.
    pub message: String,
}

/// A node that the pod could be moved to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// Its name.
    pub node: String,
    /// What speaks against it, each as the rest of a sentence that begins with its name; nothing: it fits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub against: Vec<String>,
}

/// On what a forecast rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ForecastBasis {
    /// Finished moves of the same application.
    Application,
    /// Finished moves of other applications of this cluster, which went the same way.
    Cluster,
    /// Measurements on another machine: this cluster has not finished a move of this way.
    Measurements,
}

/// Expected time of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExpectedStep {
    /// From 1; 0 for what is before the first handoff.
    pub handoff: u8,
    /// The step.
    pub step: Step,
    /// Milliseconds.
    pub millis: u64,
}
