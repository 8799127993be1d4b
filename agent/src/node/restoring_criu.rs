//! The CRIU of our restores ([`our_criu`]): shows the copy what is its own and not the node's, then restores.
//!
//! CRIU leaves cgroups to runc, as it is told to (`--manage-cgroups-mode ignore`), and with them what a container sees of
//! them. On cgroup v2, a copy would be in the node's cgroup namespace, and its `/sys/fs/cgroup` would be the node's root. On
//! cgroup v1, runc 1.3 names the cgroups of its own process as what is to be mounted there: the node's again.
//!
//! When runc sends its request, it has put CRIU into the new container's cgroup already. A cgroup namespace that is made at
//! that moment has this cgroup as its root, and what is restored inherits it. Where there is no such namespace, the new
//! container's cgroups are laid over those that runc has named, in a mount namespace that CRIU alone has.
//!
//! runc hides files of a copy (`maskedPaths`) behind the node's `/dev/null`, where a fresh container has one of its own: a
//! process that may change the mode of such a file would change the node's. So a new one is laid over that as well.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::getppid;
use serde_json::Value;

use super::mountinfo::Mount;
use super::{NodeError, our_criu};

/// Environment: by which way a restore shows the copy its own cgroup.
const WAY: &str = "SHADOW_OWN_CGROUP_BY";
const NULL: &str = "/dev/null";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The container has a cgroup namespace.
    Namespace,
    /// It has none: on cgroup v1 its cgroups are mounted one by one. On cgroup v2, it sees all of the node's by its own wish.
    Mounts,
}

impl Way {
    const ALL: [Self; 2] = [Self::Namespace, Self::Mounts];

    fn of(spec: &Value) -> Self {
        let namespaces = spec.pointer("/linux/namespaces").and_then(Value::as_array);
        let mut namespaces = namespaces.into_iter().flatten();
        if namespaces.any(|namespace| namespace["type"] == "cgroup") {
            Self::Namespace
        } else {
            Self::Mounts
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Mounts => "mounts",
        }
    }

    /// Called by a process that is in the new container's cgroups, and becomes CRIU.
    pub(super) fn take(self) -> Result<(), NodeError> {
        let covers = match self {
            Self::Namespace => {
                unshare(CloneFlags::CLONE_NEWCGROUP)
                    .map_err(NodeError::call("make a cgroup namespace for the restore"))?;
                Vec::new()
            }
            Self::Mounts => cgroups()?,
        };
        unshare(CloneFlags::CLONE_NEWNS)
            .map_err(NodeError::call("make a mount namespace for the restore"))?;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>)
            .map_err(NodeError::call("make the mounts of the restore its own"))?;
        for Cover { own, runcs } in covers {
            lay_over(&own, &runcs)?;
        }
        lay_over(&new_null()?, Path::new(NULL))
    }
}

/// Prepares a run of runc that restores a container with this spec.
pub fn prepare(command: &mut Command, spec: &Value) -> Result<(), NodeError> {
    our_criu::stand_in(command)?;
    command.env(WAY, Way::of(spec).word());
    Ok(())
}

/// What [`prepare`] asked this process for; `None` if it is of no restore of ours.
pub(super) fn asked() -> Option<Way> {
    let word = std::env::var(WAY).ok()?;
    Way::ALL.into_iter().find(|way| way.word() == word)
}

