//! Programs that work for us name a full disk each in its own way, or not at all. The disk itself tells.

use std::io;
use std::path::Path;

use nix::sys::statvfs::statvfs;

use super::NodeError;
use crate::archive::ArchiveError;

/// No archive is smaller, bytes.
const NOTHING: u64 = 64 * 1024;

/// The same failure, or a full disk if one is behind it: below `folder` nothing more can be written.
pub fn or(error: NodeError, folder: &Path) -> NodeError {
    if says_so(&error) {
        return NodeError::DiskFull(error.to_string());
    }
    match statvfs(folder).map(|disk| disk.blocks_available() * disk.fragment_size()) {
        Ok(left) if left < NOTHING => NodeError::DiskFull(format!(
            "{error}; {} has {} kB left",
            folder.display(),
            left / 1024
        )),
        // A disk that cannot be asked does not explain a failure.
        Ok(_) | Err(_) => error,
    }
}

/// A disk that takes nothing more.
pub fn takes_nothing(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::ReadOnlyFilesystem
    )
}

fn says_so(error: &NodeError) -> bool {
    match error {
        NodeError::DiskFull(_) => true,
        NodeError::Io { source, .. } | NodeError::Layer(ArchiveError::Io { source, .. }) => {
            takes_nothing(source.kind())
        }
        NodeError::Program { .. } | NodeError::Unfit(_) | NodeError::Lasting(_) | NodeError::Layer(_) => {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn program() -> NodeError {
        NodeError::Program {
            program: "runc".into(),
            message: "exit status: 1".into(),
        }
    }

    #[test]
    fn a_failure_with_room_left_stays_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let error = or(program(), folder.path());
        assert!(matches!(error, NodeError::Program { .. }), "{error}");
        assert!(matches!(
            or(program(), Path::new("/not/there")),
            NodeError::Program { .. }
        ));
    }

    #[test]
    fn a_full_disk_explains_a_program_that_failed() {
        // Read-only and of no size: nothing is ever left on it.
        let error = or(program(), Path::new("/proc"));
        assert!(matches!(error, NodeError::DiskFull(_)), "{error}");
        assert_eq!(
            error.to_string(),
            "runc failed: exit status: 1; /proc has 0 kB left"
        );
    }

    #[test]
    fn a_write_that_finds_no_room_is_a_full_disk_whatever_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let error = NodeError::at("write", folder.path())(io::ErrorKind::StorageFull.into());
        assert!(matches!(or(error, folder.path()), NodeError::DiskFull(_)));
    }
}
