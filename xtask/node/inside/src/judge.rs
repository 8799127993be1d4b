//! Whether a copy is like the container that was dumped. Pure.

use std::collections::BTreeMap;

use crate::pods::{CPU, MEMORY};
use crate::portrait::{Portrait, Whose};
use crate::sees::Sees;

/// A container from outside and from inside.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) outside: Portrait,
    /// In the first line of its log.
    pub(crate) first_count: u64,
    pub(crate) inside: Sees,
}

/// What is asserted of a copy, and what is wrong with it.
pub(crate) struct Verdict {
    pub(crate) claim: &'static str,
    pub(crate) wrong: Vec<String>,
}

/// What the container sees and what goes on by itself, or is judged by itself.
const NOT_COMPARED: [&str; 2] = ["count", "alive"];
/// What has to be so, of itself.
const TRUE: [&str; 4] = ["memory", "child", "file", "uses devices"];
const RIGHTS: [&str; 13] = [
    "Uid",
    "Gid",
    "Groups",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
    "Seccomp",
    "Seccomp_filters",
    "apparmor",
    "oom_score_adj",
];

/// Whether a container that was started is as its pod asks: what a copy is compared with has to be right itself.
pub(crate) fn of_fresh(fresh: &Seen) -> Verdict {
    let mut wrong = Vec::new();
    for (kind, whose) in [
        ("cgroup", Whose::Own),
        ("ipc", Whose::Pod),
        ("mnt", Whose::Own),
        ("net", Whose::Pod),
        ("pid", Whose::Own),
        ("user", Whose::Node),
        ("uts", Whose::Pod),
    ] {
        let found = fresh.outside.namespaces.get(kind);
        if found != Some(&whose) {
            wrong.push(format!("its {kind} namespace is {found:?}, not {whose:?}"));
        }
    }
    for (name, expected) in [
        ("Uid", "10001 10001 10001 10001"),
        ("Gid", "10002 10002 10002 10002"),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
        ("CapBnd", "0000000000000400"),
        ("cgroup", "0::/"),
    ] {
        let found = fresh.inside.get(name);
        if found != expected {
            wrong.push(format!("{name} is {found}, not {expected}"));
        }
    }
    wrong.extend(limits(fresh));
    Verdict {
        claim: "a container that is started is as its pod asks",
        wrong,
    }
}

/// Compares a copy with what was dumped.
pub(crate) fn of_copy(before: &Seen, after: &Seen) -> Vec<Verdict> {
    let verdict = |claim, wrong| Verdict { claim, wrong };
    let inside = |names: &[&str]| differences(before, after, |name| names.contains(&name));
    let rest = |name: &str| {
        let elsewhere = [
            "devices",
            "hidden",
            "cgroup",
            "cgroup files",
            "processes",
            "proc",
            "interfaces",
        ];
        !NOT_COMPARED.contains(&name) && !RIGHTS.contains(&name) && !elsewhere.contains(&name)
    };
    let mut mounts: Vec<String> = gone(&before.outside, &after.outside);
    mounts.extend(inside(&["hidden", "interfaces", "proc"]));
    let mut rights = differ("rights", &before.outside.rights, &after.outside.rights);
    rights.extend(inside(&RIGHTS));
    let mut cgroups = after.outside.strays.clone();
    cgroups.extend(inside(&["cgroup", "cgroup files", "processes"]));
    let mut kept = limits(after);
    kept.extend(differ("limit", &before.outside.limits, &after.outside.limits));
    kept.extend(differences(before, after, |name| {
        name.contains(".max") || name.contains(".weight")
    }));
    let mut goes_on = goes_on(before, after);
    goes_on.extend(differences(before, after, rest));
    vec![
        verdict("it has the namespaces that it had", namespaces(before, after)),
        verdict("it sees what it saw of /proc and /sys, and no more", mounts),
        verdict("it is in its own cgroup, and sees that alone", cgroups),
        verdict("it reads its limits", kept),
        verdict(
            "it has its devices, and they work",
            inside(&["devices", "uses devices"]),
        ),
        verdict("it has the rights that it had, and no more", rights),
        verdict("it goes on with its memory, its child and its file", goes_on),
    ]
}

/// CRIU gives a copy a time namespace, in which its clocks go on.
fn namespaces(before: &Seen, after: &Seen) -> Vec<String> {
    let differ = after.outside.namespaces.iter().filter_map(|(kind, whose)| {
        let was = before.outside.namespaces.get(kind)?;
        let is_right = was == whose || (*kind == "time" && *whose == Whose::Own);
        (!is_right).then(|| format!("its {kind} namespace was {was:?}, is {whose:?}"))
    });
    differ.collect()
}

fn gone(before: &Portrait, after: &Portrait) -> Vec<String> {
    let gone = before
        .mounts
        .difference(&after.mounts)
        .map(|mount| format!("gone: {mount}"));
    let new = after
        .mounts
        .difference(&before.mounts)
        .map(|mount| format!("new: {mount}"));
    gone.chain(new).collect()
}

fn differ<K: Ord + std::fmt::Display>(
    what: &str,
    before: &BTreeMap<K, String>,
    after: &BTreeMap<K, String>,
) -> Vec<String> {
    let names = before
        .keys()
        .chain(after.keys().filter(|name| !before.contains_key(*name)));
    let differ = names.filter_map(|name| {
        let (was, is) = (before.get(name), after.get(name));
        (was != is).then(|| format!("{what} of {name}: was {was:?}, is {is:?}"))
    });
    differ.collect()
}

