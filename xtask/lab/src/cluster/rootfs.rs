//! The root file system of a machine: the cached Debian tree below, a layer of its own above.
//!
//! All mounts happen in the caller's mount namespace and vanish with it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, pivot_root};

use super::cache;
use super::layout::Layout;

/// Assembles the root of machine `name` with /proc, /sys, /dev, /run and /tmp and returns where it is mounted.
pub(super) fn assemble(layout: &Layout, name: &str) -> anyhow::Result<PathBuf> {
    let machine = layout.machine(name);
    let (upper, work, root) = (machine.join("upper"), machine.join("work"), machine.join("root"));
    for folder in [&upper, &work, &root] {
        create(folder)?;
    }
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        cache::debian_tree(layout).display(),
        upper.display(),
        work.display()
    );
    special("overlay", &root, &options)?;
    special("proc", &root.join("proc"), "")?;
    special("sysfs", &root.join("sys"), "")?;
    special("tmpfs", &root.join("run"), "mode=755")?;
    special("tmpfs", &root.join("tmp"), "mode=1777")?;
    bind(Path::new("/dev"), &root.join("dev"))?;
    bind(Path::new("/sys/fs/cgroup"), &root.join("sys/fs/cgroup"))?;
    bind(&cache::kubernetes(layout), &root.join("opt/kubernetes"))?;
    Ok(root)
}

/// Makes a folder of the host appear below a root, with all that is mounted in it.
pub(super) fn bind(from: &Path, to: &Path) -> anyhow::Result<()> {
    create(to)?;
    mount(
        Some(from),
        to,
        None::<&str>,
        MsFlags::MS_BIND | MsFlags::MS_REC,
        None::<&str>,
    )
    .with_context(|| format!("binding {} to {}", from.display(), to.display()))
}

/// Mounts a file system that has no device.
pub(super) fn special(kind: &str, at: &Path, options: &str) -> anyhow::Result<()> {
    create(at)?;
    mount(Some(kind), at, Some(kind), MsFlags::empty(), Some(options))
        .with_context(|| format!("mounting {kind} at {}", at.display()))
}

/// Makes `root` the root of this mount namespace; nothing of the former root stays reachable.
///
/// The kubelet needs shared mounts, while `pivot_root` refuses a shared parent: so shared comes last.
pub(super) fn enter(root: &Path) -> anyhow::Result<()> {
    chdir(root).with_context(|| format!("entering {}", root.display()))?;
    pivot_root(".", ".").context("making the node's tree the root")?;
    umount2(".", MntFlags::MNT_DETACH).context("letting go of the host's root")?;
    chdir("/").context("entering the new root")?;
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_SHARED,
        None::<&str>,
    )
    .context("making the node's mounts shared")
}

/// Writes a file and the folders it needs.
pub(super) fn write(path: &Path, content: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        create(folder)?;
    }
    fs::write(path, content).with_context(|| format!("writing {}", path.display()))
}

fn create(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))
}
