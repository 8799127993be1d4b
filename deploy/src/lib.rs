//! What is installed into a cluster, embedded in the binary that installs it.
//!
//! - [`crd`]: the custom resource, generated from `shadow-core`; `crd/` holds the committed copy
//! - [`manifests`]: every other object, in the order in which they are applied
//! - [`broker_access`]: the one permission that a user gives per broker Secret
//! - [`rights`]: who may do what, read from these objects
//! - [`pull_secret`]: with what nodes pull our images
//! - `answer` (feature `client`): what the API server said, for people
//! - `cluster`, `ready` and `access` (feature `client`): applies and deletes, waits, grants
#![forbid(unsafe_code)]

#[cfg(feature = "client")]
mod access;
#[cfg(feature = "client")]
pub mod answer;
pub mod broker_access;
#[cfg(feature = "client")]
pub mod cluster;
pub mod crd;
pub mod dialling;
#[cfg(feature = "client")]
mod hopeless;
pub mod manifests;
#[cfg(feature = "client")]
mod published;
pub mod pull_secret;
#[cfg(feature = "client")]
mod ready;
pub mod rights;

#[cfg(feature = "client")]
pub use access::{allow, may_read, try_allow};
#[cfg(feature = "client")]
pub use cluster::{ClusterError, apply, delete};
pub use dialling::Dialling;
pub use manifests::{Settings, SettingsError, manifests};
#[cfg(feature = "client")]
pub use ready::wait_ready;
