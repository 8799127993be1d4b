//! Messages on the claim socket: one JSON line each.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use shadow_core::names::Key;

/// Version of these messages; both sides refuse another.
pub const VERSION: u32 = 1;

/// What shadow-runc says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "ask")]
pub enum Ask {
    /// May this container be restored? The answer may take a while.
    Claim(ClaimRequest),
    /// How the restore went.
    Outcome(RestoreOutcome),
}

/// A container that is being created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimRequest {
    /// [`VERSION`].
    pub version: u32,
    /// Restore key from the pod's annotation.
    pub key: Key,
    /// Name of the migration from the pod's annotation.
    pub migration: String,
    /// Namespace of the pod.
    pub namespace: String,
    /// Pod.
    pub pod: String,
    /// UID of the pod.
    pub pod_uid: String,
    /// Name of the container.
    pub container: String,
    /// Id of the container.
    pub container_id: String,
}

/// End of a restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreOutcome {
    /// Restore key.
    pub key: Key,
    /// The container.
    pub container_id: String,
    /// Whether it runs.
    pub ok: bool,
    /// Why not.
    pub message: String,
    /// Time of the runtime's restore.
    pub micros: u64,
}

/// What the agent says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "answer")]
pub enum Answer {
    /// Restore from this folder.
    Restore {
        /// Complete, verified archive.
        dir: PathBuf,
    },
    /// Fail the creation.
    Refused {
        /// For the pod's events.
        why: String,
    },
    /// Start from the image.
    Fresh {
        /// For the log.
        why: String,
    },
    /// The outcome is on disk.
    Recorded,
}
