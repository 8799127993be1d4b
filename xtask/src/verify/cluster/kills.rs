//! The controller is killed (SIGKILL) at a random moment of each of ten moves. Each ends Completed, or is undone with
//! the source serving; the oracle sees no difference.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Bench, ended, exact_messages, nothing_left};
use crate::cluster::{Cluster, wait_for};
use crate::stage::{self, Load, Oracle, Sample, capture, get};

const POD: &str = "orders-0";
/// An undisturbed move takes about as long.
const MOMENTS: u64 = 4_500;

pub(super) fn controller(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let oracle = Oracle::start(
        cluster,
        &bench.product,
        POD,
        Load {
            rate: 100,
            publishers: 3,
            tail: 10,
            size: stage::MESSAGE_BYTES,
        },
    )?;
    oracle.run_for(Duration::from_secs(2));
    for n in 1..=10 {
        let target = Sample::other_node(cluster, POD)?;
        let before = Sample::node(cluster, POD)?;
        let moment = RandomState::new().hash_one(n) % MOMENTS;
        let mut plugin = stage::migrate_command(cluster, &bench.product, POD, target)?;
        plugin.arg("--no-wait");
        capture(plugin)?;
        // A moment in the life of the move, not the wait for an event.
        std::thread::sleep(Duration::from_millis(moment));
        let at = stage::migration(cluster, POD)?["status"]["intent"]["step"]
            .as_str()
            .unwrap_or("no step")
            .to_owned();
        kill_controller(cluster)?;
        let object = ended(cluster, POD, Duration::from_secs(120))?;
        let phase = object["status"]["phase"].as_str().unwrap_or("unknown").to_owned();
        println!("     move {n:>2}: killed after {moment} ms in {at}: {phase}");
        let node = Sample::node(cluster, POD)?;
        ensure!(
            phase != "Completed" || node == target,
            "it says Completed and {POD} is on {node}"
        );
        ensure!(
            phase == "Completed" || node == before,
            "it says {phase} and {POD} is on {node}"
        );
    }
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    nothing_left(cluster)
}

/// Kills the process, and removes its pod so that the next one starts without kubelet's growing back-off.
pub(super) fn kill_controller(cluster: &Cluster) -> Result<()> {
    let selector = "--selector=app.kubernetes.io/name=shadow-controller";
    let pods = get(cluster, &["pods", "--namespace=shadow-system", selector])?;
    let pod = pods["items"]
        .as_array()
        .and_then(|all| all.first())
        .context("no controller runs")?;
    let name = pod["metadata"]["name"]
        .as_str()
        .context("the controller has no name")?;
    let pid = stage::container_pid(cluster, "shadow-system", name, "controller")?;
    kill(Pid::from_raw(pid), Signal::SIGKILL).context("kill the controller")?;
    capture(cluster.kubectl(["delete", "pod", "--namespace=shadow-system", name, "--wait=false"]))?;
    // It waits until the lease of the killed one has run out.
    wait_for("a new controller to lead", Duration::from_secs(60), || {
        let lease = get(
            cluster,
            &["lease", "--namespace=shadow-system", "shadow-controller"],
        )?;
        let leader = &lease["spec"]["holderIdentity"];
        let pods = get(cluster, &["pods", "--namespace=shadow-system", selector])?;
        let leads = pods["items"].as_array().is_some_and(|all| {
            all.iter()
                .any(|p| p["metadata"]["name"] == *leader && *leader != name)
        });
        Ok(leads.then_some(()))
    })
}
