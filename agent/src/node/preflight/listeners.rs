//! Addresses that the pod listens on and its copy does not have.

use crate::node::{NodeError, connections};

/// In the network of a process.
pub(super) fn obstacles(process: &str) -> Result<impl Iterator<Item = String>, NodeError> {
    let bound = connections::bound(process)?;
    Ok(bound.into_iter().map(|address| {
        format!(
            "the pod listens on {address} only, an address that its copy does not have; let the application listen on \
             0.0.0.0"
        )
    }))
}
