//! The broker while the stream is held: it takes no messages for a while, or somebody deletes the hold queue.

use anyhow::{Context, Result};

use super::super::Bench;
use super::{POD, SOON, Trial};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, broker_api, capture};

/// A share of the machine's memory that any broker uses.
const NOTHING: &str = "0.000001";
/// RabbitMQ's own default.
const USUAL: &str = "0.6";

pub(in super::super) fn all(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    out_of_memory(&trial)?;
    hold_queue_deleted(&trial)?;
    trial.exact()
}

/// Nothing can be published, control messages neither: the condition says so, and the move goes on afterwards.
fn out_of_memory(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let (ordered, source_agent) = trial.order_and_hold()?;
    let alarm = Alarm::raise(cluster)?;
    source_agent.go_on();
    let said = wait_for("the condition to name the alarm", SOON, || {
        let object = stage::migration(cluster, POD)?;
        let conditions = object["status"]["conditions"].as_array();
        let messages = conditions
            .into_iter()
            .flatten()
            .filter_map(|one| one["message"].as_str());
        Ok(messages
            .map(str::to_owned)
            .find(|message| message.contains("alarm")))
    });
    drop(alarm);
    println!("     {}", said?);
    trial.done_or_undone(&ordered, "memory alarm of the broker while held")
}

/// The application is left without a queue; whether the move is undone or not, it finds its stream again.
fn hold_queue_deleted(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.cluster();
    let (ordered, source_agent) = trial.order_and_hold()?;
    let queue = stage::consumed_queue(cluster, POD)?.context("the application reads no queue")?;
    broker_api(cluster, "DELETE", &stage::queue_path(cluster, &queue))?;
    source_agent.go_on();
    trial.done_or_undone(&ordered, "hold queue deleted")
}

/// A memory alarm; over when this is dropped.
struct Alarm<'a>(&'a Cluster);

impl<'a> Alarm<'a> {
    fn raise(cluster: &'a Cluster) -> Result<Self> {
        let alarm = Self(cluster);
        alarm.allow(NOTHING)?;
        Ok(alarm)
    }

    fn allow(&self, share: &str) -> Result<()> {
        let mut rabbitmqctl = self
            .0
            .kubectl(["exec", "--namespace=rabbitmq", "rabbitmq-0", "--"]);
        // The packaged command would ask `su` to become the server's user, which takes more than the image has.
        rabbitmqctl.args([
            "setpriv",
            "--reuid=rabbitmq",
            "--regid=rabbitmq",
            "--clear-groups",
        ]);
        rabbitmqctl.args([
            "env",
            "HOME=/var/lib/rabbitmq",
            "/usr/lib/rabbitmq/bin/rabbitmqctl",
        ]);
        rabbitmqctl.args(["set_vm_memory_high_watermark", share]);
        capture(rabbitmqctl).map(drop)
    }
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.allow(USUAL) {
            eprintln!("the broker's memory alarm stays: {error:#}");
        }
    }
}
