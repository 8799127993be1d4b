//! How the parts of the cache are made: Kubernetes and CoreDNS from Go modules, the rest from Debian packages.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::cache::{last_lines, lock};
use super::layout::Layout;
use super::services::{logged, open_log};

/// Must be the version the Go modules beside name.
pub const KUBERNETES: &str = "v1.36.3";
/// The cluster's DNS server; must be the version its Go module names.
pub(super) const COREDNS: &str = "v1.14.7";
/// Debian's rolling release: an older CRIU does not run on new kernels.
pub(super) const SUITE: &str = "sid";
/// What a node needs; etcd, the registry and skopeo are for the box.
pub(super) const PACKAGES: &[&str] = &[
    "ca-certificates",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "criu",
    "curl",
    "docker-registry",
    "etcd-server",
    "ethtool",
    "iproute2",
    "iptables",
    "iputils-ping",
    "jq",
    "kmod",
    "mount",
    "nftables",
    "openssl",
    "procps",
    "runc",
    "skopeo",
    "socat",
    "util-linux",
];

/// The linker leaves debug information out (`-s -w`), so that the compiler need not make it.
const NO_DWARF: &str = "-gcflags=all=-dwarf=false";
/// A compiler that tidies up less often takes more memory and a sixth less time.
const GARBAGE_PERCENT: &str = "400";

/// Builds the Kubernetes programs into a folder.
pub(super) fn build_kubernetes(layout: &Layout, into: &Path) -> anyhow::Result<()> {
    let version = "k8s.io/component-base/version";
    let flags = format!(
        "-s -w -X {version}.gitVersion={KUBERNETES} -X {version}.gitMajor=1 -X {version}.gitMinor=36 \
         -X {version}.gitTreeState=clean"
    );
    let mut command = go(layout, into)?;
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/kubernetes"));
    command.args([
        "install",
        "-trimpath",
        "-mod=readonly",
        NO_DWARF,
        &format!("-ldflags={flags}"),
        "tool",
    ]);
    run_logged(layout, "kubernetes-build", command)
}

/// What CoreDNS is built from: its own modules, with the plugins that are used.
pub(super) const COREDNS_SOURCE: [&str; 2] = [
    include_str!("../../coredns/main.go"),
    include_str!("../../coredns/go.mod"),
];

/// Builds CoreDNS into a folder.
pub(super) fn build_coredns(layout: &Layout, into: &Path) -> anyhow::Result<()> {
    let mut command = go(layout, into)?;
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/coredns"));
    command.args([
        "install",
        "-trimpath",
        "-mod=readonly",
        NO_DWARF,
        "-ldflags=-s -w",
        ".",
    ]);
    run_logged(layout, "coredns-build", command)
}

fn go(layout: &Layout, into: &Path) -> anyhow::Result<Command> {
    if !answers("go", "version") {
        bail!(
            "the Go toolchain (1.26 or later) is needed to build Kubernetes; install it and put `go` on PATH"
        );
    }
    let mut command = patient("go");
    command
        .current_dir(&layout.cache)
        .env("CGO_ENABLED", "0")
        .env("GOGC", GARBAGE_PERCENT)
        .env("GOBIN", into);
    // Inside the staging folder, so that what a killed build leaves goes away with it.
    let scratch = into.join(".scratch");
    fs::create_dir_all(&scratch).with_context(|| format!("creating {}", scratch.display()))?;
    command.env("GOTMPDIR", scratch);
    Ok(command)
}

/// A program that works for minutes, at the lowest priority: the tests that run meanwhile, and whoever else uses the
/// machine, come first.
pub fn patient(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("nice");
    command.args(["-n", "19"]).arg(program);
    command
}

/// Makes sure that debootstrap is there.
pub fn install_debootstrap(layout: &Layout) -> anyhow::Result<()> {
    install_package(layout, "debootstrap", "debootstrap", "--version")
}

/// Makes sure that a program of the same machine's Debian is there, which answers a question for its version.
pub(crate) fn install_package(
    layout: &Layout,
    package: &str,
    program: &str,
    question: &str,
) -> anyhow::Result<()> {
    let _one_at_a_time = lock(&layout.cache.join("apt-get.lock"))?;
    if answers(program, question) {
        return Ok(());
    }
    let mut install = Command::new("apt-get");
    install
        .args(["install", "--yes", "--quiet", "--no-install-recommends", package])
        .env("DEBIAN_FRONTEND", "noninteractive");
    let mut update = Command::new("apt-get");
    update.args(["update", "--quiet"]);
    let wanted = || format!("{program} is needed: install the package {package}");
    run_logged(layout, "apt-get-install", update).with_context(wanted)?;
    run_logged(layout, "apt-get-install", install).with_context(wanted)
}

/// Fetches the Debian tree into a folder.
pub(super) fn fetch_debian(layout: &Layout, into: &Path) -> anyhow::Result<()> {
    debootstrap(layout, PACKAGES, into)?;
    let packages = into.join("var/cache/apt/archives");
    fs::remove_dir_all(&packages).with_context(|| format!("removing {}", packages.display()))
}

/// Unpacks these packages and what they need into a folder.
///
/// debootstrap mounts things; in a namespace of its own they end with it, however it ends.
pub fn debootstrap(layout: &Layout, packages: &[&str], into: &Path) -> anyhow::Result<()> {
    install_debootstrap(layout)?;
    let mut command = Command::new("unshare");
    command.args([
        "--fork",
        "--pid",
        "--kill-child",
        "--mount",
        "--mount-proc",
        "--propagation",
        "private",
    ]);
    command.args([
        "debootstrap",
        "--variant=minbase",
        &format!("--include={}", packages.join(",")),
        SUITE,
    ]);
    command.arg(into);
    run_logged(layout, "debootstrap", command)
}

fn answers(program: &str, question: &str) -> bool {
    let mut command = Command::new(program);
    command
        .arg(question)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Runs a command with its output in a log of the cache; on failure the error ends with the log's last lines.
pub fn run_logged(layout: &Layout, name: &str, mut command: Command) -> anyhow::Result<()> {
    let path = layout.cache.join("logs").join(format!("{name}.log"));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    // With the marker, `cluster down` finds and ends it also when this process was killed.
    command.envs(layout.environment());
    let status = logged(command, &open_log(&path)?)?
        .status()
        .with_context(|| format!("starting {name}"))?;
    if !status.success() {
        bail!(
            "{name} failed ({status}); the end of {}:\n{}",
            path.display(),
            last_lines(&path)?
        );
    }
    Ok(())
}
