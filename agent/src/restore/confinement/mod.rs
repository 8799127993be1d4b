//! Whether a restored container is shut off from the node as a fresh one would be.
//!
//! A container that is started gets its namespaces and mounts from its spec, by runc. One that is restored gets them from
//! CRIU, which takes what it was not told of from where it runs: from the node. So what came out is compared with the spec,
//! before the copy is told to work: namespaces ([`namespaces`]), the kernel's own file systems with what hides parts of them
//! ([`mounts`]), and what they show ([`shown`]). Volumes are not looked at: CRIU mounts the sources that runc names, or fails.

mod mounts;
mod namespaces;
mod shown;

use std::path::Path;

use serde_json::Value;

use crate::node::NodeError;

/// Named in one message; a container with more has the same kind of trouble again.
const AT_MOST: usize = 3;

/// What is wrong with the container whose first process is `pid`, as seen from the node; `None` if nothing is.
pub(super) fn fault(spec: &Value, pid: u32) -> Result<Option<String>, NodeError> {
    let process = Path::new("/proc").join(pid.to_string());
    let mut wrong = namespaces::wrong(spec, &namespaces::Seen::of(spec, &process)?);
    wrong.extend(mounts::wrong(spec, &mounts::Seen::of(&process)?)?);
    wrong.extend(shown::wrong(spec, &process)?);
    wrong.truncate(AT_MOST);
    Ok(if wrong.is_empty() {
        None
    } else {
        Some(wrong.join("; "))
    })
}
