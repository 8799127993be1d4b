//! The first process of the box: the cluster's network, its control plane, and the nodes as its children.
//!
//! The box is a pid, network, mount, UTS and IPC namespace. When this process dies, everything in it dies.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use super::deadline::wait_for;
use super::layout::{API_SERVER, BRIDGE, Layout, NODES, Node, SERVICE_RANGE};
use super::services::{Ending, Services, logged, open_log};
use super::{components, rootfs};

const NAME: &str = "control-plane";
const ETCD: &str = "127.0.0.1:2379";

/// Runs the box until it is killed.
pub(super) fn run(layout: &Layout) -> anyhow::Result<()> {
    nix::unistd::sethostname(NAME).context("naming the box")?;
    let root = rootfs::assemble(layout, NAME)?;
    rootfs::special("tmpfs", &root.join("var/lib/etcd"), "mode=700")?;
    rootfs::bind(&layout.credentials(), &root.join("etc/kubernetes"))?;
    rootfs::bind(&layout.registry_data(), &root.join("var/lib/registry"))?;
    for (path, config) in [
        (components::REGISTRY_CONFIG, components::registry_config()),
        (
            components::SECURE_REGISTRY_CONFIG,
            components::secure_registry_config(),
        ),
        (
            components::GUARDED_REGISTRY_CONFIG,
            components::guarded_registry_config(),
        ),
        (components::REGISTRY_USERS, components::ROBOT.to_owned()),
    ] {
        rootfs::write(&root.join(path.trim_start_matches('/')), &config)?;
    }
    bridge(&root)?;
    let mut services = Services::default();
    for (name, arguments) in [
        ("registry", components::registry()),
        ("registry-secure", components::secure_registry()),
        ("registry-guarded", components::guarded_registry()),
        ("etcd", components::etcd()),
    ] {
        start(&mut services, layout, &root, name, arguments)?;
    }
    wait_for("etcd to listen", Duration::from_secs(30), || {
        Ok(TcpStream::connect(ETCD).ok())
    })?;
    start(
        &mut services,
        layout,
        &root,
        "kube-apiserver",
        components::api_server(),
    )?;
    for node in NODES {
        start_node(&mut services, layout, &root, node)?;
    }
    wait_for("the API server to listen", Duration::from_secs(60), || {
        Ok(TcpStream::connect(API_SERVER).ok())
    })?;
    for (name, arguments) in [
        ("kube-controller-manager", components::controller_manager()),
        ("kube-scheduler", components::scheduler()),
    ] {
        start(&mut services, layout, &root, name, arguments)?;
    }
    services.watch()
}

fn start(
    services: &mut Services,
    layout: &Layout,
    root: &Path,
    name: &str,
    arguments: Vec<String>,
) -> anyhow::Result<()> {
    let mut command = Command::new("chroot");
    command.arg(root).args(arguments);
    let command = logged(command, &open_log(&layout.log(name))?)?;
    services.start(name, command, Ending::Restart).map(drop)
}

fn start_node(services: &mut Services, layout: &Layout, root: &Path, node: Node) -> anyhow::Result<()> {
    let mut command = Command::new("unshare");
    command.args([
        "--fork",
        "--pid",
        "--kill-child",
        "--mount",
        "--net",
        "--uts",
        "--ipc",
    ]);
    command
        .args(["--propagation", "private"])
        .arg(layout.program())
        .args(["cluster", "node-init", node.name]);
    let command = logged(command, &open_log(&layout.log(node.name))?)?;
    let pid = services.start(node.name, command, Ending::Stay)?;
    plug_in(root, node, pid)
}

/// Lays a cable from the bridge to the node's network namespace, which `unshare` enters before it forks.
fn plug_in(root: &Path, node: Node, pid: u32) -> anyhow::Result<()> {
    let own = fs::read_link("/proc/self/ns/net").context("reading the box's network namespace")?;
    wait_for(
        &format!("{} to have a network of its own", node.name),
        Duration::from_secs(10),
        || {
            let its = fs::read_link(format!("/proc/{pid}/ns/net"))
                .with_context(|| format!("{} is gone", node.name))?;
            Ok((its != own).then_some(()))
        },
    )?;
    let cable = format!("v-{}", node.name);
    let pid = pid.to_string();
    ip(
        root,
        &[
            "link", "add", &cable, "type", "veth", "peer", "name", "eth0", "netns", &pid,
        ],
    )?;
    ip(root, &["link", "set", &cable, "master", "br0", "up"])?;
    ip(root, &["route", "add", node.pods, "via", node.address])
}

fn bridge(root: &Path) -> anyhow::Result<()> {
    ip(root, &["link", "set", "lo", "up"])?;
    ip(root, &["link", "add", "br0", "type", "bridge"])?;
    ip(root, &["address", "add", &format!("{BRIDGE}/24"), "dev", "br0"])?;
    ip(root, &["link", "set", "br0", "up"])?;
    // Services are reached from outside the nodes through the first node's kube-proxy.
    ip(root, &["route", "add", SERVICE_RANGE, "via", NODES[0].address])?;
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("letting the box forward packets")
}

/// Runs `ip` of the Debian tree; the host need not have one.
pub(super) fn ip(root: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new("chroot");
    command.arg(root).arg("/usr/sbin/ip").args(arguments);
    let output = command.output().context("starting ip")?;
    if !output.status.success() {
        bail!(
            "ip {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
