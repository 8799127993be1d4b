//! What `/proc` and `/sys` show: the processes and the network of the container, not of the node.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::namespaces;
use crate::node::NodeError;

/// An interface may come or go between two looks.
const LOOKS: usize = 3;
/// In `/sys/class/net`, and no interface.
const NO_INTERFACE: &str = "bonding_masters";

/// What is not the container's.
pub(super) fn wrong(spec: &Value, process: &Path) -> Result<Vec<String>, NodeError> {
    let mut found = Vec::new();
    let inside = process.join("root");
    if namespaces::is_own(spec, "pid") {
        let own = namespaces::identity(&process.join("ns/pid"))?;
        if namespaces::identity(&inside.join("proc/1/ns/pid"))? != own {
            found.push("/proc shows processes that are not its own".to_owned());
        }
    }
    let has_sysfs = fs::exists(inside.join("sys/class/net"))
        .map_err(NodeError::at("look at", &inside.join("sys/class/net")))?;
    if has_sysfs && !shows_own_network(process)? {
        found.push("/sys shows network interfaces that are not its own".to_owned());
    }
    Ok(found)
}

fn shows_own_network(process: &Path) -> Result<bool, NodeError> {
    for _ in 0..LOOKS {
        if shown(&process.join("root/sys/class/net"))? == used(&process.join("net/dev"))? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn shown(folder: &Path) -> Result<BTreeSet<String>, NodeError> {
    let listing = fs::read_dir(folder).map_err(NodeError::at("read folder", folder))?;
    let mut names = BTreeSet::new();
    for entry in listing {
        let entry = entry.map_err(NodeError::at("read folder", folder))?;
        names.insert(entry.file_name().to_string_lossy().into_owned());
    }
    names.remove(NO_INTERFACE);
    Ok(names)
}

/// The interfaces of the process' network namespace.
fn used(list: &Path) -> Result<BTreeSet<String>, NodeError> {
    let text = fs::read_to_string(list).map_err(NodeError::at("read", list))?;
    let names = text.lines().skip(2).filter_map(|line| line.split_once(':'));
    Ok(names.map(|(name, _)| name.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A process as `/proc` shows it, with these interfaces in its `/sys` and in its network namespace.
    fn played(interfaces: &[&str], shown: &[&str]) -> tempfile::TempDir {
        let process = tempfile::tempdir().unwrap();
        for folder in ["ns", "net", "root/proc/1/ns", "root/sys/class/net"] {
            fs::create_dir_all(process.path().join(folder)).unwrap();
        }
        fs::write(process.path().join("ns/pid"), "").unwrap();
        let inside = process.path().join("root/proc/1/ns/pid");
        fs::hard_link(process.path().join("ns/pid"), inside).unwrap();
        let lines: String = interfaces.iter().map(|name| format!("  {name}: 1 2\n")).collect();
        fs::write(
            process.path().join("net/dev"),
            format!("Inter-|\n face |\n{lines}"),
        )
        .unwrap();
        for name in shown.iter().chain(&[NO_INTERFACE]) {
            fs::create_dir(process.path().join("root/sys/class/net").join(name)).unwrap();
        }
        process
    }

    #[test]
    fn a_container_shows_its_own_processes_and_network() {
        let spec = json!({"linux": {"namespaces": [{"type": "pid"}]}});
        let process = played(&["lo", "eth0"], &["eth0", "lo"]);
        assert_eq!(wrong(&spec, process.path()).unwrap(), Vec::<String>::new());
        let other = process.path().join("root/proc/1/ns/pid");
        fs::remove_file(&other).unwrap();
        fs::write(&other, "").unwrap();
        assert!(wrong(&spec, process.path()).unwrap()[0].contains("/proc shows"));
        // The node's processes are its own where the pod asks for them.
        let shared = json!({"linux": {"namespaces": []}});
        assert_eq!(wrong(&shared, process.path()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn interfaces_of_the_node_are_found() {
        for shown in [&["lo", "eth0", "cni0"][..], &["lo"]] {
            let process = played(&["lo", "eth0"], shown);
            let said = wrong(&json!({}), process.path()).unwrap();
            assert_eq!(said, ["/sys shows network interfaces that are not its own"]);
        }
    }
}
