//! Errors as the wire knows them: 4xx will not work again, 5xx may.

use std::io;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use shadow_core::reason::Reason;
use shadow_core::wire::Problem;

use crate::archive::ArchiveError;
use crate::checkpoint::CheckpointError;
use crate::checkpoint::kubelet::KubeletError;
use crate::cluster::ClusterError;
use crate::helper::Failure;
use crate::helper::client::HelperError;
use crate::image::ImageError;
use crate::image::registry::RegistryError;
use crate::keys::KeysError;
use crate::layout;
use crate::node::full_disk;
use crate::transfer::TransferError;

/// A refused request.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    reason: Reason,
    message: String,
}

impl Refusal {
    /// The same for a caller that comes later.
    pub fn into_problem(self) -> Problem {
        Problem {
            reason: self.reason,
            message: self.message,
        }
    }

    fn new(status: StatusCode, reason: Reason, message: impl ToString) -> Self {
        Self {
            status,
            reason,
            message: message.to_string(),
        }
    }

    /// The caller may not.
    pub fn forbidden(message: String) -> Self {
        Self::new(StatusCode::FORBIDDEN, Reason::Forbidden, message)
    }

    /// There is no such key.
    pub fn unknown(key: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            Reason::UnknownKey,
            format!("restore key {key} is not known on this node"),
        )
    }

    /// The request cannot be carried out as it is.
    pub fn unfit(reason: Reason, message: impl ToString) -> Self {
        Self::new(StatusCode::CONFLICT, reason, message)
    }

    /// A disk that takes nothing more: only a person can make room.
    fn disk(kind: io::ErrorKind, error: &impl ToString) -> Option<Self> {
        full_disk::takes_nothing(kind).then(|| Self::full_disk(error, " or choose another node"))
    }

    fn full_disk(error: &impl ToString, or_else: &str) -> Self {
        let message = format!(
            "{}. Archives are in {} of the node (memory on most nodes): make room there{or_else}",
            error.to_string(),
            layout::RUN
        );
        Self::unfit(Reason::DiskFull, message)
    }

    /// The agent's own trouble.
    pub fn internal(message: impl ToString) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, Reason::Internal, message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, reason, message) = (self.status.as_u16(), self.reason, &self.message);
        if self.status == StatusCode::NOT_FOUND {
            // The controller asks before it announces, and again until everything is forgotten.
            tracing::debug!(status, %reason, detail = message, "request refused");
        } else {
            tracing::warn!(status, %reason, detail = message, "request refused");
        }
        let problem = Problem {
            reason: self.reason,
            message: self.message,
        };
        (self.status, Json(problem)).into_response()
    }
}

impl From<KeysError> for Refusal {
    fn from(error: KeysError) -> Self {
        Self::disk(error.kind(), &error).unwrap_or_else(|| Self::internal(error))
    }
}

impl From<ClusterError> for Refusal {
    fn from(error: ClusterError) -> Self {
        match &error {
            ClusterError::Api { .. } => Self::new(StatusCode::BAD_GATEWAY, Reason::ApiUnavailable, error),
            ClusterError::Unfit(_) => Self::unfit(Reason::ContainerNotAsAsked, error),
        }
    }
}

impl From<HelperError> for Refusal {
    fn from(error: HelperError) -> Self {
        match &error {
            HelperError::Silent { .. } => {
                Self::new(StatusCode::BAD_GATEWAY, Reason::HelperUnavailable, error)
            }
            HelperError::Failed(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, Reason::NodeFailed, error),
        }
    }
}

