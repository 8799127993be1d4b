//! The file tree RabbitMQ runs from, both on loopback and as an image: Debian packages unpacked
//! once and trimmed to what a single node with the management plugin needs.
//!
//! Guarantees: a tree that [`ensure`] returns is complete (it is built under another name and
//! renamed), and two callers never build at once.

use crate::cluster::{Layout, install_debootstrap, lock};
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Changes with every change of what a tree contains, so that old trees are not taken for new ones.
pub const RECIPE: &str = "rabbitmq-sid-2";

/// Plugins of the distribution without which neither the server nor its management plugin boots.
/// The server looks through every plugin it finds when it starts; without the others it is ready
/// a quarter sooner.
const KEPT_PLUGINS: [&str; 5] = [
    "rabbitmq_management",
    "rabbitmq_management_agent",
    "rabbitmq_web_dispatch",
    "rabbitmq_prelaunch",
    "rabbitmq_consistent_hash_exchange",
];

/// Libraries which only plugins outside [`KEPT_PLUGINS`] need.
const UNUSED_LIBRARIES: [&str; 3] = ["csv", "eetcd", "gun"];

/// What nothing reads at run time.
const UNUSED: [&str; 26] = [
    "boot",
    "etc/apt",
    "usr/bin/rabbitmqadmin",
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
const EMPTIED: [&str; 6] = ["dev", "run", "tmp", "var/cache", "var/log", "var/lib/rabbitmq"];

/// The trimmed tree, built if it is not in the cache yet.
pub fn ensure() -> Result<PathBuf> {
    let layout = Layout::from_env()?;
    let folder = layout.cache.join(RECIPE);
    let tree = folder.join("tree");
    let _one_at_a_time = lock(&folder.join("lock"))?;
    if tree.exists() {
        return Ok(tree);
    }
    let started = Instant::now();
    eprintln!("rabbitmq: unpacking it from Debian packages, once, about two minutes");
    let building = folder.join("building");
    remove(&building)?;
    install_debootstrap(&layout)?;
    debootstrap(&building, &folder.join("debootstrap.log"))?;
    trim(&building)?;
    name_localhost(&building)?;
    fs::rename(&building, &tree).with_context(|| format!("rename to {}", tree.display()))?;
    eprintln!(
        "rabbitmq: {} after {:.0} s",
        version(&tree)?,
        started.elapsed().as_secs_f32()
    );
    Ok(tree)
}

/// The user and group the packages made for the server, as `uid:gid`.
pub fn owner(tree: &Path) -> Result<String> {
    let path = tree.join("etc/passwd");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    owner_in(&text).with_context(|| format!("{} has no user rabbitmq: remove the tree", path.display()))
}

fn owner_in(passwd: &str) -> Option<String> {
    let line = passwd.lines().find(|line| line.starts_with("rabbitmq:"))?;
    let mut ids = line.split(':').skip(2);
    Some(format!("{}:{}", ids.next()?, ids.next()?))
}

/// `RabbitMQ 4.3.6`, from the folder the package puts it in.
fn version(tree: &Path) -> Result<String> {
    let server = server_folder(tree)?;
    let name = server
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(name.replace("rabbitmq_server-", "RabbitMQ "))
}

fn server_folder(tree: &Path) -> Result<PathBuf> {
    let lib = tree.join("usr/lib/rabbitmq/lib");
    for entry in fs::read_dir(&lib).with_context(|| format!("read {}", lib.display()))? {
        let path = entry?.path();
        if path.join("plugins").is_dir() {
            return Ok(path);
        }
    }
    bail!(
        "no rabbitmq_server-… in {}: was the package rabbitmq-server installed?",
        lib.display()
    )
}

/// In namespaces of its own, since the packages' scripts start daemons and mount things.
fn debootstrap(tree: &Path, log: &Path) -> Result<()> {
    let output = File::create(log).with_context(|| format!("create {}", log.display()))?;
    let status = Command::new("unshare")
        .args(["--fork", "--pid", "--kill-child", "--mount", "--mount-proc"])
        .args([
            "debootstrap",
            "--variant=minbase",
            "--include=rabbitmq-server",
            "sid",
        ])
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

fn trim(tree: &Path) -> Result<()> {
    for unused in UNUSED {
        remove(&tree.join(unused))?;
    }
    for emptied in EMPTIED {
        remove_where(&tree.join(emptied), |_| true)?;
    }
    fs::create_dir_all(tree.join("var/log/rabbitmq"))?;
    trim_docs(&tree.join("usr/share/doc"))?;
    remove_where(&tree.join("usr/bin"), |program| program.starts_with("perl"))?;
    remove_where(&server_folder(tree)?.join("plugins"), |plugin| {
        !keeps_plugin(plugin)
    })
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
fn remove_where(folder: &Path, unwanted: impl Fn(&str) -> bool) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let entry = entry?;
        if unwanted(&entry.file_name().to_string_lossy()) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Libraries stay unless only plugins that go need them; plugins only when in [`KEPT_PLUGINS`].
fn keeps_plugin(folder: &str) -> bool {
    let name = folder.rsplit_once('-').map_or(folder, |(name, _version)| name);
    let is_plugin = name.starts_with("rabbitmq_");
    if is_plugin {
        KEPT_PLUGINS.contains(&name)
    } else {
        !UNUSED_LIBRARIES.contains(&name)
    }
}

/// The node is called `rabbit@localhost`, in every network.
fn name_localhost(tree: &Path) -> Result<()> {
    let path = tree.join("etc/hosts");
    fs::write(&path, "127.0.0.1 localhost\n").with_context(|| format!("write {}", path.display()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn management_and_libraries_stay_and_other_plugins_go() {
        for kept in ["rabbitmq_management-4.3.6", "rabbit-4.3.6", "ra-3.1.10", "README"] {
            assert!(keeps_plugin(kept), "{kept}");
        }
        for gone in [
            "rabbitmq_mqtt-4.3.6",
            "rabbitmq_management_x-4.3.6",
            "rabbitmq_shovel-4.3.6",
        ] {
            assert!(!keeps_plugin(gone), "{gone}");
        }
    }

    #[test]
    fn owner_is_the_packages_user() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nrabbitmq:x:101:102::/var/lib/rabbitmq:/bin/false\n";
        assert_eq!(owner_in(passwd), Some("101:102".to_owned()));
        assert_eq!(owner_in("root:x:0:0:root:/root:/bin/sh\n"), None);
    }
}
