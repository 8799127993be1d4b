//! The node's disk: Debian's rolling release with its own kernel, containerd, runc, CRIU, and the lab's kubelet.
//!
//! The kernel has drivers for NVMe and ext4 built in, so there is no initramfs. Its packages are unpacked, not installed: that
//! would ask for a program that makes one.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask_lab::cluster::{KUBERNETES, Layout, debootstrap, filled_kubernetes, run_logged, versioned};

const PACKAGES: [&str; 20] = [
    "apparmor",
    "ca-certificates",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "criu",
    "dbus",
    "ethtool",
    "iproute2",
    "iptables",
    "kmod",
    "mount",
    "nftables",
    "procps",
    "runc",
    "socat",
    "systemd",
    "systemd-sysv",
    "udev",
    "util-linux",
];
/// It depends on the packages of the present kernel.
const KERNEL: &str = "linux-image-cloud-amd64";
const SIZE: &str = "4G";
const DISK: &str = "root.img";
const VMLINUZ: &str = "vmlinuz";

/// Files of the node, with what the test needs.
const FILES: [(&str, &str); 13] = [
    (
        "etc/cni/net.d/10-bridge.conflist",
        include_str!("files/bridge.conflist"),
    ),
    (
        "etc/containerd/config.toml",
        include_str!("files/containerd.toml"),
    ),
    ("etc/fstab", "/dev/nvme0n1 / ext4 rw,noatime 0 0\n"),
    ("etc/hostname", "vm\n"),
    ("etc/hosts", "127.0.0.1 localhost\n10.88.0.1 vm\n"),
    ("etc/kubernetes/kubelet.yaml", include_str!("files/kubelet.yaml")),
    // With one, systemd does not take this for the first start ever.
    ("etc/machine-id", "00000000000000000000000000000001\n"),
    ("etc/modules-load.d/kubernetes.conf", "overlay\nbr_netfilter\n"),
    ("etc/resolv.conf", ""),
    ("etc/sysctl.d/99-kubernetes.conf", "net.ipv4.ip_forward=1\n"),
    (
        "etc/systemd/system/kubelet.service",
        include_str!("files/kubelet.service"),
    ),
    (
        "etc/systemd/system/node-test.service",
        include_str!("files/node-test.service"),
    ),
    (
        "etc/systemd/journald.conf.d/test.conf",
        "[Journal]\nStorage=volatile\n",
    ),
];
const FOLDERS: [&str; 4] = [
    "etc/containerd/conf.d",
    "etc/kubernetes/manifests",
    "opt/kubernetes",
    "opt/node-test",
];
/// Units that an ordinary node has and this test has no use for; each costs seconds without acceleration.
const MASKED: [&str; 11] = [
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "dpkg-db-backup.timer",
    "fstrim.timer",
    "getty@tty1.service",
    "ldconfig.service",
    "modprobe@configfs.service",
    "modprobe@drm.service",
    "modprobe@efi_pstore.service",
    "serial-getty@ttyS0.service",
    "systemd-pstore.service",
];

/// A disk and the kernel that boots from it.
pub(crate) struct Image {
    pub(crate) disk: PathBuf,
    pub(crate) kernel: PathBuf,
}

impl Image {
    pub(crate) fn ensure(layout: &Layout) -> Result<Self> {
        filled_kubernetes(layout)?;
        let at = versioned(
            layout,
            "node-sid",
            &source(),
            "fetching packages, about 3 minutes",
            make,
        )?;
        Ok(Self {
            disk: at.join(DISK),
            kernel: at.join(VMLINUZ),
        })
    }
}

/// All that the image is made of, but for the versions of packages: those are as new as when it was made.
fn source() -> String {
    let mut source = format!("{} {KERNEL} {KUBERNETES} {SIZE} ", PACKAGES.join(","));
    for (path, text) in FILES {
        source.push_str(path);
        source.push_str(text);
    }
    source.push_str(&FOLDERS.join(","));
    source.push_str(&MASKED.join(","));
    source
}

fn make(layout: &Layout, into: &Path) -> Result<()> {
    let tree = into.join("tree");
    fs::create_dir(&tree).context("make a folder for the node's tree")?;
    debootstrap(layout, &PACKAGES, &tree)?;
    let kernel = unpack_kernel(layout, &tree)?;
    fs::copy(&kernel, into.join(VMLINUZ)).with_context(|| format!("copy {}", kernel.display()))?;
    furnish(&tree)?;
    let kubelet = filled_kubernetes(layout)?.join("kubelet");
    fs::copy(&kubelet, tree.join("opt/kubernetes/kubelet"))
        .with_context(|| format!("copy {}", kubelet.display()))?;
    let mut format = Command::new("mkfs.ext4");
    format.args(["-q", "-F", "-O", "^has_journal", "-d"]).arg(&tree);
    format.arg(into.join(DISK)).arg(SIZE);
    run_logged(layout, "mkfs", format)?;
    fs::remove_dir_all(&tree).context("remove the node's tree")
}

