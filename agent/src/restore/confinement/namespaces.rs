//! Each namespace is the container's own, its pod's or the node's, as the spec says.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::Value;

use crate::node::NodeError;

/// Device and inode: what tells two namespaces apart.
pub(super) type Identity = (u64, u64);

/// As a spec calls them, and as `/proc` does.
const KINDS: [(&str, &str); 8] = [
    ("cgroup", "cgroup"),
    ("ipc", "ipc"),
    ("mount", "mnt"),
    ("network", "net"),
    ("pid", "pid"),
    ("time", "time"),
    ("user", "user"),
    ("uts", "uts"),
];

/// The namespaces of a restored process, by the names of a spec. A kernel may lack a kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) process: BTreeMap<&'static str, Identity>,
    /// Ours: runc would give a fresh container the same.
    pub(super) node: BTreeMap<&'static str, Identity>,
    /// Those that the spec names by a path.
    pub(super) named: BTreeMap<String, Identity>,
}

impl Seen {
    pub(super) fn of(spec: &Value, process: &Path) -> Result<Self, NodeError> {
        let mut named = BTreeMap::new();
        for (_, path) in listed(spec) {
            if let Some(path) = path
                && let Some(found) = identity(Path::new(path))?
            {
                named.insert(path.to_owned(), found);
            }
        }
        Ok(Self {
            process: all(process)?,
            node: all(Path::new("/proc/self"))?,
            named,
        })
    }
}

fn all(process: &Path) -> Result<BTreeMap<&'static str, Identity>, NodeError> {
    let mut found = BTreeMap::new();
    for (kind, file) in KINDS {
        if let Some(identity) = identity(&process.join("ns").join(file))? {
            found.insert(kind, identity);
        }
    }
    Ok(found)
}

/// `None` for what is not there.
pub(super) fn identity(path: &Path) -> Result<Option<Identity>, NodeError> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some((found.dev(), found.ino()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(NodeError::at("look at", path)(error)),
    }
}

/// Kind and path of the namespaces in a spec.
fn listed(spec: &Value) -> impl Iterator<Item = (&str, Option<&str>)> {
    let list = spec.pointer("/linux/namespaces").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|namespace| {
        let path = namespace.get("path").and_then(Value::as_str);
        Some((
            namespace.get("type")?.as_str()?,
            path.filter(|path| !path.is_empty()),
        ))
    })
}

/// Whether the container has one of its own by its spec.
pub(super) fn is_own(spec: &Value, kind: &str) -> bool {
    listed(spec).any(|(listed, path)| listed == kind && path.is_none())
}

/// What is not as the spec says.
pub(super) fn wrong(spec: &Value, seen: &Seen) -> Vec<String> {
    let faults = KINDS.iter().filter_map(|(kind, _)| {
        let process = seen.process.get(kind);
        let is_nodes = process == seen.node.get(kind);
        let said = listed(spec).find(|(listed, _)| listed == kind);
        let is_its_pods = |path: &str| process == seen.named.get(path);
        match said {
            // A pod may ask for the node's; then its path leads there.
            Some((_, Some(path))) if is_its_pods(path) => None,
            Some((_, _)) if is_nodes => Some(format!("its {kind} namespace is the node's")),
            Some((_, Some(path))) => Some(format!("its {kind} namespace is not that of its pod ({path})")),
            Some((_, None)) => None,
            // CRIU makes one in which the process' clocks go on; in the spec of a pod there is none.
            None if *kind == "time" || is_nodes => None,
            None => Some(format!(
                "it has a {kind} namespace of its own, which its pod does not ask for"
            )),
        }
    });
    faults.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As containerd writes it for a pod on cgroup v2.
    fn spec() -> Value {
        json!({"linux": {"namespaces": [
            {"type": "pid"}, {"type": "mount"}, {"type": "cgroup"},
            {"type": "ipc", "path": "/proc/7/ns/ipc"}, {"type": "uts", "path": "/proc/7/ns/uts"},
            {"type": "network", "path": "/proc/7/ns/net"}]}})
    }

    /// What a fresh container has.
    fn fresh() -> Seen {
        let numbered = |base: u64| {
            let each = KINDS.iter().zip(base..);
            each.map(|(&(kind, _), inode)| (kind, (4, inode))).collect()
        };
        let mut seen = Seen {
            process: numbered(100),
            node: numbered(0),
            named: BTreeMap::new(),
        };
        seen.process.insert("user", seen.node["user"]);
        for (kind, path) in [("ipc", "ipc"), ("uts", "uts"), ("network", "net")] {
            seen.named
                .insert(format!("/proc/7/ns/{path}"), seen.process[kind]);
        }
        seen
    }

    #[test]
    fn a_copy_like_a_fresh_container_is_right_with_and_without_a_time_namespace() {
        let mut seen = fresh();
        assert_eq!(wrong(&spec(), &seen), Vec::<String>::new());
        seen.process.insert("time", seen.node["time"]);
        assert_eq!(wrong(&spec(), &seen), Vec::<String>::new());
    }

    #[test]
    fn each_namespace_that_is_taken_from_the_node_is_named() {
        for kind in ["cgroup", "ipc", "mount", "network", "pid", "uts"] {
            let mut seen = fresh();
            seen.process.insert(kind, seen.node[kind]);
            assert_eq!(
                wrong(&spec(), &seen),
                [format!("its {kind} namespace is the node's")]
            );
        }
    }

    #[test]
    fn a_namespace_of_another_pod_and_one_too_many_are_named() {
        for kind in ["ipc", "network", "uts"] {
            let mut seen = fresh();
            seen.process.insert(kind, (4, 999));
            let said = wrong(&spec(), &seen);
            assert!(
                said[0].contains("not that of its pod") && said[0].contains(kind),
                "{said:?}"
            );
        }
        let mut seen = fresh();
        seen.process.insert("user", (4, 999));
        assert_eq!(
            wrong(&spec(), &seen),
            ["it has a user namespace of its own, which its pod does not ask for"]
        );
    }

    #[test]
    fn on_cgroup_v1_and_in_a_privileged_container_the_nodes_cgroup_namespace_is_right() {
        let mut spec = spec();
        spec["linux"]["namespaces"].as_array_mut().unwrap().remove(2);
        let mut seen = fresh();
        seen.process.insert("cgroup", seen.node["cgroup"]);
        assert_eq!(wrong(&spec, &seen), Vec::<String>::new());
    }

    #[test]
    fn what_is_seen_of_this_process_is_what_the_kernel_says() {
        let spec = json!({"linux": {"namespaces": [{"type": "network", "path": "/proc/self/ns/net"}]}});
        let seen = Seen::of(&spec, Path::new("/proc/self")).unwrap();
        assert_eq!(seen.process, seen.node);
        assert_eq!(seen.named["/proc/self/ns/net"], seen.node["network"]);
        // A pod in the node's network asks for it by its path.
        assert_eq!(wrong(&spec, &seen), Vec::<String>::new());
        let own = json!({"linux": {"namespaces": [{"type": "network"}]}});
        assert_eq!(wrong(&own, &seen), ["its network namespace is the node's"]);
    }
}
