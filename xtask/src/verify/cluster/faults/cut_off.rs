//! Nodes that do not reach each other for a while, though nothing on them has ended.

use std::ffi::OsStr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::super::Bench;
use super::super::failures::agent_on;
use super::{POD, Trial, Undone, reached_second_handoff};
use crate::cluster::Cluster;
use crate::stage::{Sample, capture, get};

/// How long the target is cut off, nothing waits for its end: longer than the controller's lease, shorter than the broker
/// waits for a heartbeat.
const AWAY: Duration = Duration::from_secs(12);

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
        trial.completed(&trial.order()?, "moved beside the broker")?;
    }
    let ordered = trial.order()?;
    reached_second_handoff(cluster)?;
    let away = Dropped::all(cluster, ordered.target)?;
    thread::sleep(AWAY);
    drop(away);
    trial
        .completed(&ordered, "target cut off after the first commit")
        .map(drop)
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

/// Packets that are dropped on a node; no more when this is.
struct Dropped<'a> {
    cluster: &'a Cluster,
    node: &'static str,
    rules: Vec<Vec<String>>,
}

impl<'a> Dropped<'a> {
    /// Those between two pods.
    fn between(cluster: &'a Cluster, node: &'static str, [one, other]: &[String; 2]) -> Result<Self> {
        let rule = ["FORWARD", "--source", one, "--destination", other];
        Self::begin(cluster, node, &[&rule])
    }

    /// Everything that comes from outside the node.
    fn all(cluster: &'a Cluster, node: &'static str) -> Result<Self> {
        let to_node = ["INPUT", "--in-interface", "eth0"];
        let to_pods = ["FORWARD", "--in-interface", "eth0"];
        Self::begin(cluster, node, &[&to_node, &to_pods])
    }

    fn begin(cluster: &'a Cluster, node: &'static str, rules: &[&[&str]]) -> Result<Self> {
        let mut dropped = Self {
            cluster,
            node,
            rules: Vec::new(),
        };
        for rule in rules {
            dropped.change("--insert", rule)?;
            dropped
                .rules
                .push(rule.iter().copied().map(str::to_owned).collect());
        }
        Ok(dropped)
    }

    fn change<S: AsRef<OsStr>>(&self, verb: &str, rule: &[S]) -> Result<()> {
        let mut iptables = self.cluster.run_on_node(self.node, "iptables")?;
        iptables.args(["--wait", verb]).args(rule);
        iptables.args(["--jump", "DROP"]);
        capture(iptables).map(drop)
    }
}

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        for rule in &self.rules {
            if let Err(error) = self.change("--delete", rule) {
                eprintln!("{} stays cut off by {}: {error:#}", self.node, rule.join(" "));
            }
        }
    }
}
