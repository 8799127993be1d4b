//! Does what can go wrong.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::fault::{Fault, Side};
use xtask_e2e::harm::{Stopped, end_controller, kill_controller, kill_part};
use xtask_lab::cluster::Cluster;
use xtask_lab::stage::{self, Product, capture};

/// The move that is disturbed.
pub(crate) struct Scene<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) product: &'a Product,
    pub(crate) pod: &'a str,
    pub(crate) migration: &'a str,
    pub(crate) source: &'a str,
    pub(crate) target: &'a str,
}

impl Scene<'_> {
    fn node(&self, side: Side) -> &str {
        match side {
            Side::Source => self.source,
            Side::Target => self.target,
        }
    }

    /// Returns when it is done, and whatever stood still goes on.
    pub(crate) fn suffers(&self, fault: Fault) -> Result<()> {
        let cluster = self.cluster;
        match fault {
            Fault::AgentKilled(side) => kill_part(cluster, self.node(side), "agent"),
            Fault::HelperKilled(side) => kill_part(cluster, self.node(side), "helper"),
            Fault::ControllerKilled => kill_controller(cluster),
            Fault::ControllerAskedToEnd => end_controller(cluster),
            Fault::ConnectionsCut => {
                stage::broker_api(cluster, "DELETE", "connections/username/shadow").map(drop)
            }
            Fault::BrokerKilled => kill_broker(cluster),
            Fault::WebhookStopped(seconds) => {
                stands_still(Stopped::webhook(cluster)?, seconds);
                Ok(())
            }
            Fault::KubeletStopped(side, seconds) => {
                stands_still(Stopped::kubelet(cluster, self.node(side))?, seconds);
                Ok(())
            }
            Fault::ApiServerStopped(seconds) => {
                stands_still(Stopped::api_server()?, seconds);
                Ok(())
            }
            Fault::Cancelled => stage::cancel(cluster, self.product, self.pod).map(drop),
            Fault::Deleted => self.delete(),
        }
    }

    fn delete(&self) -> Result<()> {
        let mut kubectl = self
            .cluster
            .kubectl(["delete", "statefulmigration", self.migration]);
        kubectl.arg("--wait=false");
        capture(kubectl).map(drop)
    }
}

/// The fault itself lasts so long.
fn stands_still(stopped: Stopped, seconds: u64) {
    thread::sleep(Duration::from_secs(seconds));
    stopped.go_on();
}

fn kill_broker(cluster: &Cluster) -> Result<()> {
    let pid = stage::container_pid(cluster, "rabbitmq", "rabbitmq-0", "rabbitmq")?;
    ensure!(pid > 1, "the broker has no process of its own");
    kill(Pid::from_raw(pid), Signal::SIGKILL).context("kill the broker")
}
