//! The local cluster: a real two-node Kubernetes in namespaces of this machine.
//!
//! `startup` brings it up, `teardown` ends it; `control_plane` and `node` are the first processes of its
//! namespaces. Other commands use it through [`Cluster`].

mod cache;
mod cgroups;
mod check;
mod components;
mod control_plane;
mod credentials;
mod deadline;
mod forward;
mod handle;
mod layout;
mod node;
mod node_config;
mod processes;
mod progress;
mod rootfs;
mod services;
mod shared_disk;
mod shell;
mod startup;
mod status;
mod teardown;
mod tenant;
mod tools;

use std::path::PathBuf;
use std::process::Command;

use clap::Subcommand;

pub use cache::{filled_kubernetes, lock, versioned};
pub use deadline::wait_for;
pub use handle::{Addons, Cluster};
pub use layout::{CHECKPOINTS, GUARDED_REGISTRY, Layout, REGISTRY, SECURE_REGISTRY};
pub use progress::{size, step};
pub use startup::OWN_PROGRAM;
pub use tenant::Tenant;
pub(crate) use tools::install_package;
pub use tools::{KUBERNETES, debootstrap, install_debootstrap, patient, run_logged};

/// Arguments of `cargo xtask cluster`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Start the cluster; the first time this fetches and builds what it needs.
    Up {
        /// Leave out cluster DNS and RabbitMQ.
        #[arg(long)]
        bare: bool,
    },
    /// Fetch and build what a cluster needs, if it is not in the cache yet, and start nothing.
    Fetch,
    /// End the cluster, whole or half-started, and remove everything of it but the cache.
    Down,
    /// Say what runs.
    Status,
    /// Open a shell with kubectl and the cluster's kubeconfig, or run a command in it.
    Shell {
        /// The command; none opens a shell.
        #[arg(trailing_var_arg = true)]
        command: Vec<String>,
    },
    /// Prove that killed starts and killed processes leave nothing behind, on a cluster of its own.
    Check,
    /// The first process of the box.
    #[command(hide = true)]
    BoxInit,
    /// The first process of a node.
    #[command(hide = true)]
    NodeInit { node: String },
    /// Serves the listening socket at standard input.
    #[command(hide = true)]
    Forwarder { target: String },
}

/// The image registry's program, from the cache.
pub fn registry_program() -> anyhow::Result<PathBuf> {
    cache::registry(&Layout::from_env()?)
}

/// The tree of the nodes' Debian packages, from the cache.
///
/// # Errors
///
/// The packages cannot be fetched.
pub fn debian_tree() -> anyhow::Result<PathBuf> {
    cache::filled_debian_tree(&Layout::from_env()?)
}

/// A program of the nodes' Debian packages, with its own libraries, so that it runs on any machine.
///
/// # Errors
///
/// The packages cannot be fetched.
pub fn debian_program(name: &str) -> anyhow::Result<Command> {
    let tree = cache::filled_debian_tree(&Layout::from_env()?)?;
    let mut command = Command::new(tree.join("lib64/ld-linux-x86-64.so.2"));
    command
        .arg("--library-path")
        .arg(tree.join("usr/lib/x86_64-linux-gnu"));
    command.arg(tree.join("usr/bin").join(name));
    Ok(command)
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<()> {
    let layout = Layout::from_env()?;
    match args.action {
        Action::Up { bare } => {
            let addons = if bare { Addons::Omitted } else { Addons::Ready };
            Cluster::up(addons).map(drop)
        }
        Action::Fetch => cache::fill(&layout),
        Action::Down => Cluster::down(),
        Action::Status => status::print(&layout),
        Action::Shell { command } => shell::run(&Cluster::open()?, &command),
        Action::Check => check::run(&layout),
        Action::BoxInit => control_plane::run(&layout),
        Action::NodeInit { node } => node::run(&layout, layout::node(&node)?),
        Action::Forwarder { target } => forward::serve(&target),
    }
}