/// Downloads and unpacks the packages of the present kernel; its path. debootstrap has left lists of packages in the tree.
fn unpack_kernel(layout: &Layout, tree: &Path) -> Result<PathBuf> {
    let depends = in_tree(tree, &["apt-cache", "depends", KERNEL])?;
    let release = depends
        .lines()
        .find_map(|line| line.trim().strip_prefix("Depends: linux-image-"))
        .with_context(|| format!("{KERNEL} depends on no kernel: {depends}"))?;
    let names = ["base", "binary", "modules"].map(|part| format!("linux-{part}-{release}"));
    let script = format!("cd /tmp && apt-get download {}", names.join(" "));
    in_tree(tree, &["sh", "-c", &script])?;
    for package in packages(&tree.join("tmp"))? {
        let mut unpack = Command::new("dpkg-deb");
        unpack.arg("-x").arg(&package).arg(tree);
        run_logged(layout, "dpkg-deb", unpack)?;
        fs::remove_file(&package).with_context(|| format!("remove {}", package.display()))?;
    }
    in_tree(tree, &["depmod", release])?;
    Ok(tree.join("usr/lib/modules").join(release).join(VMLINUZ))
}

fn packages(folder: &Path) -> Result<Vec<PathBuf>> {
    let listing = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut found = Vec::new();
    for entry in listing {
        let path = entry
            .with_context(|| format!("read {}", folder.display()))?
            .path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            found.push(path);
        }
    }
    Ok(found)
}

fn in_tree(tree: &Path, arguments: &[&str]) -> Result<String> {
    let what = arguments.join(" ");
    let output = Command::new("chroot")
        .arg(tree)
        .args(arguments)
        .output()
        .with_context(|| format!("run {what}"))?;
    ensure!(
        output.status.success(),
        "{what} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Files, folders and units; what is not needed any more goes.
fn furnish(tree: &Path) -> Result<()> {
    for folder in FOLDERS {
        let path = tree.join(folder);
        fs::create_dir_all(&path).with_context(|| format!("make {}", path.display()))?;
    }
    for (path, text) in FILES {
        let path = tree.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        }
        // Some are links in a fresh tree.
        remove(&path)?;
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    let units = tree.join("etc/systemd/system");
    for unit in MASKED {
        link("/dev/null", &units.join(unit))?;
    }
    link(
        "../node-test.service",
        &units.join("multi-user.target.wants/node-test.service"),
    )?;
    // Profiles of 150 programs that are not here: without acceleration, they take minutes to load. containerd brings its own.
    for profile in files(&tree.join("etc/apparmor.d"))? {
        remove(&profile)?;
    }
    for folder in ["var/cache/apt/archives", "var/lib/apt/lists"] {
        let path = tree.join(folder);
        fs::remove_dir_all(&path).with_context(|| format!("remove {}", path.display()))?;
    }
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let listing = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut found = Vec::new();
    for entry in listing {
        let entry = entry.with_context(|| format!("read {}", folder.display()))?;
        if entry.file_type()?.is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn link(to: &str, at: &Path) -> Result<()> {
    remove(at)?;
    symlink(to, at).with_context(|| format!("link {}", at.display()))
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_in_the_cache_changes_with_files_and_packages() {
        let source = source();
        for part in [
            "containerd",
            KERNEL,
            KUBERNETES,
            "staticPodPath",
            "ldconfig.service",
        ] {
            assert!(source.contains(part), "{part}");
        }
    }

    #[test]
    fn a_tree_is_furnished_and_its_links_are_replaced() {
        let tree = tempfile::tempdir().unwrap();
        let below = |path: &str| tree.path().join(path);
        for folder in [
            "etc/systemd/system/multi-user.target.wants",
            "etc/apparmor.d/abstractions",
            "var/cache/apt/archives",
            "var/lib/apt/lists",
        ] {
            fs::create_dir_all(below(folder)).unwrap();
        }
        symlink("/nowhere", below("etc/resolv.conf")).unwrap();
        fs::write(below("etc/apparmor.d/a.program"), "").unwrap();
        furnish(tree.path()).unwrap();
        assert_eq!(fs::read_to_string(below("etc/resolv.conf")).unwrap(), "");
        assert!(!below("etc/apparmor.d/a.program").exists());
        assert!(below("etc/apparmor.d/abstractions").exists());
        let wanted = below("etc/systemd/system/multi-user.target.wants/node-test.service");
        assert!(fs::read_to_string(wanted).unwrap().contains("node-inside"));
    }
}