fn differences(before: &Seen, after: &Seen, is_compared: impl Fn(&str) -> bool) -> Vec<String> {
    let differ = before.inside.0.iter().filter_map(|(name, was)| {
        let is = after.inside.get(name);
        (is_compared(name) && was != is).then(|| format!("sees {name}: was {was}, is {is}"))
    });
    differ.collect()
}

/// As the manifest says, outside and inside.
fn limits(seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, expected) in [("memory.max", MEMORY.1), ("cpu.max", CPU.1)] {
        let outside = seen.outside.limits.get(name).map(String::as_str);
        for (from, found) in [("outside", outside), ("inside", Some(seen.inside.get(name)))] {
            if found != Some(expected) {
                wrong.push(format!("{name} from {from} is {found:?}, not {expected}"));
            }
        }
    }
    wrong
}

fn goes_on(before: &Seen, after: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    let counted = before.inside.count().unwrap_or_default();
    if after.first_count <= counted {
        wrong.push(format!(
            "it had counted to {counted}, and its copy began at {}",
            after.first_count
        ));
    }
    let alive = |seen: &Seen| seen.inside.get("alive").parse::<u64>().ok();
    if alive(after) <= alive(before) {
        wrong.push(format!(
            "its clock was at {:?}, and is at {:?}",
            alive(before),
            alive(after)
        ));
    }
    for name in TRUE {
        if after.inside.get(name) != "true" {
            wrong.push(format!("{name} is {}", after.inside.get(name)));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(count: u64) -> Seen {
        let whose = [
            ("cgroup", Whose::Own),
            ("ipc", Whose::Pod),
            ("mnt", Whose::Own),
            ("net", Whose::Pod),
            ("pid", Whose::Own),
            ("time", Whose::Node),
            ("user", Whose::Node),
            ("uts", Whose::Pod),
        ];
        let inside = [
            ("Uid", "10001 10001 10001 10001"),
            ("Gid", "10002 10002 10002 10002"),
            ("NoNewPrivs", "1"),
            ("Seccomp", "2"),
            ("CapBnd", "0000000000000400"),
            ("cgroup", "0::/"),
            ("cgroup files", "memory.max cpu.max"),
            ("memory.max", MEMORY.1),
            ("cpu.max", CPU.1),
            ("hidden", "/proc/kcore nothing"),
            ("devices", "null 20666 259"),
            ("apparmor", "cri-containerd.apparmor.d (enforce)"),
            ("memory", "true"),
            ("child", "true"),
            ("file", "true"),
            ("uses devices", "true"),
            ("hostname", "first-vm"),
        ];
        let mut inside: BTreeMap<String, String> = inside
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        inside.insert("count".into(), count.to_string());
        inside.insert("alive".into(), (count * 500).to_string());
        Seen {
            outside: Portrait {
                namespaces: whose.into_iter().collect(),
                mounts: ["/sys/fs/cgroup cgroup2 read-only, shows its own cgroup".to_owned()].into(),
                rights: [("subject".to_owned(), "CapEff: 0".to_owned())].into(),
                strays: Vec::new(),
                limits: [("memory.max", MEMORY.1.to_owned()), ("cpu.max", CPU.1.to_owned())].into(),
            },
            first_count: count,
            inside: Sees(inside),
        }
    }

    fn wrong(after: &Seen) -> Vec<String> {
        let verdicts = of_copy(&seen(7), after);
        verdicts.into_iter().flat_map(|verdict| verdict.wrong).collect()
    }

    #[test]
    fn a_copy_like_its_source_is_right_also_with_a_time_namespace() {
        let mut copy = seen(9);
        assert_eq!(wrong(&copy), Vec::<String>::new());
        assert_eq!(of_fresh(&copy).wrong, Vec::<String>::new());
        copy.outside.namespaces.insert("time", Whose::Own);
        assert_eq!(wrong(&copy), Vec::<String>::new());
    }

    #[test]
    fn what_the_copy_shares_with_the_node_is_named() {
        let mut copy = seen(9);
        copy.outside.namespaces.insert("cgroup", Whose::Node);
        copy.outside.mounts = ["/sys/fs/cgroup cgroup2 read-only, shows /".to_owned()].into();
        copy.inside.0.insert("memory.max".into(), "(NotFound)".into());
        copy.inside
            .0
            .insert("hidden".into(), "/proc/kcore something".into());
        let said = wrong(&copy).join("\n");
        for part in [
            "its cgroup namespace was Own, is Node",
            "new: /sys/fs/cgroup cgroup2 read-only, shows /",
            "memory.max from inside is Some(\"(NotFound)\")",
            "sees hidden",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }

    #[test]
    fn other_rights_strays_and_a_fresh_start_are_named() {
        let mut copy = seen(3);
        copy.outside.rights.insert("subject".into(), "CapEff: 1".into());
        copy.outside.strays.push("/system.slice".into());
        copy.inside.0.insert("apparmor".into(), "unconfined".into());
        copy.inside.0.insert("hostname".into(), "vm".into());
        copy.inside.0.insert("child".into(), "false".into());
        let said = wrong(&copy).join("\n");
        for part in [
            "rights of subject",
            "/system.slice",
            "sees apparmor",
            "its copy began at 3",
            "its clock was at",
            "child is false",
            "sees hostname: was first-vm, is vm",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}
