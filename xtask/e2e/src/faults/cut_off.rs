//! Nodes that do not reach each other for a while, though nothing on them has ended.

use std::ffi::OsStr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::super::Bench;
use super::super::failures::agent_on;
use super::{POD, Trial, Undone, reached_second_handoff};
use xtask_lab::cluster::Cluster;
use xtask_lab::stage::{Sample, capture, get};

/// How long the target is cut off, nothing waits for its end: longer than the controller's lease.
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
        agent_address(cluster, &ordered.source)?,
        agent_address(cluster, ordered.target)?,
    ];
    let apart = CutOff::between(cluster, ordered.target, &agents)?;
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

/// The stand-in's node, with the broker on it, is cut off after the first commit: there is no way back, and it is waited
/// for. Only the oracle still reaches the broker: with nothing published, and its control's connection given up by the
/// broker, it could tell little.
fn target_away(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let oracle = Cluster::node_names()[0];
    let broker = &get(cluster, &["pod", "--namespace=rabbitmq", "rabbitmq-0"])?["spec"]["nodeName"];
    if Sample::node(cluster, POD)? != oracle {
        trial.completed(&trial.order()?, "moved beside the oracle")?;
    }
    let ordered = trial.order()?;
    ensure!(
        broker == ordered.target,
        "the move goes to {}, the broker is on {broker}",
        ordered.target
    );
    reached_second_handoff(cluster)?;
    let away = CutOff::all_but(cluster, ordered.target, &node_address(cluster, oracle)?)?;
    thread::sleep(AWAY);
    drop(away);
    trial
        .completed(&ordered, "target cut off after the first commit")
        .map(drop)
}

/// Where a node is, and what runs in its own network.
fn node_address(cluster: &Cluster, node: &str) -> Result<String> {
    let node = get(cluster, &["node", node])?;
    let addresses = node["status"]["addresses"].as_array().into_iter().flatten();
    let mut internal = addresses.filter(|address| address["type"] == "InternalIP");
    let address = internal.next().and_then(|address| address["address"].as_str());
    address.map(str::to_owned).context("a node has no address")
}

/// Where the agent of a node is.
fn agent_address(cluster: &Cluster, node: &str) -> Result<String> {
    let name = agent_on(cluster, node)?;
    let pod = get(cluster, &["pod", "--namespace=shadow-system", &name])?;
    let address = pod["status"]["podIP"].as_str();
    address
        .map(str::to_owned)
        .with_context(|| format!("pod {name} has no address"))
}

/// Host and port of the API server, as the Service of every cluster leads to it.
fn api_server(cluster: &Cluster) -> Result<(String, String)> {
    let slices = get(
        cluster,
        &[
            "endpointslices",
            "--namespace=default",
            "--selector=kubernetes.io/service-name=kubernetes",
        ],
    )?;
    let slice = &slices["items"][0];
    let host = slice["endpoints"][0]["addresses"][0].as_str();
    let port = slice["ports"][0]["port"].as_u64();
    Ok((
        host.context("the API server has no address")?.to_owned(),
        port.context("the API server has no port")?.to_string(),
    ))
}

/// A pod that calls the API server by the address of its Service.
pub(super) struct Caller {
    /// One of its processes, as the host numbers it.
    pub(super) pid: i32,
    /// Of the pod.
    pub(super) address: String,
}

impl Caller {
    /// Own ports of its connections to port 443 (0x1BB) that are open (state 1).
    fn ports(&self) -> Result<Vec<String>> {
        let table = std::fs::read_to_string(format!("/proc/{}/net/tcp", self.pid))
            .context("read the pod's connections")?;
        let own = |line: &str| {
            let mut fields = line.split_whitespace().skip(1);
            let (own, other, state) = (fields.next()?, fields.next()?, fields.next()?);
            let meant = state == "01" && other.ends_with(":01BB");
            let port = u16::from_str_radix(own.rsplit(':').next()?, 16).ok()?;
            meant.then(|| port.to_string())
        };
        Ok(table.lines().filter_map(own).collect())
    }
}