impl From<CheckpointError> for Refusal {
    fn from(error: CheckpointError) -> Self {
        let failed =
            |error: &CheckpointError| Self::new(StatusCode::INTERNAL_SERVER_ERROR, Reason::DumpFailed, error);
        match error {
            CheckpointError::Cluster(error) => error.into(),
            CheckpointError::Dump(HelperError::Silent { .. }) => {
                Self::new(StatusCode::BAD_GATEWAY, Reason::HelperUnavailable, error)
            }
            CheckpointError::Kubelet(KubeletError::Refused {
                status: 403 | 401 | 404,
                ..
            }) => Self::unfit(Reason::KubeletRefused, error),
            CheckpointError::Thawed(_) => Self::unfit(Reason::Thawed, error),
            CheckpointError::GoesOn => Self::unfit(Reason::DumpFailed, error),
            CheckpointError::AtWork(_) => Self::unfit(Reason::AlreadyMoving, error),
            CheckpointError::NoRehearsal(_) => Self::unfit(Reason::Malformed, error),
            CheckpointError::Unfinished => Self::unfit(Reason::NotKnown, error),
            CheckpointError::Before(problem) => Self::unfit(problem.reason, problem.message),
            CheckpointError::Keys(error) => error.into(),
            CheckpointError::Stopping => Self::new(StatusCode::SERVICE_UNAVAILABLE, Reason::Stopping, error),
            CheckpointError::Archive(ArchiveError::Io { ref source, .. }) => {
                Self::disk(source.kind(), &error).unwrap_or_else(|| failed(&error))
            }
            CheckpointError::Archive(_) | CheckpointError::Kubelet(_) => failed(&error),
            // Nothing was begun; the source waits no longer than for any other answer.
            CheckpointError::Dump(HelperError::Failed(Failure::Busy(_))) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, Reason::HelperBusy, error)
            }
            // It was tried as often as it may help: each time the process stood still, and messages wait.
            CheckpointError::Dump(HelperError::Failed(
                Failure::Hung(_) | Failure::Lasting(_) | Failure::Other(_),
            )) => Self::unfit(Reason::DumpFailed, error),
            CheckpointError::Dump(HelperError::Failed(Failure::DiskFull(_))) => {
                // Its own node is the only one that can dump a pod.
                Self::full_disk(&error, "")
            }
        }
    }
}

impl From<ArchiveError> for Refusal {
    fn from(error: ArchiveError) -> Self {
        match &error {
            ArchiveError::Mismatch(_) => Self::unfit(Reason::DigestMismatch, error),
            ArchiveError::Refused(_) => Self::unfit(Reason::ArchiveRefused, error),
            ArchiveError::Io { source, .. } => Self::disk(source.kind(), &error)
                .unwrap_or_else(|| Self::new(StatusCode::BAD_GATEWAY, Reason::TransferFailed, error)),
        }
    }
}

impl From<ImageError> for Refusal {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Unfit(_) => Self::unfit(Reason::BadImage, error),
            ImageError::Unknown(key) => Self::unknown(key.as_str()),
            ImageError::Registry(error) => error.into(),
            ImageError::Archive(error) => error.into(),
            ImageError::Keys(error) => error.into(),
            ImageError::Stopping => Self::new(StatusCode::SERVICE_UNAVAILABLE, Reason::Stopping, error),
        }
    }
}

impl From<RegistryError> for Refusal {
    fn from(error: RegistryError) -> Self {
        match &error {
            RegistryError::Unreachable { .. } | RegistryError::Busy { .. } | RegistryError::Cut { .. } => {
                Self::new(StatusCode::BAD_GATEWAY, Reason::RegistryUnavailable, error)
            }
            RegistryError::Forbidden(_) => Self::unfit(Reason::RegistryNotAllowed, error),
            RegistryError::Refused { .. } => Self::unfit(Reason::RegistryRefused, error),
            RegistryError::Wrong(_) => Self::unfit(Reason::DigestMismatch, error),
            RegistryError::Secret(_) => Self::unfit(Reason::RegistrySecret, error),
        }
    }
}

impl From<TransferError> for Refusal {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::Unfit(_) => Self::unfit(Reason::BadFetch, error),
            TransferError::Archive(error) => error.into(),
            TransferError::Image(error) => error.into(),
            TransferError::Refused { .. } => Self::unfit(Reason::SourceRefused, error),
            TransferError::Unreachable { .. } => {
                Self::new(StatusCode::BAD_GATEWAY, Reason::TransferFailed, error)
            }
            TransferError::Keys(error) => error.into(),
            TransferError::Identity(_) => Self::internal(error),
            TransferError::Stopping => Self::new(StatusCode::SERVICE_UNAVAILABLE, Reason::Stopping, error),
        }
    }
}
