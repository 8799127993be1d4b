//! Three nodes of RabbitMQ in the place of the local cluster's one, behind the same Service.
//!
//! Guarantee: while the value lives, the address of the broker leads to the three; when it is ended, or dropped, to the one of
//! before, which has what it had. Connections of before do not last through either change.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{capture, container_pid, get};
use crate::broker::trio::{SMALL, formation};
use crate::cluster::{Cluster, step, wait_for};

const MANIFEST: &str = include_str!("manifest.yaml");
const NAMESPACE: &str = "--namespace=rabbitmq";
const READY: Duration = Duration::from_secs(180);
/// A server that was killed serves again sooner.
const BACK: Duration = Duration::from_secs(90);

/// The pods, by name.
pub const NODES: [&str; 3] = ["trio-0", "trio-1", "trio-2"];

/// See the module.
pub struct Three {
    cluster: Cluster,
    ended: bool,
}

impl Three {
    /// Starts them, and takes the one away.
    ///
    /// # Errors
    ///
    /// They do not come up, or do not find each other.
    pub fn begin(cluster: &Cluster) -> Result<Self> {
        let starting = step("three brokers");
        let manifest = MANIFEST
            .replace(
                "# FORMATION",
                &formation(&NODES.map(name)).replace('\n', "\n    "),
            )
            .replace("ARGUMENTS", SMALL);
        let three = Self {
            cluster: cluster.of(crate::cluster::Tenant::Sole),
            ended: false,
        };
        super::apply(&three.cluster, &manifest)?;
        let rollout = [
            "rollout",
            "status",
            NAMESPACE,
            "statefulset/trio",
            "--timeout=180s",
        ];
        capture(three.cluster.kubectl(rollout))?;
        three.tool(
            NODES[0],
            "rabbitmqctl",
            &["await_online_nodes", "3", "--timeout", "120"],
        )?;
        three.lead_to("trio")?;
        three.scale_the_one(0)?;
        three.whole()?;
        starting.done("they serve as one cluster");
        Ok(three)
    }

    /// Brings the one back, and takes these away.
    ///
    /// # Errors
    ///
    /// It does not come back.
    pub fn end(mut self) -> Result<()> {
        self.ended = true;
        self.taken_away()
    }

    fn taken_away(&self) -> Result<()> {
        self.scale_the_one(1)?;
        self.lead_to("rabbitmq")?;
        let gone = [
            "delete",
            NAMESPACE,
            "statefulset/trio",
            "service/trio",
            "configmap/trio",
        ];
        let mut kubectl = self.cluster.kubectl(gone);
        kubectl.args(["--ignore-not-found", "--timeout=2m"]);
        capture(kubectl)?;
        let rollout = [
            "rollout",
            "status",
            NAMESPACE,
            "statefulset/rabbitmq",
            "--timeout=120s",
        ];
        capture(self.cluster.kubectl(rollout)).map(drop)
    }

    /// The Service leads to pods with this label.
    fn lead_to(&self, app: &str) -> Result<()> {
        let patch = json!({"spec": {"selector": {"app": app}}}).to_string();
        let patching = [
            "patch",
            NAMESPACE,
            "service/rabbitmq",
            "--type=merge",
            "--patch",
            &patch,
        ];
        capture(self.cluster.kubectl(patching)).map(drop)
    }

    fn scale_the_one(&self, replicas: u8) -> Result<()> {
        let replicas = format!("--replicas={replicas}");
        let scaling = ["scale", NAMESPACE, "statefulset/rabbitmq", &replicas];
        capture(self.cluster.kubectl(scaling)).map(drop)
    }

    /// Waits until every node runs and knows the others, and no alarm is in effect.
    ///
    /// # Errors
    ///
    /// They do not within the time that a start takes.
    pub fn whole(&self) -> Result<()> {
        wait_for("three nodes to run", READY, || {
            // One that has just come back may not answer.
            let Ok(printed) = super::broker_api(&self.cluster, "GET", "nodes?columns=running,mem_alarm")
            else {
                return Ok(None);
            };
            let nodes: Vec<Value> = serde_json::from_str(&printed).context("the broker printed no JSON")?;
            let well = |node: &&Value| node["running"] == true && node["mem_alarm"] == false;
            Ok((nodes.iter().filter(well).count() == NODES.len()).then_some(()))
        })
    }