fn lay_over(own: &Path, nodes: &Path) -> Result<(), NodeError> {
    mount(Some(own), nodes, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .map_err(|errno| NodeError::at("mount what is the copy's own over", nodes)(errno.into()))
}

/// In a file system that this mount namespace alone has; it stays for as long as the copy shows it.
fn new_null() -> Result<PathBuf, NodeError> {
    let folder = our_criu::folder();
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    mount(
        Some("tmpfs"),
        &folder,
        Some("tmpfs"),
        flags,
        Some("mode=755,size=4k"),
    )
    .map_err(|errno| NodeError::at("mount a file system on", &folder)(errno.into()))?;
    let null = folder.join("null");
    mknod(&null, SFlag::S_IFCHR, Mode::empty(), makedev(1, 3))
        .map_err(|errno| NodeError::at("make", &null)(errno.into()))?;
    // The process' mask would have taken bits from the mode of a new file.
    fs::set_permissions(&null, Permissions::from_mode(0o666)).map_err(NodeError::at("open up", &null))?;
    Ok(null)
}

/// The container's own cgroups, and those of runc's that they are to cover.
fn cgroups() -> Result<Vec<Cover>, NodeError> {
    let read = |path: &Path| fs::read_to_string(path).map_err(NodeError::at("read", path));
    let mounts = read(Path::new("/proc/self/mountinfo"))?;
    let own = read(Path::new("/proc/self/cgroup"))?;
    let runc = read(&Path::new("/proc").join(getppid().to_string()).join("cgroup"))?;
    Ok(covers(&Mount::all(&mounts), &own, &runc))
}

/// A folder of the container's own cgroup, and that of runc's, which it is to cover.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cover {
    own: PathBuf,
    runcs: PathBuf,
}

/// For each hierarchy of cgroup v1.
fn covers(mounts: &[Mount], own: &str, runc: &str) -> Vec<Cover> {
    let hierarchies = mounts.iter().filter(|mount| mount.kind == "cgroup");
    let covers = hierarchies.filter_map(|mount| {
        let cover = Cover {
            own: folder(mount, mount.cgroup(own)?)?,
            runcs: folder(mount, mount.cgroup(runc)?)?,
        };
        (cover.own != cover.runcs).then_some(cover)
    });
    covers.collect()
}

/// Where a cgroup lies below a mount; `None` if the mount does not show it.
fn folder(mount: &Mount, cgroup: &str) -> Option<PathBuf> {
    let below = Path::new(cgroup).strip_prefix(&mount.root).ok()?;
    Some(Path::new(&mount.at).join(below))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_way_follows_from_the_spec() {
        let with = |kinds: &[&str]| {
            let list: Vec<Value> = kinds.iter().map(|kind| json!({"type": kind})).collect();
            Way::of(&json!({"linux": {"namespaces": list}}))
        };
        assert_eq!(with(&["pid", "cgroup"]), Way::Namespace);
        assert_eq!(with(&["pid", "network"]), Way::Mounts);
        assert_eq!(Way::of(&json!({})), Way::Mounts);
    }

    /// As it was seen on a hybrid node: only some hierarchies have a cgroup for runc.
    #[test]
    fn each_hierarchy_of_v1_is_covered_where_runc_looks() {
        let mounts = Mount::all(
            "1 0 0:1 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n2 1 0:2 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
             3 1 0:3 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
             4 1 0:4 /node-a /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
             5 1 0:5 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        );
        let own = "8:pids:/node-a/pods/b\n4:memory:/pods/b\n1:cpu:/pods/b\n0::/pods/b\n";
        let runc = "8:pids:/node-a\n4:memory:/system/containerd\n1:cpu:/\n0::/\n";
        let cover = |own: &str, runcs: &str| Cover {
            own: format!("/sys/fs/cgroup/{own}").into(),
            runcs: format!("/sys/fs/cgroup/{runcs}").into(),
        };
        assert_eq!(
            covers(&mounts, own, runc),
            [
                cover("cpu/pods/b", "cpu"),
                cover("memory/pods/b", "memory/system/containerd"),
                cover("pids/pods/b", "pids"),
            ]
        );
        assert_eq!(covers(&mounts, own, own), []);
    }

    #[test]
    fn on_cgroup_v2_nothing_is_covered() {
        let mounts = Mount::all("5 1 0:5 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        assert_eq!(covers(&mounts, "0::/a\n", "0::/b\n"), []);
    }
}
