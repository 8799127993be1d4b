//! A shell in which kubectl means the local cluster.

use std::env;
use std::process::Command;

use anyhow::{Context, bail};

use super::{Cluster, cache};

/// Runs a command, or the user's shell, with the cluster's kubectl and kubeconfig.
pub(super) fn run(cluster: &Cluster, command: &[String]) -> anyhow::Result<()> {
    let shell = env::var("SHELL").unwrap_or_else(|_| "/bin/sh".to_owned());
    let (program, arguments) = match command {
        [] => {
            println!("kubectl talks to the local cluster; `exit` leaves this shell");
            (shell, [].as_slice())
        }
        [program, arguments @ ..] => (program.clone(), arguments),
    };
    let interactive = command.is_empty();
    let mut folders = vec![cache::kubernetes(&cluster.layout)];
    // The plugin, once built, is beside this program.
    let own = env::current_exe().context("finding this program")?;
    folders.extend(own.parent().map(ToOwned::to_owned));
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let path = env::join_paths(folders).context("building PATH")?;
    let mut command = Command::new(&program);
    command
        .args(arguments)
        .env("PATH", path)
        .env("KUBECONFIG", cluster.kubeconfig());
    let status = command.status().with_context(|| format!("starting {program}"))?;
    // A shell ends with the code of its last command, which is not an error of ours.
    if !interactive && !status.success() {
        bail!("{program} ended with {status}");
    }
    Ok(())
}
