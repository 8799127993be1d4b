//! What can be wrong with an archive.

use std::io;
use std::path::Path;

/// Why an archive could not be made, read or believed.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file system or the stream failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried, with the path.
        what: String,
        /// The cause.
        source: io::Error,
    },
    /// The content breaks a rule; it will not work again.
    #[error("archive refused: {0}")]
    Refused(String),
    /// Digest, size or name differ from what was promised.
    #[error("the archive is not the one that was dumped: {0}")]
    Mismatch(String),
}

impl ArchiveError {
    /// Adds what was tried to an I/O error.
    pub(crate) fn at(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            what: format!("{what} {}", path.display()),
            source,
        }
    }

    /// The same for a system call.
    pub(crate) fn call(what: &'static str, path: &Path) -> impl FnOnce(nix::Error) -> Self {
        move |errno| Self::Io {
            what: format!("{what} {}", path.display()),
            source: errno.into(),
        }
    }
}
