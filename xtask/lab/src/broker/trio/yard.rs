//! What can be done to a node of three: killed, kept away, cut off from the other two, asked by RabbitMQ's own tools.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{NODES, addresses, serve_all};
use crate::broker::tree;
use crate::cluster::wait_for;
use crate::stage::capture;

/// An address of a network card that nobody has: what is sent there is lost without a word.
const NOWHERE: &str = "02:00:00:00:00:99";

/// A server that is started serves sooner.
const BACK: Duration = Duration::from_secs(120);

/// What is done to a node.
#[derive(clap::Subcommand, Debug)]
pub enum Fault {
    /// Kill the server (SIGKILL); it is started again at once.
    Restart,
    /// Kill the server and keep it away.
    Stop,
    /// Start a server that was stopped; returns when it serves.
    Start,
    /// Drop all traffic between this node and the other two; clients still reach it.
    Cut,
    /// Let the traffic through again.
    Join,
    /// Run `rabbitmqctl` on the node.
    Ctl {
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        arguments: Vec<String>,
    },
    /// Run `rabbitmq-queues` on the node.
    Queues {
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        arguments: Vec<String>,
    },
}

/// The nodes, by the process that they end with.
#[derive(Clone, Copy, Debug)]
pub struct Yard {
    process: u32,
}

impl Yard {
    /// That of a [`super::Trio`].
    #[must_use]
    pub fn of(process: u32) -> Self {
        Self { process }
    }

    /// Does it; what a tool printed.
    ///
    /// # Errors
    ///
    /// There is no such node, or a tool failed.
    pub fn act(self, node: &str, fault: &Fault) -> Result<String> {
        ensure!(
            NODES.contains(&node),
            "there is no node {node:?}; there are {}",
            NODES.join(", ")
        );
        match fault {
            Fault::Restart => self.kill(node),
            Fault::Stop => {
                self.shell(node, &format!("touch {}", away()?.display()))?;
                self.kill(node)
            }
            Fault::Start => {
                self.shell(node, &format!("rm -f {}", away()?.display()))?;
                self.serves_again(node)
            }
            Fault::Cut => self.between(node, |there| {
                format!("neighbour replace {there} lladdr {NOWHERE} dev eth0 nud permanent")
            }),
            Fault::Join => self.between(node, |there| format!("neighbour delete {there} dev eth0")),
            Fault::Ctl { arguments } => self.tool(node, "rabbitmqctl", arguments),
            Fault::Queues { arguments } => self.tool(node, "rabbitmq-queues", arguments),
        }
    }

    pub(super) fn serves(self) -> Result<bool> {
        serve_all(self.process)
    }

    /// A node that found nobody would have begun a cluster of its own.
    pub(super) fn wait_until_joined(self) -> Result<()> {
        let wanted = NODES.len().to_string();
        let [first, ..] = NODES;
        self.tool(
            first,
            "rabbitmqctl",
            &["await_online_nodes", &wanted, "--timeout", "60"],
        )
        .map(drop)
    }

    /// RabbitMQ's own tool fails while nothing is started yet.
    fn serves_again(self, node: &str) -> Result<String> {
        wait_for(&format!("node {node} to serve again"), BACK, || {
            let awaited = self.tool(node, "rabbitmqctl", &["await_startup", "--timeout", "60"]);
            Ok(awaited.ok())
        })
    }

    fn kill(self, node: &str) -> Result<String> {
        let group = run_folder()?.join("server.group");
        self.shell(node, &format!("kill -s KILL -- \"-$(cat {})\"", group.display()))
    }

    /// Changes where the node and each of the others send what is for the other.
    fn between(self, node: &str, change: impl Fn(&str) -> String) -> Result<String> {
        let named = || NODES.into_iter().zip(addresses());
        let address = |of: &str| {
            let mut found = named().filter(|(name, _)| *name == of);
            found.next().map(|(_, address)| address.to_string())
        };
        for (other, there) in named().filter(|(name, _)| *name != node) {
            let here = address(node).context("a node has no address")?;
            for (at, to) in [(node, there.to_string()), (other, here)] {
                self.shell(at, &format!("ip {}", change(&to)))?;
            }
        }
        Ok(String::new())
    }

    fn tool<S: AsRef<str>>(self, node: &str, tool: &str, arguments: &[S]) -> Result<String> {
        let tree = tree::ensure()?;
        let mut command = self.in_node(node);
        command.args(["env", "HOME=/var/lib/rabbitmq"]);
        command.arg(format!("RABBITMQ_NODENAME=rabbit@{node}"));
        command.arg("RABBITMQ_CTL_ERL_ARGS=+S 1:1 +sbwt none");
        command.arg("chroot");
        command.arg(format!("--userspec={}", tree::owner(&tree)?));
        command.arg(&tree).arg(format!("/usr/lib/rabbitmq/bin/{tool}"));
        command.args(arguments.iter().map(AsRef::as_ref));
        capture(command)
    }

    fn shell(self, node: &str, line: &str) -> Result<String> {
        let mut command = self.in_node(node);
        command.args(["sh", "-c", line]);
        capture(command)
    }

    /// First into the namespaces of the yard, where the nodes' processes have the numbers that `yard.sh` noted, then into those
    /// of the node.
    fn in_node(self, node: &str) -> Command {
        const ENTER: &str = "at=/proc/$(cat \"/run/$0.pid\")/ns; exec nsenter --mount=$at/mnt --net=$at/net --uts=$at/uts \
            --pid=$at/pid_for_children -- \"$@\"";
        let at = format!("/proc/{}/ns", self.process);
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--mount={at}/mnt"))
            .arg(format!("--net={at}/net"));
        command.arg(format!("--pid={at}/pid_for_children"));
        command.args(["--", "sh", "-c", ENTER, node]);
        command
    }
}

/// The folder `run` of the tree, which each node has for itself.
fn run_folder() -> Result<PathBuf> {
    Ok(tree::ensure()?.join("run"))
}

/// While this file is there, no server is started.
fn away() -> Result<PathBuf> {
    Ok(run_folder()?.join("away"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_node_is_named_back() {
        let error = Yard::of(1).act("four", &Fault::Restart).unwrap_err().to_string();
        assert_eq!(error, "there is no node \"four\"; there are one, two, three");
    }
}
