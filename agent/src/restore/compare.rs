//! A process is restored with the rights it was dumped with, so these must be the rights the new container would get.
//!
//! Compared: user, capabilities, privileges, seccomp, limits, mounts by destination, hidden and read-only paths,
//! devices, kinds of namespaces. Not compared, since they differ between any two pods or are part of the memory:
//! environment, arguments, host name, cgroups, sources of mounts, labels, OOM score.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Fields that must be equal as they are.
const EQUAL: [(&str, &str); 7] = [
    ("user id", "/process/user/uid"),
    ("group id", "/process/user/gid"),
    ("noNewPrivileges", "/process/noNewPrivileges"),
    ("terminal", "/process/terminal"),
    ("AppArmor profile", "/process/apparmorProfile"),
    ("seccomp profile", "/linux/seccomp"),
    ("read-only root", "/root/readonly"),
];
/// Lists whose order means nothing.
const SETS: [(&str, &str); 8] = [
    ("supplementary groups", "/process/user/additionalGids"),
    ("bounding capabilities", "/process/capabilities/bounding"),
    ("effective capabilities", "/process/capabilities/effective"),
    ("permitted capabilities", "/process/capabilities/permitted"),
    ("inheritable capabilities", "/process/capabilities/inheritable"),
    ("ambient capabilities", "/process/capabilities/ambient"),
    ("resource limits", "/process/rlimits"),
    ("masked paths", "/linux/maskedPaths"),
];
const MORE_SETS: [(&str, &str); 1] = [("read-only paths", "/linux/readonlyPaths")];

/// Names the first difference.
pub fn difference(dumped: &Value, new: &Value) -> Option<String> {
    for (what, pointer) in EQUAL {
        // A field that is left out means "no" or "none".
        let (old, new) = (meaning(dumped.pointer(pointer)), meaning(new.pointer(pointer)));
        if old != new {
            return Some(format!("{what} was {old}, is {new}"));
        }
    }
    for (what, pointer) in SETS.into_iter().chain(MORE_SETS) {
        if let Some(why) = set_difference(what, &set(dumped.pointer(pointer)), &set(new.pointer(pointer))) {
            return Some(why);
        }
    }
    let kinds = |spec: &Value| fields(spec.pointer("/linux/namespaces"), "type");
    let devices = |spec: &Value| fields(spec.pointer("/linux/devices"), "path");
    set_difference("namespaces", &kinds(dumped), &kinds(new))
        .or_else(|| set_difference("devices", &devices(dumped), &devices(new)))
        .or_else(|| mounts_difference(dumped, new))
}

fn mounts_difference(dumped: &Value, new: &Value) -> Option<String> {
    let (old, new) = (mounts(dumped), mounts(new));
    let (from, to) = (old.keys().cloned().collect(), new.keys().cloned().collect());
    if let Some(why) = set_difference("mounts", &from, &to) {
        return Some(why);
    }
    for (destination, old) in &old {
        let new = new.get(destination)?;
        if old != new {
            return Some(format!("mount {destination} was {old}, is {new}"));
        }
    }
    None
}

/// Destination → what kind of mount.
fn mounts(spec: &Value) -> BTreeMap<String, String> {
    let list = spec.pointer("/mounts").and_then(Value::as_array);
    let described = list.into_iter().flatten().filter_map(|mount| {
        let destination = mount
            .get("destination")?
            .as_str()?
            .trim_end_matches('/')
            .to_owned();
        let kind = mount.get("type").and_then(Value::as_str).unwrap_or("bind");
        let options = set(mount.get("options"));
        let read_only = if options.contains("\"ro\"") {
            "read-only"
        } else {
            "writable"
        };
        Some((destination, format!("{kind}, {read_only}")))
    });
    described.collect()
}

fn meaning(value: Option<&Value>) -> &Value {
    match value {
        None | Some(Value::Bool(false)) => &Value::Null,
        Some(Value::String(text)) if text.is_empty() => &Value::Null,
        Some(value) => value,
    }
}

fn set(value: Option<&Value>) -> BTreeSet<String> {
    value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(Value::to_string)
        .collect()
}

fn fields(list: Option<&Value>, field: &str) -> BTreeSet<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|item| Some(item.get(field)?.as_str()?.to_owned()))
        .collect()
}

fn set_difference(what: &str, old: &BTreeSet<String>, new: &BTreeSet<String>) -> Option<String> {
    let gone: Vec<&String> = old.difference(new).collect();
    let added: Vec<&String> = new.difference(old).collect();
    if gone.is_empty() && added.is_empty() {
        return None;
    }
    Some(format!("{what}: {gone:?} are gone, {added:?} are new"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec() -> Value {
        json!({
            "process": {
                "user": {"uid": 65532, "gid": 65532, "additionalGids": [1, 2]},
                "env": ["A=1"], "args": ["/orders"],
                "capabilities": {"bounding": ["CAP_KILL", "CAP_CHOWN"]},
                "noNewPrivileges": true
            },
            "hostname": "orders-0",
            "mounts": [
                {"destination": "/proc", "type": "proc"},
                {"destination": "/etc/hosts", "type": "bind", "source": "/var/a", "options": ["rbind", "rw"]}
            ],
            "linux": {"maskedPaths": ["/proc/kcore"], "cgroupsPath": "/a", "seccomp": {"defaultAction": "X"},
                "namespaces": [{"type": "pid"}, {"type": "network", "path": "/proc/1/ns/net"}]}
        })
    }

    #[test]
    fn what_differs_between_any_two_pods_is_no_difference() {
        let mut new = spec();
        new["process"]["env"] = json!(["B=2"]);
        new["hostname"] = json!("orders-0-shadow");
        new["mounts"][1]["source"] = json!("/var/b");
        new["linux"]["cgroupsPath"] = json!("/b");
        new["linux"]["namespaces"] = json!([{"type": "network", "path": "/proc/2/ns/net"}, {"type": "pid"}]);
        new["process"]["user"]["additionalGids"] = json!([2, 1]);
        new["root"] = json!({"path": "rootfs", "readonly": false});
        assert_eq!(difference(&spec(), &new), None);
    }

    #[test]
    fn every_right_is_compared() {
        let changes: [(&str, Value, &str); 8] = [
            ("/process/user/uid", json!(0), "user"),
            ("/process/user/additionalGids", json!([0]), "supplementary"),
            (
                "/process/capabilities/bounding",
                json!(["CAP_KILL", "CAP_SYS_ADMIN"]),
                "CAP_SYS_ADMIN",
            ),
            ("/process/noNewPrivileges", json!(false), "noNewPrivileges"),
            ("/linux/seccomp", Value::Null, "seccomp"),
            ("/linux/maskedPaths", json!([]), "masked"),
            ("/linux/namespaces", json!([{"type": "network"}]), "pid"),
            ("/mounts/1/options", json!(["ro"]), "/etc/hosts"),
        ];
        for (pointer, value, named) in changes {
            let mut new = spec();
            *new.pointer_mut(pointer).unwrap() = value;
            let why = difference(&spec(), &new).unwrap_or_else(|| panic!("{pointer} is not compared"));
            assert!(why.contains(named), "{pointer}: {why}");
        }
    }

    #[test]
    fn a_missing_mount_is_named() {
        let mut new = spec();
        new["mounts"].as_array_mut().unwrap().pop();
        assert!(difference(&spec(), &new).unwrap().contains("/etc/hosts"));
    }
}
