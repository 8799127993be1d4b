//! A registry, by the OCI distribution API.
//!
//! Guarantees: HTTPS unless the operator said otherwise; credentials go to the registry that they are for; nothing is
//! followed but the download of a layer, and that only to places which may be dialled (`shadow_dialling`); no answer is held before it is
//! known to be small; 5xx, 429 and broken connections are tried three times within 30 s, a refusal is final and says
//! what to do.
//!
//! A client of our own over the agent's HTTP client: the crates for this follow redirects and resolve names by
//! themselves, and want a layer's digest before it is read.

mod auth;
mod client;
mod download;
mod error;
mod policy;
mod remove;
pub(super) mod retry;
mod upload;

pub(super) use client::{Registry, Scope};
pub use error::RegistryError;
pub use policy::Policy;
