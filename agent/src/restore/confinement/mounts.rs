//! The kernel's file systems in a container, what of them is shown, and what hides parts of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::namespaces;
use crate::node::NodeError;
use crate::node::mountinfo::Mount;

/// File systems that runc mounts by their kind; every other mount of a spec shows files of the node.
const KERNELS: [&str; 6] = ["proc", "sysfs", "cgroup", "mqueue", "devpts", "tmpfs"];

/// The file system of a node's `/dev`. A container has devices of its own, whose modes it may change.
const NODES_DEVICES: &str = "devtmpfs";

/// The mounts of a restored process.
pub(super) struct Seen {
    mounts: Vec<Mount>,
    /// `/proc/PID/cgroup`.
    cgroups: String,
    root: PathBuf,
}

impl Seen {
    pub(super) fn of(process: &Path) -> Result<Self, NodeError> {
        let read = |name: &str| {
            let path = process.join(name);
            fs::read_to_string(&path).map_err(NodeError::at("read", &path))
        };
        Ok(Self {
            mounts: Mount::all(&read("mountinfo")?),
            cgroups: read("cgroup")?,
            root: process.join("root"),
        })
    }

    /// Of cgroup v1, below a place.
    fn hierarchies(&self, place: &str) -> impl Iterator<Item = &Mount> {
        let below = format!("{place}/");
        self.mounts
            .iter()
            .filter(move |mount| mount.kind == "cgroup" && mount.at.starts_with(&below))
    }

    /// The mount that is seen at a place: the last one.
    fn at(&self, place: &str) -> Option<&Mount> {
        self.mounts.iter().rfind(|mount| mount.at == place)
    }
}

/// What is not as in a fresh container.
pub(super) fn wrong(spec: &Value, seen: &Seen) -> Result<Vec<String>, NodeError> {
    let mut found = kinds(spec, seen);
    found.extend(cgroups(spec, seen));
    for path in paths(spec, "/linux/maskedPaths") {
        match seen.at(path) {
            Some(mount) if hides(mount) && mount.kind == NODES_DEVICES => {
                found.push(format!("{path} is hidden behind a device of the node"));
            }
            Some(mount) if hides(mount) => {}
            Some(_) | None if is_there(&seen.root, path)? => found.push(format!("{path} is not hidden")),
            Some(_) | None => {}
        }
    }
    for path in paths(spec, "/linux/readonlyPaths") {
        if seen.at(path).is_none_or(|mount| !mount.read_only) && is_there(&seen.root, path)? {
            found.push(format!("{path} is not read-only"));
        }
    }
    Ok(found)
}

fn paths<'a>(spec: &'a Value, pointer: &str) -> impl Iterator<Item = &'a str> {
    let list = spec.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

/// runc hides a file behind `/dev/null`, and a folder behind an empty file system that is read-only.
fn hides(mount: &Mount) -> bool {
    mount.root == "/null" || (mount.kind == "tmpfs" && mount.read_only)
}

/// The file systems of a spec are mounted where it says.
fn kinds(spec: &Value, seen: &Seen) -> Vec<String> {
    let list = spec.pointer("/mounts").and_then(Value::as_array);
    let wrong = list.into_iter().flatten().filter_map(|mount| {
        let kind = mount.get("type")?.as_str()?;
        let place = mount.get("destination")?.as_str()?;
        let options = mount.get("options").and_then(Value::as_array);
        let has = |wanted: &str| {
            let mut options = options.into_iter().flatten();
            options.any(|option| option.as_str() == Some(wanted))
        };
        if !KERNELS.contains(&kind) || has("bind") || has("rbind") {
            return None;
        }
        let Some(now) = seen.at(place) else {
            return Some(format!("nothing is mounted at {place}"));
        };
        if !is_kind(kind, &now.kind) {
            return Some(format!("{place} is of kind {}, not {kind}", now.kind));
        }
        // On cgroup v1 a folder is in the place, in which runc mounts the hierarchies: those are read-only.
        let writable = match now.kind.as_str() {
            "tmpfs" if kind == "cgroup" => seen.hierarchies(place).find(|mount| !mount.read_only),
            _ => (!now.read_only).then_some(now),
        };
        writable
            .filter(|_| has("ro"))
            .map(|mount| format!("{} is not read-only", mount.at))
    });
    wrong.collect()
}

/// On cgroup v1, the hierarchies are mounted in a tmpfs.
fn is_kind(wanted: &str, found: &str) -> bool {
    wanted == found || (wanted == "cgroup" && ["cgroup2", "tmpfs"].contains(&found))
}

/// A container sees its own cgroup, and none above it. Where it shares the node's cgroup namespace on cgroup v2, it sees all.
fn cgroups(spec: &Value, seen: &Seen) -> Vec<String> {
    let own = namespaces::is_own(spec, "cgroup");
    let shown = seen
        .mounts
        .iter()
        .filter(|mount| mount.kind == "cgroup" || (mount.kind == "cgroup2" && own));
    let wrong = shown.filter_map(|mount| {
        let cgroup = mount.cgroup(&seen.cgroups)?;
        (mount.root != cgroup).then(|| {
            format!(
                "{} shows the cgroup {} of the node, not its own {cgroup}",
                mount.at, mount.root
            )
        })
    });
    wrong.collect()
}

