//! What CRIU cannot dump, found in `/proc` before anything is frozen.
//!
//! CRIU's own rule is followed: of what has no name in a file system it knows a few kinds, and refuses all others. What
//! cannot be read (a process that ends, a descriptor that is closed meanwhile) is no obstacle: the dump decides.
//!
//! One file for each kind of obstacle. Each says what stands in the way and what to do, as a part of a sentence.

mod deleted;
mod descriptors;
mod devices;
mod elsewhere;
mod listeners;
mod maps;
mod nameless;
mod namespaces;
mod pod_volumes;
mod process;
mod shared_memory;
mod sockets;
mod users;
mod written;

use std::fs;
use std::path::Path;

use shadow_core::wire::Preflight;

use super::freezer::Freezer;
use super::{ContainerId, NodeError, connections, overlay, quiet};
use crate::layout;

/// Named in one message; who has more has the same kind of trouble again.
const AT_MOST: usize = 5;

/// Looks at all processes of a container, and at its writable layer if that was asked for. Runs in the node's namespaces.
pub fn look(id: &ContainerId, layer: bool) -> Result<Preflight, NodeError> {
    let folder = Freezer::of(id)?.processes();
    let mut found = Preflight::default();
    let pids = members(folder.parent().unwrap_or(&folder))?;
    for pid in &pids {
        process::look(&Path::new("/proc").join(pid), &mut found);
    }
    if let Some(first) = pids.first() {
        found.peers = connections::made(first)?;
        found.obstacles.extend(listeners::obstacles(first)?);
    }
    found.obstacles.extend(elsewhere::obstacles(id, &pids)?);
    let init = quiet::first_process(&layout::runc_state(id))?.to_string();
    found.obstacles.extend(namespaces::obstacles(&init, &pids));
    if layer {
        found.layer_bytes = Some(written::bytes(&overlay::upper_of(id)?)?);
    }
    found.obstacles.truncate(AT_MOST);
    found.not_root.truncate(AT_MOST);
    Ok(found)
}

/// Number and name of a process of the node as its container knows them; `None` when it has ended.
pub(super) fn process_name(pid: u32) -> Option<String> {
    let process = Path::new("/proc").join(pid.to_string());
    process.exists().then(|| process::name(&process))
}

/// Ids of the processes in a cgroup and in those below it.
fn members(cgroup: &Path) -> Result<Vec<String>, NodeError> {
    let list = cgroup.join("cgroup.procs");
    let text = fs::read_to_string(&list).map_err(NodeError::at("read", &list))?;
    let mut pids: Vec<String> = text.lines().map(str::to_owned).collect();
    let listing = fs::read_dir(cgroup).map_err(NodeError::at("read folder", cgroup))?;
    for entry in listing.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            pids.extend(members(&entry.path())?);
        }
    }
    Ok(pids)
}
