//! Ending a cluster, whole or half: no process, mount, namespace, cgroup or file of it stays.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::mount::{MntFlags, umount2};

use super::deadline::wait_for;
use super::layout::Layout;
use super::{cache, cgroups, processes};

/// In every run folder of ours; a folder without it is never removed.
const SIGN: &str = ".kubectl-shadow";

/// Makes the run folder, or says why it may not be used.
pub(super) fn claim_run_folder(layout: &Layout) -> anyhow::Result<()> {
    fs::create_dir_all(&layout.run).with_context(|| format!("creating {}", layout.run.display()))?;
    check_run_folder(layout)?;
    let sign = layout.run.join(SIGN);
    fs::write(&sign, "").with_context(|| format!("writing {}", sign.display()))
}

/// Ends everything and returns once it is gone.
pub(super) fn end(layout: &Layout) -> anyhow::Result<()> {
    let networks = processes::networks(layout)?;
    // The box's first process takes all below it along, nodes and pods included.
    if let Some(init) = processes::box_init(layout)? {
        processes::end(&init)?;
    }
    wait_for("the cluster's processes to end", Duration::from_secs(30), || {
        let left = processes::owned(layout, &networks)?;
        for process in &left {
            processes::end(process)?;
        }
        Ok(left.is_empty().then_some(()))
    })?;
    for mounted in mounts(layout)? {
        umount2(&mounted, MntFlags::MNT_DETACH)
            .with_context(|| format!("unmounting {}", mounted.display()))?;
    }
    wait_for("the nodes' cgroups to be free", Duration::from_secs(10), || {
        Ok(cgroups::remove(layout)?.then_some(()))
    })?;
    cache::remove_unfinished(layout)?;
    remove_run_folder(layout)
}

/// Everything of a cluster that is there, as lines for a person; empty after `down`.
pub(super) fn leftovers(layout: &Layout) -> anyhow::Result<Vec<String>> {
    let networks = processes::networks(layout)?;
    let mut found: Vec<_> = processes::owned(layout, &networks)?
        .iter()
        .map(processes::Process::describe)
        .collect();
    found.extend(
        mounts(layout)?
            .iter()
            .map(|mount| format!("mount {}", mount.display())),
    );
    found.extend(
        cgroups::existing(layout)?
            .iter()
            .map(|cgroup| format!("cgroup {}", cgroup.display())),
    );
    found.extend(
        cache::unfinished(layout)?
            .iter()
            .map(|part| format!("unfinished {}", part.display())),
    );
    if layout.run.exists() {
        found.push(format!("folder {}", layout.run.display()));
    }
    Ok(found)
}

/// Mounts below the run folder that leaked into this namespace; the deepest first.
fn mounts(layout: &Layout) -> anyhow::Result<Vec<PathBuf>> {
    let table = fs::read_to_string("/proc/self/mountinfo").context("reading the mounts")?;
    let points = table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(Path::new);
    let mut found: Vec<_> = points
        .filter(|point| point.starts_with(&layout.run))
        .map(Path::to_owned)
        .collect();
    found.sort_by_key(|point| std::cmp::Reverse(point.components().count()));
    Ok(found)
}

fn check_run_folder(layout: &Layout) -> anyhow::Result<()> {
    let mut entries =
        fs::read_dir(&layout.run).with_context(|| format!("reading {}", layout.run.display()))?;
    if entries.next().is_some() && !layout.run.join(SIGN).exists() {
        bail!(
            "{} holds files that are not a local cluster's; set KUBECTL_SHADOW_RUN to another folder",
            layout.run.display()
        );
    }
    Ok(())
}

fn remove_run_folder(layout: &Layout) -> anyhow::Result<()> {
    if !layout.run.exists() {
        return Ok(());
    }
    check_run_folder(layout)?;
    // The sign goes last: a removal that is interrupted can be taken up again.
    for entry in fs::read_dir(&layout.run).with_context(|| format!("reading {}", layout.run.display()))? {
        let path = entry
            .with_context(|| format!("reading {}", layout.run.display()))?
            .path();
        if path.ends_with(SIGN) {
            continue;
        }
        let removed = if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("removing {}", path.display()));
            }
            Ok(()) | Err(_) => {}
        }
    }
    fs::remove_dir_all(&layout.run).with_context(|| format!("removing {}", layout.run.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(base: &Path) -> Layout {
        Layout {
            run: base.join("a/run"),
            cache: base.join("cache"),
        }
    }

    #[test]
    fn a_folder_with_foreign_files_is_neither_used_nor_removed() {
        let base = tempfile::tempdir().expect("a temporary folder");
        let layout = layout(base.path());
        fs::create_dir_all(&layout.run).expect("a run folder");
        fs::write(layout.run.join("thesis.txt"), "years of work").expect("a foreign file");
        claim_run_folder(&layout).expect_err("claiming");
        remove_run_folder(&layout).expect_err("removing");
        assert!(layout.run.join("thesis.txt").exists());
    }

    #[test]
    fn a_claimed_folder_is_removed_with_all_in_it() {
        let base = tempfile::tempdir().expect("a temporary folder");
        let layout = layout(base.path());
        claim_run_folder(&layout).expect("claiming");
        fs::create_dir_all(layout.run.join("node-a/upper/etc")).expect("a folder of a node");
        std::os::unix::fs::symlink("/", layout.run.join("root")).expect("a link out of the folder");
        assert_eq!(leftovers(&layout).expect("looking").len(), 1);
        remove_run_folder(&layout).expect("removing");
        assert!(!layout.run.exists());
        assert!(leftovers(&layout).expect("looking").is_empty());
    }

    #[test]
    fn ending_what_was_killed_while_it_made_its_folder_is_no_error() {
        let base = tempfile::tempdir().expect("a temporary folder");
        let layout = layout(base.path());
        fs::create_dir_all(&layout.run).expect("a folder without the sign");
        remove_run_folder(&layout).expect("removing");
        assert!(!layout.run.exists());
    }
}
