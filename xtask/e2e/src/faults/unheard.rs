//! An API server that is not heard, of a frozen source and of a controller that holds a stream.
//!
//! A source that is frozen after its dump goes on by itself when its time is over, unless its node has promised to keep it
//! frozen; then it waits for the API server. Either way two processes never run at the same time: the sample counts on disk.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::super::{Bench, ended, exact_messages, nothing_left, workloads};
use super::cut_off::{Caller, CutOff};
use super::standing::{MOMENTS, beats, not_torn, order, stepped};
use super::{POD, Trial};
use xtask_lab::cluster::Cluster;
use xtask_lab::stage::{self, Load, Oracle, Sample, get};

/// Longer than the limit of the sample's freeze (5 s) and the controller's lease (8 s); shorter than what makes a node not ready.
const AWAY: Duration = Duration::from_secs(12);
/// The span from the hold to the commit is cut into so many parts; in each is one moment.
const PARTS: u64 = 4;
/// When the API server is back: connections that wait to be tried again, a lease, a restore.
const BACK: Duration = Duration::from_secs(25);
const END: Duration = Duration::from_secs(150);
/// Of the stream, when the controller's connections are dropped: its lease, the start of the next one, and a restore.
const LONGEST_PAUSE: Duration = Duration::from_secs(40);

pub(in super::super) fn all(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    workloads::deploy_with_volumes(bench, &["--beat", "/data/beat"])?;
    let oracle = Oracle::start(cluster, &bench.product, POD, Load::of(50))?;
    oracle.run_for(Duration::from_secs(2));
    for part in 0..PARTS {
        survives(bench, part)?;
    }
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    let pause = Duration::from_millis(report["pauses"]["longestMs"].as_u64().unwrap_or(u64::MAX));
    ensure!(
        pause < AWAY + BACK,
        "the stream stood still for {} s",
        pause.as_secs()
    );
    nothing_left(cluster)?;
    Sample::remove_volumes(cluster)
}

/// One move; no node reaches the API server for a while from a moment on that is random within its part of the freeze.
fn survives(bench: &Bench, part: u64) -> Result<()> {
    let cluster = &bench.cluster;
    let (source, target) = order(bench)?;
    let moment = (part * MOMENTS + RandomState::new().hash_one(part) % MOMENTS) / PARTS;
    stepped(cluster, &["Hold", "Checkpoint", "Transfer", "Commit"])?;
    // A moment in the life of the move, not the wait for an event.
    std::thread::sleep(Duration::from_millis(moment));
    let step = stage::migration(cluster, POD)?["status"]["intent"]["step"].clone();
    let apart = Cluster::node_names()
        .map(|node| CutOff::api_server(cluster, node))
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    std::thread::sleep(AWAY);
    drop(apart);
    let object = ended(cluster, POD, END)?;
    let (phase, node) = (&object["status"]["phase"], Sample::node(cluster, POD)?);
    println!(
        "     no API server {moment} ms after the hold, in {step}: {phase} {}",
        object["status"]["rollback"]
    );
    let expected = if phase == "Completed" {
        target
    } else {
        source.as_str()
    };
    ensure!(
        (phase == "Completed" || phase == "Failed") && node == expected,
        "it ended {phase} and the pod is on {node}: {}",
        object["status"]
    );
    not_torn(cluster)?;
    beats(cluster, Duration::from_secs(30))
}

/// The open connections of the controller to the API server hear nothing any more while it holds a stream, as when a backend of
/// a load balancer is lost. New connections work.
pub(in super::super) fn connections(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    let cluster = trial.cluster();
    let (ordered, agent) = trial.order_and_hold()?;
    let (node, pod) = leader(cluster)?;
    let dropped = CutOff::connections(cluster, node, &pod)?;
    agent.go_on();
    let begun = Instant::now();
    let object = trial.ended(&ordered, "the controller's connections dropped")?;
    let took = begun.elapsed();
    drop(dropped);
    println!(
        "     it ended {} {:.1} s after that; pause {}",
        object["status"]["phase"],
        took.as_secs_f64(),
        object["status"]["pause"]
    );
    ensure!(took < LONGEST_PAUSE, "it ended {:.1} s later", took.as_secs_f64());
    trial.exact()
}

/// The controller that leads: its node, and how it calls the API server.
fn leader(cluster: &Cluster) -> Result<(&'static str, Caller)> {
    let selector = "--selector=app.kubernetes.io/name=shadow-controller";
    let pods = get(cluster, &["pods", "--namespace=shadow-system", selector])?;
    let pod = &pods["items"][0];
    let name = pod["metadata"]["name"]
        .as_str()
        .context("there is no controller")?;
    let node = Cluster::node_names()
        .into_iter()
        .find(|node| pod["spec"]["nodeName"] == *node)
        .context("the controller is on no node")?;
    let caller = Caller {
        pid: stage::container_pid(cluster, "shadow-system", name, "controller")?,
        address: pod["status"]["podIP"]
            .as_str()
            .context("the controller has no address")?
            .to_owned(),
    };
    Ok((node, caller))
}
