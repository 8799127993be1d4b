//! How the files of an archive are called on the way.
//!
//! The same archive goes to another agent under its own names, and into an image under those which container runtimes
//! know from kubelet's checkpoints, so that one layer serves both.

use super::{IMAGES, SPEC};

/// Names of a stream's members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// As on disk.
    Ours,
    /// As containerd and CRI-O expect them in a checkpoint image.
    Runtime,
}

/// CRIU's images, as runtimes call their folder.
const RUNTIME_IMAGES: &str = "checkpoint";
/// OCI spec, as runtimes call it.
const RUNTIME_SPEC: &str = "spec.dump";

impl Naming {
    /// Name in the stream of the file at `path` below the archive. Different files have different names.
    pub fn of(self, path: &str) -> String {
        match self {
            Self::Ours => path.to_owned(),
            Self::Runtime if path == SPEC => RUNTIME_SPEC.to_owned(),
            Self::Runtime => match path.strip_prefix(IMAGES).and_then(|rest| rest.strip_prefix('/')) {
                Some(image) => format!("{RUNTIME_IMAGES}/{image}"),
                None => path.to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LAYER, MANIFEST};
    use super::*;

    #[test]
    fn runtimes_find_what_they_look_for() {
        for (ours, theirs) in [
            ("images/pages-1.img", "checkpoint/pages-1.img"),
            (SPEC, "spec.dump"),
            (LAYER, "rootfs-diff.tar"),
            (MANIFEST, MANIFEST),
        ] {
            assert_eq!(Naming::Runtime.of(ours), theirs);
            assert_eq!(Naming::Ours.of(ours), ours);
        }
    }
}
