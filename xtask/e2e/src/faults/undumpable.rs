//! What CRIU cannot dump is found before anything is touched: process, descriptor and way out are named.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::super::{Bench, nothing_left};
use super::POD;
use xtask_lab::stage::{self, Sample};

/// More than CRIU keeps of a file that is open and has no name.
const LARGE: usize = 2 << 20;

pub(in super::super) fn all(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &["--journal", "/journal"])?;
    let pid = stage::container_pid(cluster, cluster.namespace(), POD, "orders")?;
    let journal = PathBuf::from(format!("/proc/{pid}/root/journal"));
    fs::write(&journal, vec![1; LARGE]).with_context(|| format!("write {}", journal.display()))?;
    fs::remove_file(&journal).with_context(|| format!("remove {}", journal.display()))?;
    refused(
        bench,
        &["process 1 (orders)", "/journal", "1 MB", "fd ", "close it"],
    )?;
    nothing_left(cluster)
}

/// Memory with a name that other processes may open: its content is in the pod and not in the process.
pub(in super::super) fn shared_memory(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &["--journal", "/dev/shm/journal"])?;
    refused(
        bench,
        &["process 1 (orders)", "/dev/shm/journal", "fd ", "shm_unlink"],
    )?;
    nothing_left(cluster)
}

/// Both ends of a connection are dumped, or none.
pub(in super::super) fn neighbour(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy_with_neighbour(cluster)?;
    refused(
        bench,
        &[
            "process 1 (orders)",
            stage::SOCKET,
            "container \"neighbour\"",
            "fd ",
            "by TCP",
        ],
    )?;
    nothing_left(cluster)
}

/// Where the nodes have not the capability to read the limits of other users' processes, these cannot be moved.
pub(in super::super) fn other_user(bench: &Bench) -> Result<()> {
    const USER: u32 = 65_532;
    let cluster = &bench.cluster;
    Sample::deploy_as(cluster, USER)?;
    let node = stage::get(cluster, &["node", &Sample::node(cluster, POD)?])?;
    let facts = &node["metadata"]["annotations"]["migration.ms2m.io/node-facts"];
    let facts = facts.as_str().context("the node says nothing of itself")?;
    let lacks = facts.contains("CAP_SYS_RESOURCE");
    println!("     the node lacks CAP_SYS_RESOURCE: {lacks}");
    if lacks {
        refused(
            bench,
            &[
                "process 1 (orders)",
                "user 65532",
                "CAP_SYS_RESOURCE",
                "runAsUser: 0",
            ],
        )?;
    } else {
        let target = Sample::other_node(cluster, POD)?;
        let moved = stage::migrate(cluster, &bench.product, POD, target)?;
        ensure!(moved.code == 0, "it ended {}: {}", moved.phase(), moved.why());
    }
    nothing_left(cluster)
}

/// Within seconds, with nothing touched, and with these words.
fn refused(bench: &Bench, words: &[&str]) -> Result<()> {
    let cluster = &bench.cluster;
    let before = (Sample::incarnation(cluster, POD)?, stage::broker_queues(cluster)?);
    let target = Sample::other_node(cluster, POD)?;
    let begun = Instant::now();
    let refused = stage::migrate(cluster, &bench.product, POD, target)?;
    let rollback = &refused.object["status"]["rollback"];
    println!(
        "     refused after {:.1} s: {}",
        begun.elapsed().as_secs_f64(),
        rollback["message"].as_str().unwrap_or("?")
    );
    ensure!(
        begun.elapsed() < Duration::from_secs(8),
        "the answer took {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    ensure!(
        refused.code == 1 && rollback["reason"] == "CannotBeDumped",
        "exit code {}, it ended {}: {}",
        refused.code,
        refused.phase(),
        refused.why()
    );
    for word in words {
        ensure!(refused.why().contains(word), "the message does not say {word:?}");
    }
    let steps = refused.object["status"]["steps"].as_array();
    let touched = steps.into_iter().flatten().any(|step| step["step"] == "Stage");
    ensure!(!touched, "the move was begun");
    let after = (Sample::incarnation(cluster, POD)?, stage::broker_queues(cluster)?);
    ensure!(before == after, "before {before:?}, after {after:?}");
    Ok(())
}
