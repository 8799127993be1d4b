//! Messages between agent and helper.

use serde::{Deserialize, Serialize};
use shadow_core::names::Key;
use shadow_core::wire::{FreezeOrder, Frozen, NodeFacts, Preflight};

use crate::node::dump::Dumped;
use crate::node::{ContainerId, NodeError};

/// A request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "ask")]
pub enum Ask {
    /// Dump a container into the folder of the key; it goes on running, unless it is to stay frozen.
    Dump {
        /// Restore key.
        key: Key,
        /// Container.
        container_id: ContainerId,
        /// It stays frozen after the dump, at most for so long since it was paused, milliseconds.
        stay_frozen_millis: Option<u64>,
        /// It is given up after so long, milliseconds, also while it writes; absent: as late as any dump.
        #[serde(default)]
        within_millis: Option<u64>,
    },
    /// Keep a container frozen that stays so after its dump, or let it go on.
    Freeze {
        /// Key of the dump.
        key: Key,
        /// Container.
        container_id: ContainerId,
        /// What is wanted.
        order: FreezeOrder,
    },
    /// Kill a container's first process once nobody talks to it any more.
    Kill {
        /// Container.
        container_id: ContainerId,
        /// Nothing came in for so long, milliseconds.
        quiet_millis: u64,
    },
    /// Let a paused container go on.
    Thaw {
        /// Container.
        container_id: ContainerId,
    },
    /// Count a container's connections.
    Connections {
        /// Container.
        container_id: ContainerId,
        /// Port that they lead to.
        port: u16,
    },
    /// Look for what cannot be dumped.
    Preflight {
        /// Container.
        container_id: ContainerId,
        /// Also measure its writable layer.
        #[serde(default)]
        layer: bool,
    },
    /// Read the node's facts.
    Inspect,
}

/// The answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "answer", content = "content")]
pub enum Answer {
    /// To [`Ask::Dump`].
    Dumped(Dumped),
    /// To [`Ask::Kill`] and [`Ask::Thaw`].
    Done,
    /// To [`Ask::Kill`]: somebody talks to it, nothing was killed.
    InUse,
    /// To [`Ask::Freeze`].
    Frozen(Frozen),
    /// To [`Ask::Connections`].
    Connected(u32),
    /// To [`Ask::Preflight`].
    Looked(Preflight),
    /// To [`Ask::Inspect`].
    Node(NodeFacts),
    /// It did not work; why.
    Failed(Failure),
}

/// Why something did not work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase", tag = "because", content = "why")]
pub enum Failure {
    /// The disk that archives are kept on is full: only a person can make room.
    #[error("{0}")]
    DiskFull(String),
    /// Nothing was begun: others are asked for at this moment.
    #[error("{0}")]
    Busy(String),
    /// It stood still and was given up. Once more would keep the container paused for as long again.
    #[error("{0}")]
    Hung(String),
    /// Something of the container stands in the way. Once more would end in the same way.
    #[error("{0}")]
    Lasting(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::DiskFull(_) => Self::DiskFull(error.to_string()),
            NodeError::Lasting(_) => Self::Lasting(error.to_string()),
            NodeError::Io { .. } | NodeError::Program { .. } | NodeError::Unfit(_) | NodeError::Layer(_) => {
                Self::Other(error.to_string())
            }
        }
    }
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::Other(why)
    }
}
