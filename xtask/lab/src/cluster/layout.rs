//! Where everything of the local cluster lives: addresses, folders, versions. Nothing here does anything.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The address of the bridge; the API server and the registry listen on it.
pub(super) const BRIDGE: &str = "10.100.0.1";
/// The API server, as seen inside the cluster's network.
pub(super) const API_SERVER: &str = "10.100.0.1:6443";
/// The image registry, as seen inside the cluster's network.
pub const REGISTRY: &str = "10.100.0.1:5000";
/// Where checkpoint images go in it.
pub const CHECKPOINTS: &str = "10.100.0.1:5000/checkpoints";
/// The same images over HTTPS, as registries outside of a test are met. Container runtimes that restore by image fetch
/// the image below without looking at their settings for a registry, so plain HTTP would not do.
pub const SECURE_REGISTRY: &str = "10.100.0.1:5443";
/// The same over HTTPS, for user `robot` with password `topsecret` alone.
pub const GUARDED_REGISTRY: &str = "10.100.0.1:5444";
/// All pods.
pub(super) const POD_RANGE: &str = "10.244.0.0/16";
/// All Services.
pub(super) const SERVICE_RANGE: &str = "10.96.0.0/16";
/// The address of the `kubernetes` Service, the first of its range.
pub(super) const SERVICE_OF_API: &str = "10.96.0.1";
/// The address of cluster DNS.
pub(super) const DNS: &str = "10.96.0.10";
/// Every process of a cluster carries this variable with the run folder as value; containers do not.
pub(super) const MARKER: &str = "KUBECTL_SHADOW_CLUSTER";

const RUN_VARIABLE: &str = "KUBECTL_SHADOW_RUN";
const CACHE_VARIABLE: &str = "KUBECTL_SHADOW_CACHE";

/// A worker node: its name is its host name and its Kubernetes name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    pub name: &'static str,
    pub address: &'static str,
    pub pods: &'static str,
}

/// The worker nodes.
pub(super) const NODES: [Node; 2] = [
    Node {
        name: "node-a",
        address: "10.100.0.11",
        pods: "10.244.1.0/24",
    },
    Node {
        name: "node-b",
        address: "10.100.0.12",
        pods: "10.244.2.0/24",
    },
];

/// The node of that name, or an error which lists those there are.
pub(super) fn node(name: &str) -> anyhow::Result<Node> {
    NODES.into_iter().find(|node| node.name == name).with_context(|| {
        let known: Vec<_> = NODES.iter().map(|node| node.name).collect();
        format!(
            "the local cluster has no node {name:?}; it has {}",
            known.join(" and ")
        )
    })
}

/// The two folders everything lives in.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Lives as long as the cluster: credentials, logs, the nodes' disks.
    pub run: PathBuf,
    /// Outlives the cluster: tools, the registry's data.
    pub cache: PathBuf,
}

impl Layout {
    /// The folders the environment asks for.
    pub fn from_env() -> anyhow::Result<Self> {
        let run =
            env::var_os(RUN_VARIABLE).map_or_else(|| PathBuf::from("/run/kubectl-shadow"), PathBuf::from);
        if !run.is_absolute() || run.file_name().is_none() || run.parent() == Some(Path::new("/")) {
            bail!(
                "{RUN_VARIABLE}={} must be an absolute path of at least two parts",
                run.display()
            );
        }
        let cache = xtask::cache()
            .with_context(|| format!("set {CACHE_VARIABLE} or HOME: no place for the cache is known"))?;
        Ok(Self { run, cache })
    }

    /// The variables by which another process of this program finds the same folders.
    pub fn folders(&self) -> [(&'static str, OsString); 2] {
        [
            (RUN_VARIABLE, self.run.clone().into()),
            (CACHE_VARIABLE, self.cache.clone().into()),
        ]
    }

    /// The environment of a process that belongs to the cluster and ends with it.
    pub fn environment(&self) -> impl Iterator<Item = (&'static str, OsString)> {
        self.folders()
            .into_iter()
            .chain([(MARKER, self.run.clone().into())])
    }

    /// This program, copied so that a build while the cluster runs does not take it away.
    pub fn program(&self) -> PathBuf {
        self.run.join("bin/xtask")
    }

    /// Certificates, keys and kubeconfigs of every component.
    pub fn credentials(&self) -> PathBuf {
        self.run.join("credentials")
    }

    /// The log of one component.
    pub fn log(&self, component: &str) -> PathBuf {
        self.run.join("logs").join(format!("{component}.log"))
    }

    /// The folder of one machine (a node or the control plane).
    pub fn machine(&self, name: &str) -> PathBuf {
        self.run.join(name)
    }

    /// The user's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.run.join("kubeconfig")
    }

    /// The file which says at which host address a forwarded service is reached.
    pub fn forwarded(&self, service: &str) -> PathBuf {
        self.run.join(format!("{service}.address"))
    }

    /// The registry's data; it outlives the cluster, so images are pushed once.
    pub fn registry_data(&self) -> PathBuf {
        self.cache.join("registry")
    }

    /// The cgroup below which everything of a node's pods lives, in every hierarchy.
    pub fn cgroup(&self, node: Node) -> String {
        format!("{}{}", self.cgroup_prefix(), node.name)
    }

    /// What the names of our top-level cgroups begin with.
    pub fn cgroup_prefix(&self) -> String {
        let name = self.run.file_name().unwrap_or_default();
        format!("{}-", name.to_string_lossy())
    }
}
