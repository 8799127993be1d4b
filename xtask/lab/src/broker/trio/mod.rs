//! Three RabbitMQ nodes as one cluster, as production has it, on this machine: each in pid, mount, UTS and network namespaces
//! of its own, joined by a bridge.
//!
//! Guarantees: when [`Trio::start`] returns, all three nodes serve and know each other; when the value is dropped, or this
//! process dies in whatever way, no process, mount, network or file of them is left. Nothing of it is seen in the host's network:
//! who wants to reach the nodes works inside ([`Trio::inside`]).

mod yard;

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::process::Process;
use super::server::{BOOT, CONFIGURATION, answers, surroundings};
use crate::network::in_network_of;
pub use yard::{Fault, Yard};

const YARD: &str = include_str!("yard.sh");
/// Names of the nodes; their addresses follow in this order.
pub const NODES: [&str; 3] = ["one", "two", "three"];
const NET: [u8; 3] = [10, 99, 0];
/// One processor for each, no waiting in loops for work, and a node that is silent is noticed after seconds, not after the usual
/// minute.
pub const SMALL: &str = "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -kernel net_ticktime 8";
/// Three at once start more slowly than one.
const READY_WITHIN: Duration = Duration::from_secs(120);
const PORTS: [u16; 2] = [5672, 15672];

/// Addresses of the nodes for AMQP, with blanks between them.
pub const AMQP_URIS: &str = "SHADOW_TEST_TRIO_AMQP_URIS";
/// The same of the management API.
pub const MANAGEMENT_URIS: &str = "SHADOW_TEST_TRIO_MANAGEMENT_URIS";
/// The command, with blanks between its words, that does something to a node: `NODE VERB` follow.
pub const NODE_COMMAND: &str = "SHADOW_TEST_TRIO_NODE_COMMAND";

/// A running cluster.
pub struct Trio {
    process: Process,
}

impl Trio {
    /// Starts three nodes with nothing in them and waits until they serve as one cluster.
    ///
    /// # Errors
    ///
    /// A node does not start or does not find the others; the error has their last words.
    pub fn start() -> Result<Self> {
        let mut unshare = Command::new("unshare");
        unshare
            .args([
                "--fork",
                "--pid",
                "--kill-child",
                "--mount-proc",
                "--net",
                "--uts",
            ])
            .args(["sh", "-c", YARD])
            .envs(surroundings()?)
            .env(
                "CONFIGURATION",
                configuration(NODES.map(|node| format!("rabbit@{node}"))),
            )
            .env("HOSTS", hosts())
            .env("BOOT", BOOT)
            .env("NET", NET.map(|part| part.to_string()).join("."))
            .env("NODES", NODES.join(" "))
            .env("COOKIE", cookie())
            .env("AGAIN", "yes")
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", SMALL);
        let mut trio = Self {
            process: Process::spawn("the cluster of three brokers", &mut unshare)?,
        };
        let yard = trio.yard();
        trio.process
            .wait_until_ready(READY_WITHIN, || yard.serves().unwrap_or(false))?;
        yard.wait_until_joined()
            .with_context(|| trio.process.last_words())?;
        Ok(trio)
    }

    /// What can be done to the nodes.
    #[must_use]
    pub fn yard(&self) -> Yard {
        Yard::of(self.process.id())
    }

    /// The same command in the network of the nodes, with the variables by which tests find them.
    #[must_use]
    pub fn inside(&self, command: &Command) -> Command {
        let yard = self.process.id();
        let mut inside = Command::new("nsenter");
        inside.arg(format!("--net=/proc/{yard}/ns/net")).arg("--");
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            inside.current_dir(folder);
        }
        inside
            .env(
                AMQP_URIS,
                uris(|host| format!("amqp://shadow:shadow@{host}:5672/%2f")),
            )
            .env(
                MANAGEMENT_URIS,
                uris(|host| format!("http://shadow:shadow@{host}:15672")),
            )
            // This program as it is now, though it may be built again meanwhile.
            .env(
                NODE_COMMAND,
                format!("/proc/{}/exe broker node --yard {yard}", std::process::id()),
            );
        inside
    }
}

/// What makes a RabbitMQ one of these nodes, in addition to what any of ours is configured with.
#[must_use]
pub fn formation(nodes: &[String; 3]) -> String {
    let mut lines = vec!["cluster_formation.peer_discovery_backend = classic_config".to_owned()];
    for (number, node) in (1..).zip(nodes) {
        lines.push(format!(
            "cluster_formation.classic_config.nodes.{number} = {node}"
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn configuration(nodes: [String; 3]) -> String {
    format!("{CONFIGURATION}\n{}", formation(&nodes))
}

fn address(number: u8) -> Ipv4Addr {
    let [a, b, c] = NET;
    Ipv4Addr::new(a, b, c, number)
}

/// Of all nodes, in their order.
fn addresses() -> [Ipv4Addr; 3] {
    [1, 2, 3].map(address)
}

fn hosts() -> String {
    let named = addresses().into_iter().zip(NODES);
    let lines = named.map(|(address, node)| format!("{address} {node}\n"));
    std::iter::once("127.0.0.1 localhost\n".to_owned())
        .chain(lines)
        .collect()
}

fn uris(uri: impl Fn(Ipv4Addr) -> String) -> String {
    addresses().map(uri).join(" ")
}

/// It guards nothing: the nodes are reached from their own network only.
fn cookie() -> String {
    format!("shadow-{}", std::process::id())
}

/// Whether every node listens, seen from its network.
fn serve_all(yard: u32) -> Result<bool> {
    in_network_of(yard, || {
        addresses()
            .into_iter()
            .all(|host| PORTS.into_iter().all(|port| answers(host, port)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_knows_the_others_by_name_and_address() {
        assert!(hosts().ends_with("10.99.0.1 one\n10.99.0.2 two\n10.99.0.3 three\n"));
        let text = configuration(NODES.map(|node| format!("rabbit@{node}")));
        assert!(text.starts_with(CONFIGURATION));
        assert!(text.contains("classic_config.nodes.3 = rabbit@three\n"), "{text}");
    }

    #[test]
    fn tests_get_the_addresses_of_all_nodes() {
        let named = uris(|host| format!("http://{host}"));
        assert_eq!(named, "http://10.99.0.1 http://10.99.0.2 http://10.99.0.3");
    }
}
