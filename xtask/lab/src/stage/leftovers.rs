//! What must not be left of a move: pods, rules, Leases, archives, mounts, queues and exchanges of ours.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::Value;

use super::sample::{broker_api, broker_queues, names_of};
use super::{capture, get};
use crate::cluster::{Cluster, Tenant};

/// Label of what belongs to a migration.
const OF_A_MIGRATION: &str = "--selector=migration.ms2m.io/migration-uid";

/// Everything of ours that is still there although the tenant's migrations have ended. What belongs to a migration of another
/// tenant does not count.
pub fn leftovers(cluster: &Cluster) -> Result<Vec<String>> {
    let others = Others::look(cluster)?;
    let at_the_broker = at_the_broker(cluster)?.into_iter();
    let mut found: Vec<String> = at_the_broker
        .map(|(what, name)| format!("{} {name}", what.told()))
        .collect();
    found.extend(in_kubernetes(cluster, &others)?);
    for node in Cluster::node_names() {
        found.extend(on_node(cluster, node, &others)?);
    }
    Ok(found)
}

/// Takes away what a test that failed has left: pods of its moves, and what is at the broker. Its migrations have ended.
pub fn clear(cluster: &Cluster) -> Result<()> {
    capture(cluster.kubectl(["delete", "pods", OF_A_MIGRATION, "--timeout=60s"]))?;
    for (what, name) in at_the_broker(cluster)? {
        let host = cluster.tenant().virtual_host();
        broker_api(cluster, "DELETE", &format!("{}/{host}/{name}", what.path()))?;
    }
    Ok(())
}

/// A thing at the broker.
#[derive(Clone, Copy)]
enum What {
    Queue,
    Exchange,
}

impl What {
    fn told(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Exchange => "exchange",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Queue => "queues",
            Self::Exchange => "exchanges",
        }
    }
}

/// UIDs of the migrations of other tenants.
struct Others(BTreeSet<String>);

impl Others {
    fn look(cluster: &Cluster) -> Result<Self> {
        if *cluster.tenant() == Tenant::Sole {
            // Alone, everything counts.
            return Ok(Self(BTreeSet::new()));
        }
        let all = get(cluster, &["statefulmigrations", "--all-namespaces"])?;
        let others = all["items"].as_array().into_iter().flatten().filter_map(|one| {
            let metadata = &one["metadata"];
            let other = metadata["namespace"] != cluster.namespace();
            metadata["uid"].as_str().filter(|_| other).map(str::to_owned)
        });
        Ok(Self(others.collect()))
    }

    /// Whether a name that contains a migration's UID is one of theirs.
    fn own(&self, name: &str) -> bool {
        self.0.iter().any(|uid| name.contains(uid.as_str()))
    }
}

/// Queues and exchanges of ours, but for the control queues of living pods.
fn at_the_broker(cluster: &Cluster) -> Result<Vec<(What, String)>> {
    let living = get(cluster, &["pods"])?;
    let controls: Vec<String> = items(&living)
        .filter_map(|pod| Some(format!("ms2m.control.{}", pod["metadata"]["name"].as_str()?)))
        .collect();
    let queues = broker_queues(cluster)?.into_iter();
    let queues = queues.filter(|queue| queue.starts_with("ms2m.") && !controls.contains(queue));
    let mut found: Vec<(What, String)> = queues.map(|queue| (What::Queue, queue)).collect();
    let path = format!("exchanges/{}?columns=name", cluster.tenant().virtual_host());
    let exchanges = names_of(&broker_api(cluster, "GET", &path)?)?.into_iter();
    found.extend(
        exchanges
            .filter(|exchange| exchange.starts_with("ms2m."))
            .map(|exchange| (What::Exchange, exchange)),
    );
    Ok(found)
}

fn in_kubernetes(cluster: &Cluster, others: &Others) -> Result<Vec<String>> {
    let pods = get(cluster, &["pods", "--all-namespaces", OF_A_MIGRATION])?;
    let rules = get(cluster, &["mutatingwebhookconfigurations", OF_A_MIGRATION])?;
    let leases = get(cluster, &["leases", "--namespace=shadow-system"])?;
    let ours = |object: &&Value| {
        let uid = object["metadata"]["labels"]["migration.ms2m.io/migration-uid"].as_str();
        !uid.is_some_and(|uid| others.own(uid))
    };
    let mut found: Vec<String> = items(&pods)
        .filter(ours)
        .map(|pod| format!("pod {}", pod["metadata"]["name"]))
        .collect();
    found.extend(
        items(&rules)
            .filter(ours)
            .map(|rule| format!("webhook configuration {}", rule["metadata"]["name"])),
    );
    for lease in items(&leases) {
        let name = lease["metadata"]["name"].as_str().unwrap_or_default();
        let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
        if (name.starts_with("pod-") || name.starts_with("queue-")) && !others.own(holder) {
            found.push(format!("Lease {name}"));
        }
    }
    Ok(found)
}

fn on_node(cluster: &Cluster, node: &str, others: &Others) -> Result<Vec<String>> {
    let mut list = cluster.run_on_node(node, "find")?;
    list.args(["/run/shadow/keys", "-mindepth", "1", "-maxdepth", "1"]);
    let mut mounts = cluster.run_on_node(node, "cat")?;
    mounts.arg("/proc/self/mountinfo");
    let keys = capture(list)?;
    let mounts = capture(mounts)?;
    let keys = keys
        .lines()
        .filter(|key| !others.own(key))
        .map(|key| format!("archive {key} on {node}"));
    let mounts = mounts
        .lines()
        .filter(|line| line.contains("/run/shadow/keys") && !others.own(line))
        .map(|mount| format!("mount {mount} on {node}"));
    Ok(keys.chain(mounts).collect())
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}
