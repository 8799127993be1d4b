//! Nodes that do not reach each other for a while, though nothing on them has ended.

use anyhow::{Context, Result, ensure};

use super::super::Bench;
use super::super::failures::agent_on;
use super::{Ordered, POD, Trial, Undone, reached_second_handoff};
use crate::cluster::Cluster;
use crate::stage::{Sample, capture, get};

/// Longer than the controller's lease, shorter than the broker waits for a heartbeat: how long the fault lasts, nothing waits
/// for its end.
const AWAY: &str = "for chain in INPUT FORWARD; do iptables --wait --insert $chain --in-interface eth0 --jump DROP; done; \
     sleep 12; for chain in INPUT FORWARD; do iptables --wait --delete $chain --in-interface eth0 --jump DROP; done";

pub(in super::super) fn all(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    agents_apart(&trial)?;
    target_away(&trial)?;
    trial.exact()
}

/// The controller reaches both agents; they do not reach each other, and the archive cannot be fetched.
fn agents_apart(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let (ordered, source_agent) = trial.order_and_hold()?;
    let agents = [
        address(cluster, &ordered.source)?,
        address(cluster, ordered.target)?,
    ];
    let apart = Dropped::between(cluster, ordered.target, &agents)?;
    source_agent.go_on();
    let expected = Undone {
        fault: "agents cut off from each other",
        reason: "TransferFailed",
        says: &[&ordered.source, ordered.target],
    };
    let outcome = trial.undone(&ordered, &expected);
    drop(apart);
    outcome
}

/// The stand-in's node is cut off from everything after the first commit: there is no way back, and it is waited for.
fn target_away(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    // Broker and oracle are on the first node, which stays.
    if Sample::node(cluster, POD)? != Cluster::node_names()[0] {
        completed(trial, &trial.order()?, "moved beside the broker")?;
    }
    let ordered = trial.order()?;
    reached_second_handoff(cluster)?;
    let mut away = cluster.run_on_node(ordered.target, "sh")?;
    away.args(["-c", AWAY]);
    capture(away).context("cut the target's node off")?;
    completed(trial, &ordered, "target cut off after the first commit")
}

fn completed(trial: &Trial<'_>, ordered: &Ordered, fault: &str) -> Result<()> {
    let object = trial.ended(ordered, fault)?;
    let status = &object["status"];
    ensure!(
        status["phase"] == "Completed",
        "{fault}: it ended {}: {}",
        status["phase"],
        status["rollback"]
    );
    let node = Sample::node(trial.cluster(), POD)?;
    ensure!(
        node == ordered.target,
        "{fault}: {POD} is on {node}, not on {}",
        ordered.target
    );
    Ok(())
}

/// Where the agent of a node is.
fn address(cluster: &Cluster, node: &str) -> Result<String> {
    let name = agent_on(cluster, node)?;
    let pod = get(cluster, &["pod", "--namespace=shadow-system", &name])?;
    let address = pod["status"]["podIP"].as_str();
    address
        .map(str::to_owned)
        .with_context(|| format!("pod {name} has no address"))
}

/// Packets between two pods that are dropped on a node; no more when this is.
struct Dropped<'a> {
    cluster: &'a Cluster,
    node: &'static str,
    pods: [String; 2],
}

impl<'a> Dropped<'a> {
    fn between(cluster: &'a Cluster, node: &'static str, pods: &[String; 2]) -> Result<Self> {
        let dropped = Self {
            cluster,
            node,
            pods: pods.clone(),
        };
        dropped.rule("--insert")?;
        Ok(dropped)
    }

    fn rule(&self, verb: &str) -> Result<()> {
        let [one, other] = &self.pods;
        let mut iptables = self.cluster.run_on_node(self.node, "iptables")?;
        iptables.args(["--wait", verb, "FORWARD", "--source", one]);
        iptables.args(["--destination", other, "--jump", "DROP"]);
        capture(iptables).map(drop)
    }
}

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.rule("--delete") {
            eprintln!("the agents stay cut off from each other: {error:#}");
        }
    }
}