/// What a node lets through no more; again when this is dropped.
pub(super) struct CutOff<'a> {
    cluster: &'a Cluster,
    node: &'static str,
    rules: Vec<Vec<String>>,
}

impl<'a> CutOff<'a> {
    /// The agents of both nodes do not reach each other.
    pub(super) fn agents(cluster: &'a Cluster) -> Result<Self> {
        let [one, other] = Cluster::node_names();
        let addresses = [agent_address(cluster, one)?, agent_address(cluster, other)?];
        let [there, back] = [[0, 1], [1, 0]].map(|[from, to]| {
            let (from, to) = (&addresses[from], &addresses[to]);
            ["FORWARD", "--source", from, "--destination", to, "--jump", "DROP"]
        });
        Self::begin(cluster, other, &[&there, &back])
    }

    /// Neither the node nor its pods reach the API server; connections that are open hear nothing, either.
    pub(super) fn api_server(cluster: &'a Cluster, node: &'static str) -> Result<Self> {
        let (host, port) = api_server(cluster)?;
        let to = [
            "--destination",
            &host,
            "--protocol",
            "tcp",
            "--dport",
            &port,
            "--jump",
            "DROP",
        ];
        let [pods, own] = ["FORWARD", "OUTPUT"].map(|chain| [&[chain], &to[..]].concat());
        Self::begin(cluster, node, &[&pods, &own])
    }

    /// The connections to the API server that a pod has now. New ones work.
    pub(super) fn connections(cluster: &'a Cluster, node: &'static str, pod: &Caller) -> Result<Self> {
        let ports = pod.ports()?;
        ensure!(!ports.is_empty(), "the pod has no connection to the API server");
        let dropped: Vec<[&str; 9]> = ports
            .iter()
            .map(|port| {
                [
                    "FORWARD",
                    "--source",
                    &pod.address,
                    "--protocol",
                    "tcp",
                    "--sport",
                    port,
                    "--jump",
                    "DROP",
                ]
            })
            .collect();
        let dropped: Vec<&[&str]> = dropped.iter().map(|rule| &rule[..]).collect();
        Self::begin(cluster, node, &dropped)
    }

    fn between(cluster: &'a Cluster, node: &'static str, [one, other]: &[String; 2]) -> Result<Self> {
        let rule = [
            "FORWARD",
            "--source",
            one,
            "--destination",
            other,
            "--jump",
            "DROP",
        ];
        Self::begin(cluster, node, &[&rule])
    }

    /// The node hears nothing from outside, but what this client says to the broker.
    fn all_but(cluster: &'a Cluster, node: &'static str, client: &str) -> Result<Self> {
        let to_node = ["INPUT", "--in-interface", "eth0", "--jump", "DROP"];
        let to_pods = ["FORWARD", "--in-interface", "eth0", "--jump", "DROP"];
        let to_broker = [
            "FORWARD",
            "--source",
            client,
            "--protocol",
            "tcp",
            "--dport",
            "5672",
            "--jump",
            "ACCEPT",
        ];
        // The last one that is inserted is asked first.
        Self::begin(cluster, node, &[&to_node, &to_pods, &to_broker])
    }

    fn begin(cluster: &'a Cluster, node: &'static str, rules: &[&[&str]]) -> Result<Self> {
        let mut cut_off = Self {
            cluster,
            node,
            rules: Vec::new(),
        };
        for rule in rules {
            cut_off.change("--insert", rule)?;
            cut_off
                .rules
                .push(rule.iter().copied().map(str::to_owned).collect());
        }
        Ok(cut_off)
    }

    fn change<S: AsRef<OsStr>>(&self, verb: &str, rule: &[S]) -> Result<()> {
        let mut iptables = self.cluster.run_on_node(self.node, "iptables")?;
        iptables.args(["--wait", verb]).args(rule);
        capture(iptables).map(drop)
    }
}

impl Drop for CutOff<'_> {
    fn drop(&mut self) {
        for rule in &self.rules {
            if let Err(error) = self.change("--delete", rule) {
                eprintln!("{} keeps {}: {error:#}", self.node, rule.join(" "));
            }
        }
    }
}
