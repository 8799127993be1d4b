//! The first process of a node: its root file system, its network, and containerd, kubelet and kube-proxy.
//!
//! containerd, the kubelet and kube-proxy are started again at once when they end; containers live on.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use super::deadline::wait_for;
use super::layout::{BRIDGE, Layout, NODES, Node};
use super::services::{Ending, Services, logged, open_log};
use super::{cgroups, credentials, node_config, rootfs, shared_disk};

const CONTAINERD_SOCKET: &str = "/run/containerd/containerd.sock";
const SERVICES: [&str; 3] = ["containerd", "kubelet", "kube-proxy"];

/// Runs the node until it is killed.
pub(super) fn run(layout: &Layout, node: Node) -> anyhow::Result<()> {
    nix::unistd::sethostname(node.name).context("naming the node")?;
    cgroups::create(layout, node)?;
    let root = rootfs::assemble(layout, node.name)?;
    // overlayfs cannot have its upper layer on overlayfs, and containerd's layers are overlays.
    for state in ["containerd", "kubelet"] {
        let data = layout.machine(node.name).join(state);
        fs::create_dir_all(&data).with_context(|| format!("creating {}", data.display()))?;
        rootfs::bind(&data, &root.join("var/lib").join(state))?;
    }
    shared_disk::install(layout, &root)?;
    for (path, content) in node_config::files(layout, node) {
        rootfs::write(&root.join(path), &content)?;
    }
    for file in credentials::of_node(node) {
        let content = fs::read_to_string(layout.credentials().join(&file))
            .with_context(|| format!("reading {file}"))?;
        rootfs::write(&root.join("etc/kubernetes").join(&file), &content)?;
    }
    // Programs of the node trust the registry as they trust public ones.
    let authority = layout.credentials().join("ca.crt");
    let pem = fs::read_to_string(&authority).with_context(|| format!("reading {}", authority.display()))?;
    rootfs::write(&root.join("etc/ssl/certs/kubectl-shadow.pem"), &pem)?;
    // Opened before the root changes: the logs are outside of it.
    let mut logs = Vec::new();
    for name in SERVICES {
        logs.push((name, open_log(&layout.log(&format!("{}.{name}", node.name)))?));
    }
    rootfs::enter(&root)?;
    network(node)?;
    let mut services = Services::default();
    for (name, log) in logs {
        if name == "kubelet" {
            wait_for("containerd to listen", Duration::from_secs(30), || {
                Ok(UnixStream::connect(CONTAINERD_SOCKET).ok())
            })?;
        }
        services.start(name, logged(command(name, node), &log)?, Ending::Restart)?;
    }
    services.watch()
}

fn command(name: &str, node: Node) -> Command {
    let mut command = match name {
        "containerd" => Command::new("/usr/bin/containerd"),
        other => Command::new(format!("/opt/kubernetes/{other}")),
    };
    command
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("HOME", "/root");
    if name == "kubelet" {
        command.arg("--config=/etc/kubernetes/kubelet.yaml");
        command.arg(format!("--kubeconfig=/etc/kubernetes/{}.kubeconfig", node.name));
        command
            .arg(format!("--hostname-override={}", node.name))
            .arg(format!("--node-ip={}", node.address));
    }
    if name == "kube-proxy" {
        command.arg("--config=/etc/kubernetes/kube-proxy.yaml");
    }
    command
}

fn network(node: Node) -> anyhow::Result<()> {
    wait_for("the cable to the bridge", Duration::from_secs(10), || {
        Ok(Path::new("/sys/class/net/eth0").exists().then_some(()))
    })?;
    ip(&["link", "set", "lo", "up"])?;
    ip(&["address", "add", &format!("{}/24", node.address), "dev", "eth0"])?;
    ip(&["link", "set", "eth0", "up"])?;
    ip(&["route", "add", "default", "via", BRIDGE])?;
    for other in NODES.into_iter().filter(|other| *other != node) {
        ip(&["route", "add", other.pods, "via", other.address])?;
    }
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("letting the node forward packets")?;
    // Pods of one node that call a Service meet on its bridge; kube-proxy must see those packets too.
    fs::write("/proc/sys/net/bridge/bridge-nf-call-iptables", "1")
        .context("showing bridged packets to kube-proxy (is the module br_netfilter there?)")
}

fn ip(arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("/usr/sbin/ip")
        .args(arguments)
        .output()
        .context("starting ip")?;
    anyhow::ensure!(
        output.status.success(),
        "ip {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
