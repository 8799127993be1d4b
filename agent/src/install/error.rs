//! What can go wrong when a node is changed.

use std::io;
use std::path::Path;

use crate::node::NodeError;

/// Why the handler could not be put in place or taken away.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The file system refused.
    #[error("could not {what}: {source}")]
    Io {
        /// What was tried, with the path.
        what: String,
        /// The cause.
        source: io::Error,
    },
    /// The node is not as it has to be.
    #[error("{0}")]
    Unfit(String),
    /// A step inside the node failed.
    #[error(transparent)]
    Node(#[from] NodeError),
}

impl InstallError {
    pub(crate) fn at(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            what: format!("{what} {}", path.display()),
            source,
        }
    }
}
