//! What a plan without a move (`spec.planOnly`) says beside [`super::Plan`]: which nodes fit, and how long the move is expected to
//! take.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::Step;

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