fn is_there(root: &Path, path: &str) -> Result<bool, NodeError> {
    let path = root.join(path.trim_start_matches('/'));
    match fs::symlink_metadata(&path) {
        Ok(_) => Ok(true),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(false)
        }
        Err(error) => Err(NodeError::at("look at", &path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CGROUP: &str = "/kubepods.slice/kubepods-pod1.slice/cri-containerd-a.scope";

    fn spec() -> Value {
        json!({
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"]},
                {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "ro"]},
                {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]},
                {"destination": "/dev/shm", "type": "bind", "source": "/run/shm", "options": ["rbind"]}
            ],
            "linux": {
                "namespaces": [{"type": "cgroup"}],
                "maskedPaths": ["/proc/kcore", "/sys/firmware"],
                "readonlyPaths": ["/proc/sys"]
            }
        })
    }

    /// A root that has what is to be hidden, and what a fresh container has mounted there.
    fn fresh(root: &Path) -> Seen {
        for folder in ["proc/sys", "sys/firmware"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("proc/kcore"), "").unwrap();
        let text = format!(
            "1 0 0:1 / / rw - overlay overlay rw\n2 1 0:2 / /proc rw - proc proc rw\n3 1 0:3 / /sys ro - sysfs sysfs ro\n\
             4 3 0:4 {CGROUP} /sys/fs/cgroup ro - cgroup2 cgroup rw\n5 2 0:5 /null /proc/kcore rw - tmpfs tmpfs rw\n\
             6 3 0:6 / /sys/firmware ro - tmpfs tmpfs ro\n7 2 0:2 /sys /proc/sys ro - proc proc rw\n"
        );
        Seen {
            mounts: Mount::all(&text),
            cgroups: format!("0::{CGROUP}\n"),
            root: root.to_owned(),
        }
    }

    fn without(seen: &mut Seen, place: &str) {
        seen.mounts.retain(|mount| mount.at != place);
    }

    /// What is changed in what is seen, and what is said of it.
    type Case = (fn(&mut Seen), &'static str);

    #[test]
    fn a_fresh_container_is_right() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(wrong(&spec(), &fresh(root.path())).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_is_missing_or_another_kind_or_writable_is_named() {
        let root = tempfile::tempdir().unwrap();
        let table: [Case; 8] = [
            (
                |seen| seen.mounts[4].kind = "devtmpfs".into(),
                "/proc/kcore is hidden behind a device of the node",
            ),
            (|seen| without(seen, "/proc"), "nothing is mounted at /proc"),
            (|seen| without(seen, "/proc/kcore"), "/proc/kcore is not hidden"),
            (
                |seen| without(seen, "/sys/firmware"),
                "/sys/firmware is not hidden",
            ),
            (|seen| without(seen, "/proc/sys"), "/proc/sys is not read-only"),
            (
                |seen| seen.mounts[1].kind = "tmpfs".into(),
                "/proc is of kind tmpfs, not proc",
            ),
            (|seen| seen.mounts[2].read_only = false, "/sys is not read-only"),
            (
                |seen| seen.mounts[3].root = "/".into(),
                "/sys/fs/cgroup shows the cgroup / of the node, not its own /kubepods.slice",
            ),
        ];
        for (edit, expected) in table {
            let mut seen = fresh(root.path());
            edit(&mut seen);
            let said = wrong(&spec(), &seen).unwrap();
            assert_eq!(said.len(), 1, "{expected}: {said:?}");
            assert!(said[0].contains(expected), "{expected}: {said:?}");
        }
    }

    #[test]
    fn what_this_kernel_does_not_have_need_not_be_hidden() {
        let root = tempfile::tempdir().unwrap();
        let mut seen = fresh(root.path());
        without(&mut seen, "/proc/kcore");
        without(&mut seen, "/proc/sys");
        fs::remove_file(root.path().join("proc/kcore")).unwrap();
        fs::remove_dir(root.path().join("proc/sys")).unwrap();
        assert_eq!(wrong(&spec(), &seen).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn on_cgroup_v1_each_hierarchy_shows_the_containers_own_cgroup() {
        let root = tempfile::tempdir().unwrap();
        let mut seen = fresh(root.path());
        let mut spec = spec();
        spec["linux"]["namespaces"] = json!([]);
        let text = "4 3 0:4 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                    8 4 0:8 /kubepods/a /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n\
                    9 4 0:9 /kubepods/a /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu,cpuacct\n";
        seen.mounts.retain(|mount| mount.at != "/sys/fs/cgroup");
        seen.mounts.extend(Mount::all(text));
        seen.cgroups = "9:memory:/kubepods/a\n5:cpu,cpuacct:/kubepods/a\n0::/x\n".into();
        assert_eq!(wrong(&spec, &seen).unwrap(), Vec::<String>::new());
        seen.cgroups = seen.cgroups.replace("memory:/kubepods/a", "memory:/kubepods/b");
        let said = wrong(&spec, &seen).unwrap();
        assert!(
            said[0].contains("/sys/fs/cgroup/memory shows the cgroup /kubepods/a"),
            "{said:?}"
        );
        seen.cgroups = seen.cgroups.replace("memory:/kubepods/b", "memory:/kubepods/a");
        seen.mounts.last_mut().unwrap().read_only = false;
        assert_eq!(
            wrong(&spec, &seen).unwrap(),
            ["/sys/fs/cgroup/cpu is not read-only"]
        );
    }

    #[test]
    fn a_privileged_container_may_see_all_cgroups_of_the_node() {
        let root = tempfile::tempdir().unwrap();
        let mut seen = fresh(root.path());
        seen.mounts[3].root = "/".into();
        let mut spec = spec();
        spec["linux"]["namespaces"] = json!([]);
        assert_eq!(wrong(&spec, &seen).unwrap(), Vec::<String>::new());
    }
}