    /// The node that leads a queue of this virtual host.
    ///
    /// # Errors
    ///
    /// The broker does not tell.
    pub fn leader(&self, vhost: &str, queue: &str) -> Result<&'static str> {
        wait_for("a leader of the queue", READY, || {
            let path = format!("queues/{vhost}/{queue}?disable_stats=true");
            let Ok(printed) = super::broker_api(&self.cluster, "GET", &path) else {
                return Ok(None);
            };
            let queue: Value = serde_json::from_str(&printed).context("the broker printed no JSON")?;
            let leader = queue["leader"].as_str().unwrap_or_default();
            Ok(NODES.into_iter().find(|node| leader == name(node)))
        })
    }

    /// Makes another node the leader of a queue.
    ///
    /// # Errors
    ///
    /// The broker refuses.
    pub fn lead_elsewhere(&self, vhost: &str, queue: &str) -> Result<()> {
        let leader = self.leader(vhost, queue)?;
        let other = others(leader).next().context("there is no other node")?;
        let words = ["transfer_leadership", "--vhost", vhost, queue, &name(other)];
        self.tool(leader, "rabbitmq-queues", &words).map(drop)
    }

    /// Kills the server of a node (SIGKILL). It is started again at once.
    ///
    /// # Errors
    ///
    /// It does not run.
    pub fn kill(&self, node: &str) -> Result<()> {
        let kill = "kill -s KILL -- \"-$(cat /run/server.group)\"";
        let shell = ["exec", NAMESPACE, node, "--", "sh", "-c", kill];
        capture(self.cluster.kubectl(shell)).map(drop)
    }

    /// Waits until a server that was killed serves again.
    ///
    /// # Errors
    ///
    /// It does not.
    pub fn back(&self, node: &str) -> Result<()> {
        wait_for(&format!("{node} to serve again"), BACK, || {
            let awaited = self.tool(node, "rabbitmqctl", &["await_startup", "--timeout", "60"]);
            Ok(awaited.ok())
        })?;
        self.whole()
    }

    /// Runs one of RabbitMQ's own tools on a node.
    ///
    /// # Errors
    ///
    /// It fails.
    pub fn tool(&self, node: &str, tool: &str, arguments: &[&str]) -> Result<String> {
        // The packaged command would ask `su` to become the server's user, which takes more than the image has.
        let shell = [
            "exec",
            NAMESPACE,
            node,
            "--",
            "setpriv",
            "--reuid=rabbitmq",
            "--regid=rabbitmq",
            "--clear-groups",
            "env",
            "HOME=/var/lib/rabbitmq",
        ];
        let mut kubectl = self.cluster.kubectl(shell);
        kubectl
            .arg(format!("/usr/lib/rabbitmq/bin/{tool}"))
            .arg("--longnames");
        kubectl.args(arguments);
        capture(kubectl)
    }

    /// Drops all traffic between a node and the other two; clients still reach it. Until the value is dropped.
    ///
    /// # Errors
    ///
    /// The node's network cannot be changed.
    pub fn cut(&self, node: &str) -> Result<Cut<'_>> {
        let pid = container_pid(&self.cluster, "rabbitmq", node, "rabbitmq")?;
        let addresses = self.addresses()?;
        let mut cut = Cut {
            cluster: &self.cluster,
            pid,
            rules: Vec::new(),
        };
        for other in others(node) {
            let address = addresses
                .get(other)
                .with_context(|| format!("{other} has no address"))?;
            for [chain, end] in [["INPUT", "--source"], ["OUTPUT", "--destination"]] {
                let rule = [chain, end, address, "--jump", "DROP"].map(str::to_owned);
                cut.change("--insert", &rule)?;
                cut.rules.push(rule);
            }
        }
        Ok(cut)
    }

    fn addresses(&self) -> Result<BTreeMap<String, String>> {
        let pods = get(&self.cluster, &["pods", NAMESPACE, "--selector=app=trio"])?;
        let pods = pods["items"].as_array().into_iter().flatten();
        let named = pods.filter_map(|pod| {
            let (name, address) = (
                pod["metadata"]["name"].as_str()?,
                pod["status"]["podIP"].as_str()?,
            );
            Some((name.to_owned(), address.to_owned()))
        });
        let named: BTreeMap<_, _> = named.collect();
        ensure!(
            named.len() == NODES.len(),
            "not every node has an address: {named:?}"
        );
        Ok(named)
    }
}

/// A test that fails half-way must leave the one broker to those after it.
impl Drop for Three {
    fn drop(&mut self) {
        if !self.ended
            && let Err(error) = self.taken_away()
        {
            eprintln!("the three brokers stay: {error:#}");
        }
    }
}

/// What a node lets through no more; again when this is dropped.
pub struct Cut<'a> {
    cluster: &'a Cluster,
    pid: i32,
    rules: Vec<[String; 5]>,
}

impl Cut<'_> {
    /// In the network of the pod, by the program of a Kubernetes node.
    fn change(&self, verb: &str, rule: &[String; 5]) -> Result<()> {
        let node = self.cluster.node_pid(Cluster::node_names()[0])?;
        let mut iptables = std::process::Command::new("nsenter");
        iptables.args(["--target", &node.to_string(), "--mount"]);
        iptables.arg(format!("--net=/proc/{}/ns/net", self.pid));
        iptables.args(["--", "iptables", "--wait", verb]).args(rule);
        capture(iptables).map(drop)
    }
}

impl Drop for Cut<'_> {
    fn drop(&mut self) {
        for rule in &self.rules {
            if let Err(error) = self.change("--delete", rule) {
                eprintln!("a broker keeps {}: {error:#}", rule.join(" "));
            }
        }
    }
}

/// As the nodes call each other.
fn name(node: &str) -> String {
    format!("rabbit@{node}.trio.rabbitmq.svc.cluster.local")
}

fn others(node: &str) -> impl Iterator<Item = &'static str> {
    NODES.into_iter().filter(move |other| *other != node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_called_as_their_own_settings_call_them() {
        let named = MANIFEST.replace("$(POD)", "trio-1");
        assert!(named.contains(&format!("value: {}}}", name("trio-1"))));
        assert_eq!(others("trio-1").collect::<Vec<_>>(), ["trio-0", "trio-2"]);
        assert!(MANIFEST.contains("    # FORMATION\n") && MANIFEST.contains("ARGUMENTS"));
    }
}
