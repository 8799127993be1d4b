//! The cluster as the other commands use it: start it, find it, reach into it, end it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::layout::{self, Layout};
use super::progress::step;
use super::tenant::Tenant;
use super::{cache, check, processes, startup, status, teardown};

/// What becomes of cluster DNS and RabbitMQ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addons {
    /// Left out.
    Omitted,
    /// Started; [`crate::addons::wait`] waits for them.
    Started,
    /// Ready.
    Ready,
}

/// A running cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub(super) layout: Layout,
    tenant: Tenant,
}

impl Cluster {
    pub(super) fn sole(layout: Layout) -> Self {
        Self {
            layout,
            tenant: Tenant::Sole,
        }
    }

    /// The same cluster for this tenant: kubectl and the plugin work in its namespace.
    #[must_use]
    pub fn of(&self, tenant: Tenant) -> Self {
        Self {
            layout: self.layout.clone(),
            tenant,
        }
    }

    /// Who works in the cluster by this handle.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Namespace of the pods.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.tenant.namespace()
    }

    /// Starts the cluster, or finds the one that runs; what is left of a half one is removed first.
    pub fn up(addons: Addons) -> anyhow::Result<Self> {
        let layout = Layout::from_env()?;
        let lock = startup::lock(&layout)?;
        let cluster = Self::sole(layout);
        if processes::box_init(&cluster.layout)?.is_some() && status::is_ready(&cluster)? {
            println!("  the cluster is up already; `cargo xtask cluster status` says more");
        } else {
            if !teardown::leftovers(&cluster.layout)?.is_empty() {
                let clean = step("clean-up");
                teardown::end(&cluster.layout)?;
                clean.done("what was left of a former cluster is removed");
            }
            startup::start(&cluster)?;
        }
        drop(lock);
        match addons {
            Addons::Omitted => {}
            Addons::Started => crate::addons::start(&cluster)?,
            Addons::Ready => crate::addons::apply(&cluster)?,
        }
        Ok(cluster)
    }

    /// The running cluster, or an error that says how to start one.
    pub fn open() -> anyhow::Result<Self> {
        let layout = Layout::from_env()?;
        let hint = "no local cluster runs; `cargo xtask cluster up` starts one";
        processes::box_init(&layout)?.context(hint)?;
        Ok(Self::sole(layout))
    }

    /// Ends the cluster; nothing to end is no error.
    pub fn down() -> anyhow::Result<()> {
        let layout = Layout::from_env()?;
        let _lock = startup::lock(&layout)?;
        let down = step("down");
        teardown::end(&layout)?;
        down.done("nothing of the cluster is left but the cache");
        Ok(())
    }

    /// Proves that killed starts and killed processes leave nothing behind, on a cluster of its own.
    pub fn check() -> anyhow::Result<()> {
        check::run(&Layout::from_env()?)
    }

    /// Everything of a cluster that is there, as lines for a person; empty after `down`.
    pub fn leftovers() -> anyhow::Result<Vec<String>> {
        teardown::leftovers(&Layout::from_env()?)
    }

    /// A kubeconfig that works on the host.
    pub fn kubeconfig(&self) -> PathBuf {
        self.layout.kubeconfig()
    }

    /// kubectl of the cluster's own version, as its administrator.
    pub fn kubectl<I, S>(&self, arguments: I) -> Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut command = Command::new(cache::kubernetes(&self.layout).join("kubectl"));
        command.env("KUBECONFIG", self.kubeconfig());
        command.args(self.tenant.flags()).args(arguments);
        command
    }

    /// The certificate of the cluster's authority, PEM: it vouches for the registries that are met by HTTPS, too.
    pub fn authority(&self) -> anyhow::Result<String> {
        let path = self.layout.credentials().join("ca.crt");
        std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    }

    /// The registry's address on the host (plain HTTP); inside the cluster it is 10.100.0.1:5000.
    pub fn registry(&self) -> anyhow::Result<String> {
        let file = self.layout.forwarded("registry");
        fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))
    }

    /// A program of a node in all namespaces of that node.
    pub fn run_on_node(&self, node: &str, program: impl AsRef<OsStr>) -> anyhow::Result<Command> {
        let init = self.node_pid(node)?;
        let mut command = Command::new("nsenter");
        command.args([
            "--target",
            &init.to_string(),
            "--mount",
            "--uts",
            "--ipc",
            "--net",
            "--pid",
        ]);
        command.args(["--wdns=/", "--"]).arg(program);
        Ok(command)
    }

    /// A repository for the tenant's checkpoint images, below `host/path` of a registry.
    #[must_use]
    pub fn repository(&self, below: &str) -> String {
        match &self.tenant {
            Tenant::Sole => below.to_owned(),
            Tenant::Named(name) => format!("{below}/{name}"),
        }
    }

    /// The names of the nodes.
    pub fn node_names() -> [&'static str; 2] {
        layout::NODES.map(|node| node.name)
    }

    /// The node's first process, as the host numbers it.
    pub fn node_pid(&self, node: &str) -> anyhow::Result<i32> {
        let found = processes::node_init(&self.layout, layout::node(node)?)?;
        found
            .map(|process| process.pid)
            .with_context(|| format!("{node} does not run"))
    }

    /// A program of a node that runs outside of pods, as the host numbers it.
    pub fn process_on_node(&self, node: &str, program: &str) -> anyhow::Result<i32> {
        let found = processes::on_node(&self.layout, layout::node(node)?, Path::new(program))?;
        found
            .map(|process| process.pid)
            .with_context(|| format!("{program} does not run on {node}"))
    }

    /// The folder of the CoreDNS program.
    pub fn coredns(&self) -> PathBuf {
        cache::coredns(&self.layout)
    }
}
