//! What a checkpoint is: CRIU's images, the rw layer and the spec in one flat folder, named by a manifest.
//!
//! Guarantees: an archive is complete and verified before anything reads it; a stream is refused at the first byte
//! that its manifest does not name; nothing is ever written outside the folder it is unpacked into.

pub mod apply;
mod bounded;
pub mod error;
pub mod layer;
pub mod manifest;
pub mod naming;
pub mod pack;
pub mod unpack;

pub use error::ArchiveError;
pub use manifest::{FileEntry, Manifest};
pub use naming::Naming;

/// CRIU's images, below the archive.
pub const IMAGES: &str = "images";
/// The container's rw layer as an OCI layer with whiteouts.
pub const LAYER: &str = "rootfs-diff.tar";
/// OCI spec of the dumped container.
pub const SPEC: &str = "spec.json";
/// Manifest, below the archive.
pub const MANIFEST: &str = "manifest.json";
