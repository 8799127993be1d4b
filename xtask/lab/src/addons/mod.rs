//! What runs in the local cluster besides our parts: cluster DNS and RabbitMQ.
//!
//! Guarantee: when [`apply`] returns, both serve. Applying again changes nothing.

use crate::cluster::{Cluster, step};
use crate::fed::fed;
use crate::images;
use anyhow::{Context, Result, bail};
use std::process::Command;

const READY_WITHIN: &str = "120s";

/// Arguments of `cargo xtask addons`.
#[derive(clap::Args)]
pub struct Args {}

/// Something that runs in the cluster.
struct Addon {
    name: &'static str,
    namespace: &'static str,
    /// What has to be ready, as kubectl names it.
    workload: &'static str,
    manifest: &'static str,
}

const ADDONS: [Addon; 2] = [
    // The slow one comes first, so that the other starts in its shadow.
    Addon {
        name: "rabbitmq",
        namespace: "rabbitmq",
        workload: "statefulset/rabbitmq",
        manifest: include_str!("rabbitmq.yaml"),
    },
    Addon {
        name: "cluster DNS",
        namespace: "kube-system",
        workload: "deployment/coredns",
        manifest: include_str!("coredns.yaml"),
    },
];

/// Runs the command.
pub fn run(_args: Args) -> Result<()> {
    apply(&Cluster::open()?)
}

/// Pushes the images, applies everything and waits until all of it is ready; `cluster up` ends with it.
pub fn apply(cluster: &Cluster) -> Result<()> {
    start(cluster)?;
    wait(cluster)
}

/// Pushes the images and applies everything.
pub fn start(cluster: &Cluster) -> Result<()> {
    images::push_foreign(cluster)?;
    for addon in &ADDONS {
        addon.apply(cluster)?;
    }
    Ok(())
}

/// Waits until all of it is ready.
pub fn wait(cluster: &Cluster) -> Result<()> {
    for addon in ADDONS.iter().rev() {
        let waiting = step(addon.name);
        addon.wait_until_ready(cluster)?;
        waiting.done(format!("{} is ready", addon.workload));
    }
    Ok(())
}

impl Addon {
    fn apply(&self, cluster: &Cluster) -> Result<()> {
        let arguments = [
            "apply",
            "--server-side",
            "--force-conflicts",
            "--field-manager=xtask",
            "-f",
            "-",
        ];
        let mut kubectl = cluster.kubectl(arguments);
        let output = fed(&mut kubectl, self.manifest)?;
        if !output.status.success() {
            bail!(
                "applying {}: {}",
                self.name,
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(())
    }

    fn wait_until_ready(&self, cluster: &Cluster) -> Result<()> {
        let timeout = format!("--timeout={READY_WITHIN}");
        let arguments = [
            "rollout",
            "status",
            "--namespace",
            self.namespace,
            &timeout,
            self.workload,
        ];
        let output = cluster.kubectl(arguments).output().context("run kubectl")?;
        if output.status.success() {
            return Ok(());
        }
        let error = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        bail!(
            "{} is not ready: {error}\n{}",
            self.workload,
            self.events(cluster)
        )
    }

    /// What the cluster says about it, for the error message.
    fn events(&self, cluster: &Cluster) -> String {
        let shown = |mut kubectl: Command| match kubectl.output() {
            Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
            Err(error) => format!("(kubectl cannot be run: {error})"),
        };
        let pods = shown(cluster.kubectl(["get", "pods", "--namespace", self.namespace, "--output=wide"]));
        let events = shown(cluster.kubectl([
            "events",
            "--namespace",
            self.namespace,
            "--types=Warning",
            "--no-headers",
        ]));
        format!("{pods}{events}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addon(name: &str) -> &'static str {
        ADDONS.iter().find(|addon| addon.name == name).unwrap().manifest
    }

    #[test]
    fn names_and_addresses_are_those_others_rely_on() {
        let rabbitmq = addon("rabbitmq");
        for line in [
            "image: 10.100.0.1:5000/samples/rabbitmq:dev",
            "port: 5672,",
            "port: 15672,",
            "values: [node-b]",
        ] {
            assert!(rabbitmq.contains(line), "{line}");
        }
        let dns = addon("cluster DNS");
        for line in [
            "image: 10.100.0.1:5000/coredns:1",
            "clusterIP: 10.96.0.10",
            "name: kube-dns",
        ] {
            assert!(dns.contains(line), "{line}");
        }
    }

    #[test]
    fn every_workload_waited_for_is_in_its_manifest() {
        for addon in &ADDONS {
            let (kind, name) = addon.workload.split_once('/').unwrap();
            let found = addon.manifest.split("\n---\n").any(|document| {
                let kind_line = format!("\nkind: {kind}\n");
                let names = format!("\n  name: {name}\n  namespace: {}\n", addon.namespace);
                document.to_lowercase().contains(&kind_line) && document.contains(&names)
            });
            assert!(found, "{}", addon.workload);
        }
    }
}
