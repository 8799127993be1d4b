//! The slow parts: fetched or built once, kept in the cache under a name that changes with what is in them.
//!
//! A part appears under its name only when it is complete; what an interrupted run left is removed first. Two callers
//! never make the same part at once.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest as _, Sha256};

use super::layout::Layout;
use super::progress::{size, step};
use super::tools::{self, COREDNS, COREDNS_SOURCE, KUBERNETES, PACKAGES, SUITE};

/// The Debian tree below the root of every machine.
pub(super) fn debian_tree(layout: &Layout) -> PathBuf {
    let key = key(&PACKAGES.join(","));
    layout.cache.join(format!("debian-{SUITE}-{key}"))
}

/// Changes with what a part is made from.
fn key(source: &str) -> String {
    let digest = Sha256::digest(source);
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// The folder of the Kubernetes programs, kubectl among them; they run on any machine.
pub(super) fn kubernetes(layout: &Layout) -> PathBuf {
    layout.cache.join(format!("kubernetes-{KUBERNETES}"))
}

/// The folder of the CoreDNS program.
pub(super) fn coredns(layout: &Layout) -> PathBuf {
    let key = key(&COREDNS_SOURCE.concat());
    layout.cache.join(format!("coredns-{COREDNS}-{key}"))
}

/// Makes sure that everything is in the cache.
pub(super) fn fill(layout: &Layout) -> anyhow::Result<()> {
    fs::create_dir_all(layout.registry_data())
        .with_context(|| format!("creating {}", layout.cache.display()))?;
    fill_debian(layout)?;
    filled_kubernetes(layout)?;
    let what = format!("coredns {COREDNS}");
    part(
        layout,
        &what,
        &coredns(layout),
        "building, about 1 minute on two cores",
        tools::build_coredns,
    )
}

/// The folder of the Kubernetes programs, built if they are not in the cache.
pub fn filled_kubernetes(layout: &Layout) -> anyhow::Result<PathBuf> {
    let at = kubernetes(layout);
    let what = format!("kubernetes {KUBERNETES}");
    part(
        layout,
        &what,
        &at,
        "building, 5 to 9 minutes on two cores",
        tools::build_kubernetes,
    )?;
    Ok(at)
}

/// Makes sure that the Debian tree is in the cache.
fn fill_debian(layout: &Layout) -> anyhow::Result<()> {
    let what = format!("debian {SUITE}");
    part(
        layout,
        &what,
        &debian_tree(layout),
        "fetching packages, about 1 minute",
        tools::fetch_debian,
    )
}

/// A part that other rooms of the lab make, under a name that changes with what it is made from; made if it is not there.
pub fn versioned(
    layout: &Layout,
    what: &str,
    source: &str,
    cost: &str,
    make: fn(&Layout, &Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let at = layout.cache.join(format!("{what}-{}", key(source)));
    part(layout, what, &at, cost, make)?;
    Ok(at)
}

/// The registry's program, which runs on any machine; fetched if it is not in the cache.
pub(super) fn registry(layout: &Layout) -> anyhow::Result<PathBuf> {
    Ok(filled_debian_tree(layout)?.join("usr/bin/docker-registry"))
}

/// The Debian tree, fetched if it is not in the cache.
pub(super) fn filled_debian_tree(layout: &Layout) -> anyhow::Result<PathBuf> {
    let tree = debian_tree(layout);
    if !tree.exists() {
        fill_debian(layout)?;
    }
    Ok(tree)
}

/// What interrupted runs left in the cache.
pub(super) fn unfinished(layout: &Layout) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !layout.cache.exists() {
        return Ok(found);
    }
    let entries =
        fs::read_dir(&layout.cache).with_context(|| format!("reading {}", layout.cache.display()))?;
    for entry in entries {
        let path = entry
            .with_context(|| format!("reading {}", layout.cache.display()))?
            .path();
        if path.extension().is_some_and(|extension| extension == "part") {
            found.push(path);
        }
    }
    Ok(found)
}

/// Removes what interrupted runs left in the cache.
pub(super) fn remove_unfinished(layout: &Layout) -> anyhow::Result<()> {
    unfinished(layout)?.iter().try_for_each(|part| remove(part))
}

/// The size of everything below a folder.
pub(super) fn size_of(folder: &Path) -> anyhow::Result<u64> {
    let mut total = 0;
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // What a running cluster removes meanwhile has no size.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error).with_context(|| format!("reading {}", folder.display())),
    };
    for entry in entries {
        let entry = entry.with_context(|| format!("reading {}", folder.display()))?;
        match entry.metadata() {
            Ok(meta) if meta.is_dir() => total += size_of(&entry.path())?,
            Ok(meta) => total += meta.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("looking at {}", entry.path().display()));
            }
        }
    }
    Ok(total)
}

fn staging(part: &Path) -> PathBuf {
    beside(part, ".part")
}

fn beside(part: &Path, suffix: &str) -> PathBuf {
    let mut name = part.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn part(
    layout: &Layout,
    what: &str,
    at: &Path,
    cost: &str,
    make: fn(&Layout, &Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let step = step(what);
    let _only_we_make_it = lock(&beside(at, ".lock"))?;
    if at.exists() {
        step.done("cached");
        return Ok(());
    }
    step.doing(cost);
    let staging = staging(at);
    remove(&staging)?;
    fs::create_dir_all(&staging).with_context(|| format!("creating {}", staging.display()))?;
    make(layout, &staging)?;
    fs::rename(&staging, at).with_context(|| format!("finishing {}", at.display()))?;
    step.done(size(size_of(at)?));
    Ok(())
}

/// Waits until nobody else has this lock of the cache; it ends with the file.
pub fn lock(path: &Path) -> anyhow::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
    file.lock()
        .with_context(|| format!("locking {}", path.display()))?;
    Ok(file)
}

fn remove(staging: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(staging) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("removing the unfinished {}", staging.display())),
    }
}

/// The end of a log.
pub(super) fn last_lines(path: &Path) -> anyhow::Result<String> {
    let content = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let text = String::from_utf8_lossy(&content);
    let lines: Vec<_> = text.lines().collect();
    let from = lines.len().saturating_sub(12);
    Ok(lines
        .get(from..)
        .unwrap_or_default()
        .iter()
        .map(|line| format!("    {line}\n"))
        .collect())
}
