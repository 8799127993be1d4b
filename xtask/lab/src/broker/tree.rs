//! The file tree RabbitMQ runs from, both on loopback and as an image: Debian packages trimmed to what a single node with the
//! management plugin needs.

use crate::debian::{Recipe, remove_where};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// Its name is that of the layer, too.
pub const RECIPE: &str = "rabbitmq-sid-2";

const TREE: Recipe = Recipe {
    name: RECIPE,
    what: "rabbitmq",
    packages: "rabbitmq-server",
    unused: &["usr/bin/rabbitmqadmin"],
    emptied: &["var/lib/rabbitmq"],
    finish,
};

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

/// The trimmed tree, built if it is not in the cache yet.
pub fn ensure() -> Result<PathBuf> {
    TREE.ensure()
}

fn finish(tree: &Path) -> Result<String> {
    fs::create_dir_all(tree.join("var/log/rabbitmq"))?;
    remove_where(&server_folder(tree)?.join("plugins"), |plugin| {
        !keeps_plugin(plugin)
    })?;
    name_localhost(tree)?;
    version(tree)
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
