//! Every path on the node. Derived from a key or a container id alone; nothing a caller says becomes part of a path
//! unless it is one of these two types.

use std::path::{Path, PathBuf};

use shadow_core::names::Key;

use crate::node::ContainerId;

/// Memory-backed folder that agent, helper and shadow-runc share.
pub const RUN: &str = "/run/shadow";
/// Folder on the node's disk, for what has to outlive a reboot. No memory of a process is ever in it.
pub const KEPT: &str = "/var/lib/kubectl-shadow";
/// Socket between agent and helper, in a volume of their pod.
pub const HELPER_SOCKET: &str = "/run/shadow-helper/helper.sock";
/// containerd's state of runc containers.
pub const RUNC_STATE: &str = "/run/containerd/runc/k8s.io";
/// containerd's bundles of Kubernetes containers.
pub const BUNDLES: &str = "/run/containerd/io.containerd.runtime.v2.task/k8s.io";
/// What we install on a node.
pub const INSTALLED: &str = "/opt/kubectl-shadow";
/// Where kubelet's checkpoint API leaves its archives.
pub const KUBELET_CHECKPOINTS: &str = "/var/lib/kubelet/checkpoints";

/// Socket on which the agent answers shadow-runc.
pub fn claim_socket() -> PathBuf {
    Path::new(RUN).join("agent.sock")
}

/// Note that a container is paused by us; removed when it goes on.
pub fn frozen_note(id: &ContainerId) -> PathBuf {
    frozen_notes().join(id.as_str())
}

/// Folder of the notes on paused containers.
pub fn frozen_notes() -> PathBuf {
    Path::new(RUN).join("frozen")
}

/// A note before it is put in the place of the one before it; outside the folder, in which every name is a container's.
pub fn next_frozen_note() -> PathBuf {
    Path::new(RUN).join("frozen.next")
}

/// State that runc keeps of a container.
pub fn runc_state(id: &ContainerId) -> PathBuf {
    Path::new(RUNC_STATE).join(id.as_str()).join("state.json")
}

/// Bundle of a container.
pub fn bundle(id: &ContainerId) -> PathBuf {
    Path::new(BUNDLES).join(id.as_str())
}

/// Folders of one node, below a root that tests may choose.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
    kept: PathBuf,
}

impl Layout {
    /// The node's real folders.
    pub fn node() -> Self {
        Self {
            root: RUN.into(),
            kept: KEPT.into(),
        }
    }

    /// The same folders below another root.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let kept = root.join("kept");
        Self { root, kept }
    }

    /// Folder of all keys.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// Folder of one key.
    pub fn key(&self, key: &Key) -> KeyFolder {
        KeyFolder {
            dir: self.keys().join(key.as_str()),
        }
    }

    /// Folder of the markers of keys whose restarts start fresh. It is on disk: after a reboot such a container starts without a
    /// word from the agent.
    pub fn over_markers(&self) -> PathBuf {
        self.kept.join("over")
    }

    /// Where an earlier version kept these markers.
    pub fn earlier_over_markers(&self) -> PathBuf {
        self.root.join("over")
    }

    /// Marker that restarts under this key start fresh.
    pub fn over_marker(&self, key: &Key) -> PathBuf {
        self.over_markers().join(key.as_str())
    }
}

/// Folder of one key.
#[derive(Clone, Debug)]
pub struct KeyFolder {
    /// The folder itself.
    pub dir: PathBuf,
}

impl KeyFolder {
    /// State that survives restarts of the agent.
    pub fn state(&self) -> PathBuf {
        self.dir.join("state.json")
    }

    /// The complete, verified archive.
    pub fn archive(&self) -> PathBuf {
        self.dir.join("archive")
    }

    /// The archive while it is made.
    pub fn partial(&self) -> PathBuf {
        self.dir.join("archive.partial")
    }

    /// Logs of runtime and CRIU.
    pub fn work(&self) -> PathBuf {
        self.dir.join("work")
    }

    /// When the container stood still for its dump.
    pub fn paused_at(&self) -> PathBuf {
        self.work().join("paused-at")
    }
}
