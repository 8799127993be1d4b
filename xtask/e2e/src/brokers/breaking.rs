//! Breaks a broker of three nodes in one way, and mends it.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::cell::Fault;
use xtask_lab::cluster::Cluster;
use xtask_lab::stage::three::{Cut, NODES, Three};
use xtask_lab::stage::{self, capture, get};

/// How long a cut lasts: longer than a node takes to give up one that is silent.
const CUT: Duration = Duration::from_secs(12);
/// How long anything else lasts that does not end by itself.
const LASTS: Duration = Duration::from_secs(6);
const WATERMARK: &str = "set_vm_memory_high_watermark";
/// A share of the machine's memory that any broker uses.
const NOTHING: &str = "0.000001";
/// RabbitMQ's own default.
const USUAL: &str = "0.6";

/// The three brokers, and what the moved application has there.
pub(super) struct Place<'a> {
    pub(super) three: &'a Three,
    pub(super) cluster: &'a Cluster,
    /// Its primary queue.
    pub(super) queue: String,
    /// Its Secret.
    pub(super) secret: &'a str,
}

/// What is broken. Dropped, it is mended.
pub(super) struct Broken<'a> {
    place: &'a Place<'a>,
    what: What<'a>,
}

enum What<'a> {
    /// It ends by itself.
    Nothing,
    /// A node comes back.
    Killed(&'static str),
    /// The others are still to be killed, one after the other.
    Rolling,
    Cut(Cut<'a>),
    Alarm,
    Password,
    Secret(Value),
}

impl<'a> Broken<'a> {
    pub(super) fn begin(place: &'a Place<'a>, fault: Fault) -> Result<Self> {
        let vhost = place.cluster.tenant().virtual_host();
        let leader = || place.three.leader(vhost, &place.queue);
        let what = match fault {
            Fault::LeaderChange => {
                place.three.lead_elsewhere(vhost, &place.queue)?;
                What::Nothing
            }
            Fault::NodeRestart => {
                let leader = leader()?;
                place.three.kill(leader)?;
                What::Killed(leader)
            }
            Fault::MinorityCut => What::Cut(place.three.cut(leader()?)?),
            Fault::RollingRestart => {
                place.three.kill(NODES[0])?;
                What::Rolling
            }
            Fault::MemoryAlarm => {
                place.watermark(NOTHING)?;
                What::Alarm
            }
            Fault::ChangedPassword => {
                place.password("another")?;
                What::Password
            }
            Fault::SecretAnew => {
                let secret = get(place.cluster, &["secret", place.secret])?;
                let delete = ["delete", "secret", place.secret, "--wait=true"];
                capture(place.cluster.kubectl(delete))?;
                What::Secret(secret)
            }
        };
        Ok(Self { place, what })
    }

    /// Lets it last as long as it is to last. What takes longer than that goes on meanwhile.
    pub(super) fn lasts(&self) -> Result<()> {
        match &self.what {
            What::Nothing => Ok(()),
            What::Killed(node) => self.place.three.back(node),
            What::Rolling => {
                let [first, rest @ ..] = NODES;
                self.place.three.back(first)?;
                for node in rest {
                    self.place.three.kill(node)?;
                    self.place.three.back(node)?;
                }
                Ok(())
            }
            // How long something is broken, not the wait for an event.
            What::Cut(_) => {
                thread::sleep(CUT);
                Ok(())
            }
            What::Alarm | What::Password | What::Secret(_) => {
                thread::sleep(LASTS);
                Ok(())
            }
        }
    }

    /// Mends it, and waits until the brokers are whole.
    pub(super) fn mend(mut self) -> Result<()> {
        self.mended()?;
        self.place.three.whole()
    }

    fn mended(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.what, What::Nothing) {
            What::Nothing | What::Killed(_) | What::Rolling => Ok(()),
            What::Cut(cut) => {
                drop(cut);
                Ok(())
            }
            What::Alarm => self.place.watermark(USUAL),
            What::Password => self.place.password(self.place.cluster.namespace()),
            What::Secret(secret) => self.place.create(&secret),
        }
    }
}

impl Drop for Broken<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.mended() {
            eprintln!("the brokers stay broken: {error:#}");
        }
    }
}

impl Place<'_> {
    fn watermark(&self, share: &str) -> Result<()> {
        self.three
            .tool(NODES[2], "rabbitmqctl", &[WATERMARK, share])
            .map(drop)
    }

    /// Of the tenant's user, whose password is its name.
    fn password(&self, password: &str) -> Result<()> {
        let user = self.cluster.namespace();
        let body = json!({"password": password, "tags": "administrator"});
        stage::broker_call(self.cluster, "PUT", &format!("users/{user}"), &body).map(drop)
    }

    /// What was deleted, without what belonged to that object alone.
    fn create(&self, secret: &Value) -> Result<()> {
        let metadata = &secret["metadata"];
        let again = json!({
            "apiVersion": "v1", "kind": "Secret", "type": secret["type"], "data": secret["data"],
            "metadata": {"name": metadata["name"], "labels": metadata["labels"]},
        });
        stage::apply(self.cluster, &again.to_string()).context("create the Secret again")
    }
}
