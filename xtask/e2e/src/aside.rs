//! A controller that dies twice while it drives the same move sets that move aside, goes on with others, and drives it again when its
//! user says so.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Bench;
use super::faults::stopped::Stopped;
use super::faults::{Trial, reached};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Cancelled, Sample, Single, capture, get};

const POD: &str = "orders-0";
const SYSTEM: &str = "shadow-system";
/// Kubelet starts the container again 10 s after its second end, and the lease has to run out.
const BACK: Duration = Duration::from_secs(90);
const END: Duration = Duration::from_secs(90);

pub(super) fn twice(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    let cluster = &bench.cluster;
    let before = Sample::incarnation(cluster, POD)?;
    // Its copy does not start, so the move is driven for 45 s.
    let kubelet = Stopped::kubelet(cluster, Sample::other_node(cluster, POD)?)?;
    trial.order()?;
    reached(cluster, "Stage")?;
    for deaths in 1..=2 {
        dies(cluster).with_context(|| format!("death {deaths}"))?;
    }
    let said = wait_for("the move to be set aside", BACK, || {
        let object = stage::migration(cluster, POD)?;
        let conditions = object["status"]["conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let aside = conditions
            .into_iter()
            .find(|one| one["type"] == "Stuck" && one["status"] == "True" && one["reason"] == "SetAside");
        Ok(aside.and_then(|one| one["message"].as_str().map(str::to_owned)))
    })?;
    println!("     {said}");
    ensure!(
        said.contains(&format!("kubectl shadow cancel {POD}")),
        "it names no way out: {said}"
    );
    kubelet.go_on();
    another_moves(bench)?;
    let answer = stage::cancel(cluster, &bench.product, POD)?;
    ensure!(answer == Cancelled::Accepted, "cancel was answered {answer:?}");
    let object = super::ended(cluster, POD, END)?;
    ensure!(
        object["status"]["phase"] == "Cancelled" && Sample::incarnation(cluster, POD)? == before,
        "it ended {}: {}",
        object["status"]["phase"],
        object["status"]["rollback"]
    );
    capture(cluster.kubectl(["delete", "configmap", "--namespace", SYSTEM, "shadow-deaths"]))?;
    trial.exact()
}

/// Kills the process and leaves its pod, so that the next process finds what it drove.
fn dies(cluster: &Cluster) -> Result<()> {
    let (name, restarts) = controller(cluster)?;
    let pid = stage::container_pid(cluster, SYSTEM, &name, "controller")?;
    kill(Pid::from_raw(pid), Signal::SIGKILL).context("kill the controller")?;
    wait_for("the controller to lead again", BACK, || {
        let pod = get(cluster, &["pod", "--namespace", SYSTEM, &name])?;
        let status = &pod["status"]["containerStatuses"][0];
        let again = status["restartCount"].as_i64() > Some(restarts) && status["ready"] == true;
        Ok(again.then_some(()))
    })
}

fn controller(cluster: &Cluster) -> Result<(String, i64)> {
    let selector = "--selector=app.kubernetes.io/name=shadow-controller";
    let pods = get(cluster, &["pods", "--namespace", SYSTEM, selector])?;
    let pod = &pods["items"][0];
    let name = pod["metadata"]["name"]
        .as_str()
        .context("there is no controller")?;
    let restarts = pod["status"]["containerStatuses"][0]["restartCount"].as_i64();
    Ok((name.to_owned(), restarts.context("it has no container")?))
}

/// Other moves go on while one is set aside.
fn another_moves(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let single = Single::Deployment;
    single.deploy(cluster)?;
    let pod = single.pod(cluster)?;
    let moved = stage::migrate(cluster, &bench.product, &pod, Sample::other_node(cluster, &pod)?)?;
    ensure!(moved.phase() == "Completed", "another move ended {}", moved.why());
    single.remove(cluster)
}
