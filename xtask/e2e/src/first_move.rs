//! The way of a new user: three commands from a cluster that knows nothing of us, and a registry that is empty, to a moved pod.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::{Bench, exact_messages, nothing_left};
use xtask_lab::cluster::{Cluster, REGISTRY};
use xtask_lab::images::{self, binaries::Profile};
use xtask_lab::stage::{Load, Oracle, Sample, capture};

const POD: &str = "orders-0";
const TAG: &str = "first";
/// The API server, as machines beside the nodes reach it.
const SERVER: &str = "https://10.100.0.1:6443";
const LOAD: Load = Load::of(40);

/// `install`, `setup`, `migrate`.
pub(super) fn by_three_commands(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let mut uninstall = bench.product.plugin(cluster)?;
    uninstall.args(["uninstall", "--purge"]);
    capture(uninstall)?;
    for annotation in ["queue", "broker-secret"] {
        let away = format!("migration.ms2m.io/{annotation}-");
        capture(cluster.kubectl(["annotate", "statefulset/orders", &away]))?;
    }
    let folder = std::env::temp_dir().join(format!("shadow-first-{}", std::process::id()));
    let archives = images::archives(&folder, TAG, Profile::Verify)?;
    let moved = typed(bench, &folder);
    fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
    // What comes after this expects the installation of the tests.
    bench.product.install(cluster)?;
    let (commands, seconds) = moved?;
    println!(
        "     {commands} commands, {:.1} minutes, {} image archives pushed (building them is not counted)",
        f64::from(seconds) / 60.0,
        archives.len()
    );
    Sample::remove(cluster)?;
    nothing_left(cluster)
}

/// How many commands, and seconds.
fn typed(bench: &Bench, folder: &Path) -> Result<(usize, u32)> {
    let cluster = &bench.cluster;
    let oracle = Oracle::start(cluster, &bench.product, POD, LOAD)?;
    let target = Sample::other_node(cluster, POD)?;
    let registry = format!("{REGISTRY}/first-{}", std::process::id());
    let images = folder.display().to_string();
    let commands: [&[&str]; 3] = [
        &[
            "install",
            "--registry",
            &registry,
            "--tag",
            TAG,
            "--images",
            &images,
            "--plain-http",
            REGISTRY,
        ],
        &[
            "setup",
            "sts/orders",
            "--queue",
            "orders.{pod}",
            "--broker-secret",
            "orders-broker",
        ],
        &["migrate", POD],
    ];
    let begun = Instant::now();
    for arguments in commands {
        let mut command = beside_the_nodes(bench)?;
        command.args(arguments);
        let said = capture(command)?;
        println!(
            "     {}: {}",
            arguments[0],
            said.lines().last().unwrap_or_default()
        );
    }
    let seconds = u32::try_from(begun.elapsed().as_secs()).unwrap_or(u32::MAX);
    ensure!(Sample::node(cluster, POD)? == target, "{POD} is not on {target}");
    exact_messages(&oracle.finish()?)?;
    Ok((commands.len(), seconds))
}

/// The plugin on a machine that reaches the API server and the registry, as the nodes do.
fn beside_the_nodes(bench: &Bench) -> Result<Command> {
    let node = bench.cluster.node_pid(Cluster::node_names()[0])?.to_string();
    let mut command = Command::new("nsenter");
    command
        .args(["--target", &node, "--net", "--"])
        .arg(bench.product.program("kubectl-shadow")?)
        .env("KUBECONFIG", bench.cluster.kubeconfig())
        .args(["--server", SERVER]);
    Ok(command)
}
