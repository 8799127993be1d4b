//! The product on the local cluster, installed by its own plugin, as a user would.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{capture, get};
use crate::cluster::step;
use crate::cluster::wait_for;
use crate::cluster::{self, Cluster};
use crate::images;
use crate::images::binaries::Profile;

/// The registry as the nodes reach it.
const REGISTRY: &str = "10.100.0.1:5000/shadow";
/// The broker Secrets of the samples.
const SECRETS: [&str; 5] = [
    "orders-broker",
    "plain-broker",
    "polling-broker",
    "pika-broker",
    "aiopika-broker",
];
/// A node is a target this long after its agent was started.
const NODES_READY: Duration = Duration::from_secs(90);

/// The product, and the programs of it that run on the host.
pub struct Product {
    programs: BTreeMap<String, PathBuf>,
}

impl Product {
    /// Builds everything and pushes the images.
    pub fn build(cluster: &Cluster, profile: Profile) -> Result<Self> {
        images::push_parts(cluster, profile)?;
        let building = step("programs");
        let programs = images::binaries::build(profile)?;
        building.done(format!("{} programs", programs.len()));
        Ok(Self { programs })
    }

    /// Installs it as a user would; returns when both nodes can be moved to.
    pub fn install(&self, cluster: &Cluster) -> Result<()> {
        self.install_with(cluster, &[])
    }

    /// The same, with more arguments.
    pub fn install_with(&self, cluster: &Cluster, arguments: &[&str]) -> Result<()> {
        let installing = step("kubectl shadow install");
        let kept = get(cluster, &["deployments", "--namespace=shadow-system"])?;
        let kept = kept["items"].as_array().is_some_and(|items| !items.is_empty());
        let mut plugin = self.plugin(cluster)?;
        plugin.args([
            "install",
            "--registry",
            REGISTRY,
            "--tag",
            "dev",
            "--plain-http",
            cluster::REGISTRY,
        ]);
        for secret in SECRETS {
            plugin.args(["--allow", &format!("{}/{secret}", cluster.namespace())]);
        }
        plugin.args(arguments);
        capture(plugin)?;
        if kept {
            renewed(cluster)?;
        }
        wait_for(
            "both nodes to be labelled migration.ms2m.io/ready=true",
            NODES_READY,
            || {
                let nodes = get(cluster, &["nodes", "--selector=migration.ms2m.io/ready=true"])?;
                let ready = nodes["items"].as_array().map_or(0, Vec::len);
                Ok((ready == Cluster::node_names().len()).then_some(()))
            },
        )?;
        installing.done("controller, webhook and agents are ready");
        Ok(())
    }

    /// Lets the controller read the broker Secrets of another tenant.
    pub fn allow(&self, cluster: &Cluster) -> Result<()> {
        for secret in SECRETS {
            let mut plugin = self.plugin(cluster)?;
            plugin.args(["allow", "--secret", secret]);
            capture(plugin)?;
        }
        Ok(())
    }

    /// The same product, which another process has built and installed.
    #[must_use]
    pub fn built(programs: BTreeMap<String, PathBuf>) -> Self {
        Self { programs }
    }

    /// Where its programs are, by name.
    #[must_use]
    pub fn programs(&self) -> &BTreeMap<String, PathBuf> {
        &self.programs
    }

    /// One of the programs.
    pub fn program(&self, name: &str) -> Result<&Path> {
        self.programs
            .get(name)
            .map(PathBuf::as_path)
            .with_context(|| format!("{name} was not built"))
    }

    /// The plugin against this cluster.
    pub fn plugin(&self, cluster: &Cluster) -> Result<Command> {
        let mut command = Command::new(self.program("kubectl-shadow")?);
        command.env("KUBECONFIG", cluster.kubeconfig());
        command.args(cluster.tenant().flags());
        Ok(command)
    }
}

/// The tag of the images is always the same: on a cluster that was kept, pods of before would go on with programs of before.
fn renewed(cluster: &Cluster) -> Result<()> {
    let parts = [
        "deployment/shadow-controller",
        "deployment/shadow-webhook",
        "daemonset/shadow-agent",
    ];
    let namespace = "--namespace=shadow-system";
    let mut restart = cluster.kubectl(["rollout", "restart", namespace]);
    restart.args(parts);
    capture(restart)?;
    for part in parts {
        capture(cluster.kubectl(["rollout", "status", namespace, part, "--timeout=120s"]))?;
    }
    Ok(())
}
