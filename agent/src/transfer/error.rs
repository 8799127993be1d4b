//! What can go wrong with a transfer.

use shadow_identity::IdentityError;

use crate::archive::ArchiveError;
use crate::image::ImageError;
use crate::keys::KeysError;

/// Why the archive is not here.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The request makes no sense.
    #[error("{0}")]
    Unfit(String),
    /// No connection, or one that broke.
    #[error("agent of node {node} at {address} cannot be reached: {why}")]
    Unreachable {
        /// Whose agent.
        node: String,
        /// Where.
        address: String,
        /// The causes, outermost first.
        why: String,
    },
    /// The other agent said no.
    #[error("agent of node {node} refused: {message}")]
    Refused {
        /// Whose agent.
        node: String,
        /// Its words.
        message: String,
    },
    /// The image could not be pulled.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// What came is not what was promised.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// No certificate.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The agent's own state.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The agent is being stopped.
    #[error("the agent stops")]
    Stopping,
}
