//! The controller is killed (SIGKILL) or asked to end (SIGTERM) at a random moment of each of five moves, and the parts on
//! both nodes are killed. Each move ends Completed, or is undone with the source serving; the oracle sees no difference.

use std::hash::{BuildHasher, RandomState};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::failures::agent_on;
use super::faults::nodes_ready;
use super::{Bench, ended, exact_messages, nothing_left};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Load, Oracle, Sample, Single, capture, get};

const POD: &str = "orders-0";
const SYSTEM: &str = "shadow-system";
/// An undisturbed move takes about as long.
const MOMENTS: u64 = 4_500;
/// Half of what kubelet gives a pod that does not hear its SIGTERM.
const HANDED_OVER: Duration = Duration::from_secs(15);

pub(super) fn controller(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let oracle = Oracle::start(cluster, &bench.product, POD, Load::of(100))?;
    oracle.run_for(Duration::from_secs(2));
    for n in 1..=5 {
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
        let how = if n % 2 == 0 {
            end_controller(cluster)?;
            "asked to end"
        } else {
            kill_controller(cluster)?;
            "killed"
        };
        let object = ended(cluster, POD, Duration::from_secs(120))?;
        let phase = object["status"]["phase"].as_str().unwrap_or("unknown").to_owned();
        println!("     move {n:>2}: {how} after {moment} ms in {at}: {phase}");
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

/// One move of every other kind at a time, and one kill that hits them all.
const ROUNDS: u64 = 2;
/// An undisturbed one of them takes about as long; four take twice that.
const OTHER_MOMENTS: u64 = 5_000;

/// Deployment, a pod that nobody owns, an application that knows nothing of us, and a move with the source first.
pub(super) fn other_routes(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let singles = [Single::Deployment, Single::Pod, Single::Plain];
    for single in singles {
        single.deploy(cluster)?;
    }
    let streams = singles.map(Single::stream).into_iter().chain([POD]);
    let load = Load {
        publishers: 1,
        ..Load::of(25)
    };
    let watched = streams
        .map(|stream| Ok((stream, Oracle::start(cluster, &bench.product, stream, load)?)))
        .collect::<Result<Vec<_>>>()?;
    let mut doubted = Vec::new();
    for round in 1..=ROUNDS {
        doubted.extend(killed_once(bench, &singles, round)?);
    }
    for (stream, oracle) in watched {
        let report = oracle.finish()?;
        println!("     {stream}: {}", stage::summary(&report));
        if !doubted.iter().any(|one| one == stream) {
            exact_messages(&report).with_context(|| stream.to_owned())?;
        }
    }
    nothing_left(cluster)?;
    singles.into_iter().try_for_each(|single| single.remove(cluster))
}

/// Returns the streams whose verdict says that they may not be exact.
fn killed_once(bench: &Bench, singles: &[Single], round: u64) -> Result<Vec<String>> {
    let cluster = &bench.cluster;
    let sequential = &["--strategy", "sequential"][..];
    let mut moves = vec![(
        POD,
        POD.to_owned(),
        Sample::incarnation(cluster, POD)?,
        sequential,
    )];
    for single in singles {
        let pod = single.pod(cluster)?;
        let before = Sample::incarnation(cluster, &pod)?;
        moves.push((single.stream(), pod, before, &[]));
    }
    for (_, pod, _, arguments) in &moves {
        let target = Sample::other_node(cluster, pod)?;
        let mut plugin = stage::migrate_command(cluster, &bench.product, pod, target)?;
        plugin.args(*arguments).arg("--no-wait");
        capture(plugin)?;
    }
    let moment = RandomState::new().hash_one(round) % OTHER_MOMENTS;
    // A moment in the life of the moves, not the wait for an event.
    std::thread::sleep(Duration::from_millis(moment));
    kill_controller(cluster)?;
    let mut doubted = Vec::new();
    for (stream, pod, before, _) in moves {
        let object = ended(cluster, &pod, Duration::from_secs(120))?;
        let (phase, verdict) = (&object["status"]["phase"], &object["status"]["verdict"]);
        println!("     killed after {moment} ms, {pod}: {phase}, {verdict}");
        let single_active = object["status"]["plan"]["queue"]["hold"] == "SingleActive";
        ensure!(
            phase == "Completed" || (phase == "Failed" && Sample::incarnation(cluster, &pod)? == before),
            "the move of {pod} ended {phase}, and it is not the pod of before: {}",
            object["status"]["rollback"]
        );
        if verdict["exact"] == false {
            ensure!(single_active, "the verdict on {pod} is {verdict}");
            doubted.push(stream.to_owned());
        }
    }
    Ok(doubted)
}

/// Who is killed, and whether on the source's node: in this order each of the four processes once.
const ON_NODES: [(&str, bool); 4] = [
    ("agent", true),
    ("helper", true),
    ("agent", false),
    ("helper", false),
];

/// Agent and helper of the source's node and of the target's, each at a random moment of a move.
pub(super) fn on_nodes(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let load = Load::of(50);
    let oracle = Oracle::start(cluster, &bench.product, POD, load)?;
    oracle.run_for(Duration::from_secs(2));
    for (part, of_source) in ON_NODES {
        nodes_ready(cluster)?;
        let (before, source) = (Sample::incarnation(cluster, POD)?, Sample::node(cluster, POD)?);
        let target = Sample::other_node(cluster, POD)?;
        let node = if of_source { source.as_str() } else { target };
        let agent = agent_on(cluster, node)?;
        let pid = stage::container_pid(cluster, "shadow-system", &agent, part)?;
        let moment = RandomState::new().hash_one(node) % MOMENTS;
        let mut plugin = stage::migrate_command(cluster, &bench.product, POD, target)?;
        plugin.arg("--no-wait");
        capture(plugin)?;
        // A moment in the life of the move, not the wait for an event.
        std::thread::sleep(Duration::from_millis(moment));
        kill(Pid::from_raw(pid), Signal::SIGKILL).with_context(|| format!("kill the {part}"))?;
        let object = ended(cluster, POD, Duration::from_secs(120))?;
        let (phase, rollback) = (&object["status"]["phase"], &object["status"]["rollback"]);
        println!("     {part} of {node} killed after {moment} ms: {phase} {rollback}");
        let stayed = Sample::incarnation(cluster, POD)? == before;
        let moved = Sample::node(cluster, POD)? == target;
        ensure!(
            (phase == "Completed" && moved) || (phase == "Failed" && stayed),
            "it ended {phase} because of {rollback}; the pod stayed: {stayed}, it is on {target}: {moved}"
        );
    }
    nodes_ready(cluster)?;
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    nothing_left(cluster)
}

/// Kills the process, and removes its pod so that the next one starts without kubelet's growing back-off.
pub fn kill_controller(cluster: &Cluster) -> Result<()> {
    let name = controller_pod(cluster)?;
    let pid = stage::container_pid(cluster, SYSTEM, &name, "controller")?;
    kill(Pid::from_raw(pid), Signal::SIGKILL).context("kill the controller")?;
    delete_pod(cluster, &name)?;
    // It waits until the lease of the killed one has run out.
    another_leads(cluster, &name)
}

/// Asks it to end, as a drain of its node does. Nobody waits for kubelet to kill it, nor for its lease to run out.
pub fn end_controller(cluster: &Cluster) -> Result<()> {
    let name = controller_pod(cluster)?;
    let mut log = cluster.kubectl(["logs", "--namespace", SYSTEM, &name, "--follow", "--tail=1"]);
    let log = log.stdout(Stdio::piped()).spawn().context("follow its log")?;
    let asked = Instant::now();
    delete_pod(cluster, &name)?;
    another_leads(cluster, &name)?;
    let took = asked.elapsed();
    println!("     another controller leads after {:.1} s", took.as_secs_f64());
    ensure!(
        took < HANDED_OVER,
        "the controller went on although it was asked to end"
    );
    let said = log.wait_with_output().context("read its log")?;
    let said = String::from_utf8_lossy(&said.stdout);
    ensure!(
        said.contains("the leadership lease is handed back"),
        "a controller that was asked to end kept its lease; it said: {said}"
    );
    Ok(())
}

fn delete_pod(cluster: &Cluster, name: &str) -> Result<()> {
    capture(cluster.kubectl(["delete", "pod", "--namespace", SYSTEM, name, "--wait=false"])).map(drop)
}

fn another_leads(cluster: &Cluster, former: &str) -> Result<()> {
    wait_for("a new controller to lead", Duration::from_secs(60), || {
        let lease = get(
            cluster,
            &["lease", "--namespace=shadow-system", "shadow-controller"],
        )?;
        let leader = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
        let leads = leader != former && controllers(cluster)?.iter().any(|name| name == leader);
        Ok(leads.then_some(()))
    })
}

fn controller_pod(cluster: &Cluster) -> Result<String> {
    let first = controllers(cluster)?.into_iter().next();
    first.context("no controller runs")
}

fn controllers(cluster: &Cluster) -> Result<Vec<String>> {
    let selector = "--selector=app.kubernetes.io/name=shadow-controller";
    let pods = get(cluster, &["pods", "--namespace=shadow-system", selector])?;
    let pods = pods["items"].as_array().into_iter().flatten();
    Ok(pods
        .filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned))
        .collect())
}
