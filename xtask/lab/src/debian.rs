//! File trees of Debian packages, unpacked once and trimmed to what is needed at run time. They are kept in the cache, outside
//! the checkout, under names that carry the version of their recipe.
//!
//! Guarantees: a tree that [`Recipe::ensure`] returns is complete (it is built under another name and renamed), and two
//! callers never build the same one at once.

use crate::cluster::{Layout, install_debootstrap, lock};
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// How a tree is made.
pub(crate) struct Recipe {
    /// Changes with every change of what the tree contains, so that old trees are not taken for new ones.
    pub(crate) name: &'static str,
    /// What people call it.
    pub(crate) what: &'static str,
    /// With commas between them.
    pub(crate) packages: &'static str,
    /// What nothing of it reads at run time, besides what no tree needs.
    pub(crate) unused: &'static [&'static str],
    /// Folders which stay, empty, besides those of every tree.
    pub(crate) emptied: &'static [&'static str],
    /// The rest; returns what was unpacked, for people.
    pub(crate) finish: fn(&Path) -> Result<String>,
}

/// What nothing reads at run time, in any tree.
const UNUSED: [&str; 25] = [
    "boot",
    "etc/apt",
    "usr/bin/sqv",
    "usr/lib/apt",
    "usr/lib/locale",
    "usr/lib/systemd",
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/lib/x86_64-linux-gnu/perl-base",
    "usr/lib/x86_64-linux-gnu/security",
    "usr/lib/x86_64-linux-gnu/systemd",
    "usr/share/bash-completion",
    "usr/share/bug",
    "usr/share/dbus-1",
    "usr/share/gcc",
    "usr/share/info",
    "usr/share/keyrings",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/perl5",
    "usr/share/polkit-1",
    "usr/share/zoneinfo",
    "usr/share/zsh",
    "var/lib/apt",
    "var/lib/dpkg/info",
];

/// Folders which stay, empty.
const EMPTIED: [&str; 5] = ["dev", "run", "tmp", "var/cache", "var/log"];

impl Recipe {
    /// The trimmed tree, built if it is not in the cache yet.
    pub(crate) fn ensure(&self) -> Result<PathBuf> {
        let layout = Layout::from_env()?;
        let folder = layout.cache.join(self.name);
        let tree = folder.join("tree");
        let _one_at_a_time = lock(&folder.join("lock"))?;
        if tree.exists() {
            return Ok(tree);
        }
        let started = Instant::now();
        eprintln!(
            "{}: unpacking it from Debian packages, once, about two minutes",
            self.what
        );
        let building = folder.join("building");
        remove(&building)?;
        install_debootstrap(&layout)?;
        self.debootstrap(&building, &folder.join("debootstrap.log"))?;
        self.trim(&building)?;
        let unpacked = (self.finish)(&building)?;
        fs::rename(&building, &tree).with_context(|| format!("rename to {}", tree.display()))?;
        let took = started.elapsed().as_secs_f32();
        eprintln!("{}: {unpacked} after {took:.0} s", self.what);
        Ok(tree)
    }

    /// In namespaces of its own, since the packages' scripts start daemons and mount things.
    fn debootstrap(&self, tree: &Path, log: &Path) -> Result<()> {
        let output = File::create(log).with_context(|| format!("create {}", log.display()))?;
        let status = Command::new("unshare")
            .args(["--fork", "--pid", "--kill-child", "--mount", "--mount-proc"])
            .args(["debootstrap", "--variant=minbase"])
            .arg(format!("--include={}", self.packages))
            .arg("sid")
            .arg(tree)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .status()
            .context("run unshare: util-linux must be installed, and this must run as root")?;
        if !status.success() {
            bail!("debootstrap ended with {status}, see {}", log.display());
        }
        Ok(())
    }

    fn trim(&self, tree: &Path) -> Result<()> {
        for unused in UNUSED.iter().chain(self.unused) {
            remove(&tree.join(unused))?;
        }
        for emptied in EMPTIED.iter().chain(self.emptied) {
            remove_where(&tree.join(emptied), |_| true)?;
        }
        trim_docs(&tree.join("usr/share/doc"))?;
        remove_where(&tree.join("usr/bin"), |program| program.starts_with("perl"))
    }
}

/// The licences stay with what they license.
fn trim_docs(docs: &Path) -> Result<()> {
    for package in fs::read_dir(docs).with_context(|| format!("read {}", docs.display()))? {
        let package = package?;
        if !package.file_type()?.is_dir() {
            continue;
        }
        remove_where(&package.path(), |file| file != "copyright")?;
    }
    Ok(())
}

/// Removes what `unwanted` says of a folder's entries.
pub(crate) fn remove_where(folder: &Path, unwanted: impl Fn(&str) -> bool) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let entry = entry?;
        if unwanted(&entry.file_name().to_string_lossy()) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(kind) if kind.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    removed.with_context(|| format!("remove {}", path.display()))
}
