//! From the helper's container into the namespaces of the node's first process (the pod has `hostPID`).

use std::fs::File;
use std::path::Path;

use nix::sched::{CloneFlags, setns, unshare};

use super::NodeError;

/// Joins the node's namespaces. The process must have one thread; its root and working folder are the node's then.
pub fn enter_node() -> Result<(), NodeError> {
    // The mount namespace comes last: the others are opened through this container's /proc.
    let wanted = [
        ("uts", CloneFlags::CLONE_NEWUTS),
        ("ipc", CloneFlags::CLONE_NEWIPC),
        ("net", CloneFlags::CLONE_NEWNET),
        ("mnt", CloneFlags::CLONE_NEWNS),
    ];
    let mut opened = Vec::new();
    for (name, flag) in wanted {
        let path = Path::new("/proc/1/ns").join(name);
        opened.push((File::open(&path).map_err(NodeError::at("open", &path))?, flag));
    }
    for (file, flag) in opened {
        setns(&file, flag).map_err(NodeError::call(
            "join a namespace of the node (is the pod privileged?)",
        ))?;
    }
    Ok(())
}

/// Leaves the network: the caller has no interface afterwards, and neither has what it starts.
pub fn leave_network() -> Result<(), NodeError> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(NodeError::call("leave the network namespace"))
}
