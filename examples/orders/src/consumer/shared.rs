//! What the consuming side and the HTTP side share: the state, and where the consumer stands.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::state::{State, StateSnapshot};

/// Where the consumer stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// The pod's name at the last connect.
    pub pod: String,
    /// The queue the process serves for life.
    pub primary_queue: String,
    /// The queue it reads now, if it is connected.
    pub queue: Option<String>,
    /// Whether it was told to read another queue than its primary one.
    pub replaying: bool,
    /// The control queue it reads, if any.
    pub control_queue: Option<String>,
    /// Connections made so far.
    pub generation: u64,
    /// From noticing the loss of the last connection to consuming again.
    pub last_reconnect_ms: Option<u64>,
    /// Why the last connection ended.
    pub last_loss: Option<String>,
    /// When the process started.
    pub started_at_ms: u64,
}

/// The answer of `/state`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Where the consumer stands.
    #[serde(flatten)]
    pub standing: Standing,
    /// What it remembers.
    #[serde(flatten)]
    pub state: StateSnapshot,
}

/// The answer of `/state?brief`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brief {
    /// Where the consumer stands.
    #[serde(flatten)]
    pub standing: Standing,
    /// Messages applied, duplicates included.
    pub applied: u64,
}

/// State and standing behind their locks. Never held across an await.
#[derive(Debug, Default)]
pub struct Shared {
    state: Mutex<State>,
    standing: Mutex<Standing>,
}

impl Shared {
    /// The state.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The standing.
    pub fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything as of now.
    #[must_use]
    pub fn report(&self) -> Report {
        let standing = self.standing().clone();
        Report {
            standing,
            state: self.state().snapshot(),
        }
    }

    /// The few things that change most.
    #[must_use]
    pub fn brief(&self) -> Brief {
        let standing = self.standing().clone();
        Brief {
            standing,
            applied: self.state().applied(),
        }
    }
}
