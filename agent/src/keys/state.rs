//! State of one key: plain data and what can be told from it.

use serde::{Deserialize, Serialize};
use shadow_core::wire::{
    Announcement, Archive, Checkpointed, Claim, KeyReport, Problem, Pushed, Rehearsed, Transferred,
};

use crate::cluster::ClusterError;
use crate::node::ContainerId;

/// All that is known of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyState {
    /// Namespace of the migration; the sweep looks for it there.
    pub namespace: String,
    /// Who may claim the key; absent on a node that only dumped.
    pub announcement: Option<Announcement>,
    /// The one claim.
    pub claim: ClaimRecord,
    /// The dump made here.
    pub checkpointed: Option<Checkpointed>,
    /// Node whose agent may fetch that dump.
    pub target: Option<String>,
    /// What was dumped; for the annotations of an image.
    pub origin: Option<Origin>,
    /// The container stays frozen after the dump, or did.
    pub stays_frozen: bool,
    /// The image made of the dump, and its repository.
    pub pushed: Option<(String, Pushed)>,
    /// The archive is here, verified, and may be restored.
    pub fetched: Option<Fetched>,
    /// Set by an abort: every claim is answered with it.
    pub aborted: Option<String>,
    /// The dump of this key is thrown away at once.
    pub rehearsal: Option<Rehearsal>,
    /// An archive is being written.
    #[serde(skip)]
    pub busy: bool,
}

/// A dump that is thrown away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rehearsal {
    /// Nothing of it is left from then on: milliseconds since 1970.
    pub gone_by: u64,
    /// What came of it; absent: its agent ended meanwhile, or it is under way.
    pub outcome: Option<Result<Rehearsed, Problem>>,
}

/// The container that was dumped here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Origin {
    /// Name of its pod.
    pub pod: String,
    /// UID of its pod.
    pub pod_uid: String,
    /// Name of the container.
    pub container: String,
    /// Id of the container.
    pub container_id: String,
    /// Image it was started from, as its pod names it.
    pub image: String,
    /// The same by digest.
    pub image_ref: String,
}

/// A finished fetch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fetched {
    /// Digest it was verified against.
    pub digest: String,
    /// What it cost.
    pub transferred: Transferred,
}

/// The claim, with what only the agent needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum ClaimRecord {
    /// Nobody asked, or who asked has gone before it was given anything.
    #[default]
    Free,
    /// A container waits.
    Waiting(Claimant),
    /// The archive was handed out.
    Taken(Claimant),
    /// The container was restored.
    #[serde(rename_all = "camelCase")]
    Restored {
        /// Who.
        claimant: Claimant,
        /// Time of the runtime's restore.
        micros: u64,
    },
    /// The restore failed.
    #[serde(rename_all = "camelCase")]
    Failed {
        /// Who.
        claimant: Claimant,
        /// Why.
        reason: String,
    },
}

/// Who claims.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Claimant {
    /// UID of the pod.
    pub pod_uid: String,
    /// The container that is being created.
    pub container_id: String,
    /// Connection that waits; gone after a restart of the agent.
    #[serde(skip)]
    pub connection: Option<u64>,
}

impl KeyState {
    /// The container that was dumped here.
    ///
    /// # Errors
    /// When none was.
    pub fn container_id(&self) -> Result<ContainerId, ClusterError> {
        let id = self
            .origin
            .as_ref()
            .map_or("", |origin| origin.container_id.as_str());
        ContainerId::parse(id).map_err(|error| ClusterError::Unfit(error.to_string()))
    }

    /// What the controller is told.
    pub fn report(&self) -> KeyReport {
        let archive = match (&self.checkpointed, &self.fetched, self.busy) {
            (_, Some(_), _) | (Some(_), None, false) => Archive::Complete,
            (_, None, true) => Archive::Incomplete,
            (None, None, false) => Archive::Absent,
        };
        KeyReport {
            claim: self.claim_report(),
            archive,
            work: None,
        }
    }

    fn claim_report(&self) -> Claim {
        match &self.claim {
            ClaimRecord::Restored { claimant, micros } => Claim::Restored {
                pod_uid: claimant.pod_uid.clone(),
                micros: *micros,
            },
            ClaimRecord::Taken(claimant) => Claim::Taken {
                pod_uid: claimant.pod_uid.clone(),
            },
            ClaimRecord::Failed { claimant, reason } => Claim::Failed {
                pod_uid: claimant.pod_uid.clone(),
                reason: reason.clone(),
            },
            ClaimRecord::Free | ClaimRecord::Waiting(_) if self.aborted.is_some() => Claim::Aborted,
            ClaimRecord::Free => Claim::None,
            ClaimRecord::Waiting(claimant) => Claim::Waiting {
                pod_uid: claimant.pod_uid.clone(),
            },
        }
    }

    /// After a restart of the agent no connection is left: who waited has to ask again.
    pub fn after_restart(mut self) -> Self {
        if matches!(self.claim, ClaimRecord::Waiting(_)) {
            self.claim = ClaimRecord::Free;
        }
        self
    }
}
