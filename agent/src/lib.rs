//! The node's part of a migration.
//!
//! Three programs share this crate. **shadow-agent** (no privileges) serves the controller and other agents over
//! mutual TLS, streams archives and answers claims. **shadow-node-helper** (privileged, no network) does the few
//! root operations behind a UNIX socket. **shadow-runc** stands in for runc under the RuntimeClass and turns the
//! creation of an announced container into a restore.
//!
//! | module | concern |
//! |---|---|
//! | [`layout`] | every path on the node |
//! | [`archive`] | manifest, stream, rw layer: what a checkpoint is on disk and on the wire |
//! | [`keys`] | what is known of each restore key, kept across restarts |
//! | [`claim`] | the conversation with shadow-runc and its rules |
//! | [`checkpoint`] | the two ways to dump a container |
//! | [`transfer`] | bringing an archive here, from another agent or from a registry |
//! | [`image`] | the archive as an image in a registry |
//! | [`cluster`] | what is read from the Kubernetes API |
//! | [`serve`] | the HTTP interface |
//! | [`sweep`] | removal of what no migration needs any more |
//! | [`helper`] | protocol, client and server of the node helper |
//! | [`node`] | operations inside the node's own namespaces |
//! | [`restore`] | shadow-runc |
//! | [`install`] | the runtime handler on the node |
#![forbid(unsafe_code)]

pub mod archive;
pub mod checkpoint;
pub mod claim;
pub mod cluster;
pub mod frozen;
pub mod helper;
pub mod image;
pub mod install;
pub mod keys;
pub mod layout;
pub mod node;
pub mod pace;
pub mod restore;
pub mod serve;
pub mod shown;
pub mod sweep;
pub mod transfer;
