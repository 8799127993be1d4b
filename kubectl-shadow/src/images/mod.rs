//! Image archives, and how they get into a registry without a container engine.
//!
//! - [`archive`]: a file in the OCI layout, read and held against its digests
//! - [`place`]: which archives there are, and where they go
//! - [`login`]: who we are at the registry
//! - [`push`]: sends what the registry lacks
//! - [`trouble`]: what an error of a registry means, and the way out. Pure

pub mod archive;
pub mod login;
pub mod place;
pub mod push;
pub mod trouble;
