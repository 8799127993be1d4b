//! What can go wrong on the node.

use std::io;
use std::path::Path;

use crate::archive::ArchiveError;

/// Why an operation on the node failed.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The file system or the kernel refused.
    #[error("{what}: {source}")]
    Io {
        /// What was tried, with the path.
        what: String,
        /// The cause.
        source: io::Error,
    },
    /// A program failed.
    #[error("{program} failed: {message}")]
    Program {
        /// Which, with its subcommand.
        program: String,
        /// Its own words.
        message: String,
    },
    /// The node is not as it has to be.
    #[error("{0}")]
    Unfit(String),
    /// Something of the container stands in the way, and will when it is tried again.
    #[error("{0}")]
    Lasting(String),
    /// The disk that archives are kept on is full.
    #[error("{0}")]
    DiskFull(String),
    /// The rw layer could not be saved.
    #[error("could not save the container's files: {0}")]
    Layer(#[from] ArchiveError),
}

impl NodeError {
    pub(crate) fn at(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            what: format!("{what} {}", path.display()),
            source,
        }
    }

    pub(crate) fn call(what: &'static str) -> impl FnOnce(nix::Error) -> Self {
        move |errno| Self::Io {
            what: what.to_owned(),
            source: errno.into(),
        }
    }
}
