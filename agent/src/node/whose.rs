//! Which container a process belongs to, and what Kubernetes calls that container.

use std::fmt;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::ContainerId;

/// A container as people know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    namespace: String,
    pod: String,
    pod_uid: String,
    container: String,
}

/// Where a process was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// In the container that is looked at.
    Own,
    /// In another container of the same pod.
    Neighbour(String),
    /// In a container of another pod.
    Stranger {
        /// `namespace/name` of the pod.
        pod: String,
        /// Its container.
        container: String,
    },
    /// In no container of Kubernetes: a program of the node.
    Node,
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("this container"),
            Self::Neighbour(name) => write!(f, "container {name:?} of the same pod"),
            Self::Stranger { pod, container } => write!(f, "container {container:?} of pod {pod}"),
            Self::Node => f.write_str("a program of its node"),
        }
    }
}

/// Whose a process is, seen from container `own`; `None` for one that has ended. `bundles` has a folder for each container.
pub(super) fn of(process: &Path, own: &ContainerId, bundles: &Path) -> Option<Whose> {
    let cgroups = fs::read_to_string(process.join("cgroup")).ok()?;
    let Some(id) = container_in(&cgroups) else {
        return Some(Whose::Node);
    };
    if id == *own {
        return Some(Whose::Own);
    }
    let named = |id: &ContainerId| named(&bundles.join(id.as_str()));
    let Some(other) = named(&id) else {
        return Some(Whose::Node);
    };
    Some(match named(own) {
        Some(own) if own.pod_uid == other.pod_uid => Whose::Neighbour(other.container),
        _ => Whose::Stranger {
            pod: format!("{}/{}", other.namespace, other.pod),
            container: other.container,
        },
    })
}

/// The container id in a process' cgroups: 64 digits, alone or as systemd writes it (`cri-containerd-….scope`).
fn container_in(cgroups: &str) -> Option<ContainerId> {
    cgroups
        .split(|c: char| !c.is_ascii_alphanumeric())
        .find_map(|part| ContainerId::parse(part).ok())
}

/// What the container runtime wrote into its bundle.
fn named(bundle: &Path) -> Option<Named> {
    let spec: Value = serde_json::from_slice(&fs::read(bundle.join("config.json")).ok()?).ok()?;
    let annotations = spec.get("annotations")?;
    let first = |names: [&str; 2]| {
        let found = names.iter().find_map(|name| annotations.get(name)?.as_str());
        found.map(str::to_owned)
    };
    Some(Named {
        // CRI-O calls the same things differently.
        container: first(["io.kubernetes.cri.container-name", "io.kubernetes.container.name"])?,
        namespace: first([
            "io.kubernetes.cri.sandbox-namespace",
            "io.kubernetes.pod.namespace",
        ])?,
        pod: first(["io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"])?,
        pod_uid: first(["io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"])?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id(digit: char) -> ContainerId {
        ContainerId::parse(&digit.to_string().repeat(64)).unwrap()
    }

    /// A folder of bundles: two containers of pod `orders-0`, one of another pod.
    fn bundles() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (digit, pod, container) in [
            ('a', "orders-0", "orders"),
            ('b', "orders-0", "proxy"),
            ('c', "agent-x", "spire"),
        ] {
            let bundle = folder.path().join(id(digit).as_str());
            fs::create_dir(&bundle).unwrap();
            let annotations = json!({"annotations": {
                "io.kubernetes.cri.container-name": container, "io.kubernetes.cri.sandbox-name": pod,
                "io.kubernetes.cri.sandbox-namespace": "shop", "io.kubernetes.cri.sandbox-uid": pod,
            }});
            fs::write(bundle.join("config.json"), annotations.to_string()).unwrap();
        }
        folder
    }

    /// Whose a process in this cgroup is, for container `a`.
    fn whose(cgroup: &str) -> Option<Whose> {
        let (bundles, process) = (bundles(), tempfile::tempdir().unwrap());
        fs::write(process.path().join("cgroup"), cgroup).unwrap();
        of(process.path(), &id('a'), bundles.path())
    }

    #[test]
    fn a_process_is_known_by_its_cgroup_whatever_the_driver() {
        let plain = |digit| format!("4:memory:/kubepods/burstable/pod6b1a/{}\n", id(digit));
        let systemd = |digit| {
            format!(
                "0::/kubepods.slice/kubepods-pod6b1a.slice/cri-containerd-{}.scope\n",
                id(digit)
            )
        };
        for (cgroup, wanted) in [
            (plain('a'), Whose::Own),
            (systemd('a'), Whose::Own),
            (plain('b'), Whose::Neighbour("proxy".into())),
            (systemd('b'), Whose::Neighbour("proxy".into())),
            (
                plain('c'),
                Whose::Stranger {
                    pod: "shop/agent-x".into(),
                    container: "spire".into(),
                },
            ),
            ("0::/system.slice/rsyslog.service\n".into(), Whose::Node),
        ] {
            assert_eq!(whose(&cgroup), Some(wanted), "{cgroup}");
        }
        let gone = Path::new("/proc/0");
        assert_eq!(of(gone, &id('a'), bundles().path()), None);
    }
}
