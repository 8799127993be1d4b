//! The product on the real cluster, an oracle watching. One file for each promise.

mod aftermath;
mod backends;
mod by_image;
mod bystanders;
mod cancel;
mod concurrency;
mod failures;
mod faults;
mod inexact;
mod kills;
mod leases;
mod live;
mod moments;
mod polling;
mod reference;
mod refusals;
mod removal;
mod round_trips;
mod situation;
pub mod tally;
mod watchdog;
mod workloads;

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use tally::Tally;
use watchdog::watched;
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::images::binaries::Profile;
use xtask_lab::stage::{self, Product};

/// What every test gets.
pub(crate) struct Bench {
    pub(crate) cluster: Cluster,
    pub(crate) product: Product,
}

type Test = fn(&Bench) -> Result<()>;

/// More than twice what the longest test needs.
const LONGEST: Duration = Duration::from_secs(600);

const TESTS: &[(&str, Test)] = &[
    ("ten moves at 100 msg/s are exact", round_trips::at_100_a_second),
    (
        "moves beyond what the consumer can serve are exact",
        round_trips::beyond_capacity,
    ),
    (
        "files open in the old pod are open in the new one",
        round_trips::with_open_files,
    ),
    (
        "a checkpoint through kubelet moves exactly",
        backends::through_kubelet,
    ),
    (
        "an archive through a registry moves exactly",
        backends::through_a_registry,
    ),
    (
        "a registry that asks for a password gets the one of the Secret",
        backends::with_a_password,
    ),
    (
        "a pod that nobody owns is restored by image, exactly, and never again",
        by_image::of_a_lone_pod,
    ),
    (
        "a pod of a Deployment is restored by image, exactly, and never again",
        by_image::of_a_deployment,
    ),
    (
        "a pod of a StatefulSet is restored by image, exactly, and never again",
        by_image::of_a_stateful_set,
    ),
    (
        "a pod that cannot be restored by image goes on",
        by_image::of_an_image_in_plain_http,
    ),
    ("a pod of a Deployment moves exactly", workloads::of_a_deployment),
    (
        "a pod that nobody owns moves exactly",
        workloads::that_nobody_owns,
    ),
    (
        "an application that knows nothing of migrations moves exactly",
        workloads::that_knows_nothing,
    ),
    ("a source that goes on during its move is exact", live::moves),
    (
        "a live move that is called off leads its source back",
        live::called_off,
    ),
    (
        "an application that looks for control messages only when idle moves exactly",
        polling::at_every_rate,
    ),
    ("a pod moves sequentially as asked", workloads::sequentially),
    ("a pod moves with its volume", workloads::with_its_volume),
    (
        "a pod of an ordered set moves alone",
        workloads::of_an_ordered_set,
    ),
    (
        "manifests of the reference system move exactly",
        reference::manifests,
    ),
    (
        "bad input is answered within 5 s and changes nothing",
        refusals::all,
    ),
    (
        "what cannot be dumped is refused before anything is touched",
        faults::undumpable::all,
    ),
    (
        "what is not exact takes a policy, and says so",
        inexact::with_a_policy,
    ),
    ("several pods move at once", concurrency::different_pods),
    ("of many moves of one pod one is made", concurrency::one_pod),
    (
        "who comes late leaves a pod to the holder of its Lease",
        leases::held_and_left,
    ),
    ("a cancelled move is undone or finishes", cancel::by_command),
    (
        "a move that is called off while it holds lets go at once",
        faults::called_off::while_held,
    ),
    ("a deleted move never stops its pod", cancel::by_deletion),
    (
        "a source that crashes is left to Kubernetes",
        failures::source_crashes,
    ),
    (
        "an agent that dies before the commit costs nothing",
        failures::agent_dies,
    ),
    (
        "a broker connection that is cut costs nothing",
        failures::broker_connection_is_cut,
    ),
    (
        "a broker that dies and comes back loses and reorders nothing",
        failures::broker_dies,
    ),
    (
        "a webhook that is away stops no other pod, and the move waits for it",
        faults::webhook::is_away,
    ),
    (
        "pods without a migration are never touched",
        bystanders::untouched,
    ),
    (
        "full disks and damaged archives cost nothing",
        faults::storage::all,
    ),
    ("a copy that cannot start costs nothing", faults::target::all),
    ("a node that falls silent costs nothing", faults::node::all),
    (
        "nodes that do not reach each other cost nothing",
        faults::cut_off::all,
    ),
    (
        "a broker that takes nothing, or loses the hold queue, costs nothing",
        faults::broker::all,
    ),
    (
        "a source whose owner changes is left to Kubernetes",
        faults::source::all,
    ),
    (
        "a Deployment that changes while its pod is moved has its way",
        faults::deployment::all,
    ),
    (
        "a controller killed at random moments loses nothing",
        kills::controller,
    ),
    (
        "a controller killed on any other route loses nothing",
        kills::other_routes,
    ),
    (
        "agents and helpers killed at random moments lose nothing",
        kills::on_nodes,
    ),
    (
        "nodes without a runtime handler restore by image",
        by_image::without_a_handler,
    ),
    // The last one: it takes the product away.
    ("uninstall leaves the nodes as they were", removal::uninstall),
];

/// Starts the cluster, installs the product and runs the tests.
pub fn run(tally: &mut Tally, only: Option<&str>) {
    let chosen: Vec<_> = TESTS
        .iter()
        .filter(|(name, _)| only.is_none_or(|part| name.contains(part)))
        .collect();
    let bench = match prepare() {
        Ok(bench) => bench,
        Err(error) => return tally.note("the cluster is up and the product installed", Err(error)),
    };
    tally.note("the cluster is up and the product installed", Ok(()));
    for (name, test) in chosen {
        let passed = tally.test(name, || {
            watched(LONGEST, || situation::told(&bench.cluster), || test(&bench))
        });
        if !passed && let Err(error) = aftermath::cleared(&bench.cluster) {
            println!(
                "     what the test left could not be cleared, others may fail because of it: {error:#}"
            );
        }
    }
}

fn prepare() -> Result<Bench> {
    let (cluster, product) = stage::with_sample(Profile::Verify)?;
    product.install(&cluster)?;
    Ok(Bench { cluster, product })
}

/// Within 60 s nothing of ours is left.
fn nothing_left(cluster: &Cluster) -> Result<()> {
    let gone = wait_for("everything of ours to go", Duration::from_secs(60), || {
        Ok(stage::leftovers(cluster)?.is_empty().then_some(()))
    });
    if gone.is_err() {
        anyhow::bail!(
            "left behind after 60 s: {}",
            stage::leftovers(cluster)?.join(", ")
        );
    }
    Ok(())
}

/// No message was lost, applied twice or reordered, and every request was answered in time.
fn kept_every_promise(report: &serde_json::Value) -> Result<()> {
    match stage::broken_promise(report) {
        None => Ok(()),
        Some(broken) => anyhow::bail!("{broken}\n{:#}", report["comparison"]),
    }
}

/// No message was lost, applied twice or reordered; requests may have failed, since something was killed.
fn exact_messages(report: &serde_json::Value) -> Result<()> {
    ensure!(
        report["exact"] == true,
        "not exact: {}\n{:#}",
        stage::summary(report),
        report["comparison"]
    );
    Ok(())
}

/// The end of a migration that was created without waiting for it.
fn ended(cluster: &Cluster, pod: &str, limit: Duration) -> Result<serde_json::Value> {
    wait_for("the migration to end", limit, || {
        let Ok(object) = stage::migration(cluster, pod) else {
            return Ok(None);
        };
        let phase = object["status"]["phase"].as_str().unwrap_or("");
        Ok(matches!(phase, "Completed" | "Failed" | "Cancelled").then_some(object))
    })
    .with_context(|| match stage::migration(cluster, pod) {
        Ok(object) => format!("status: {:#}", object["status"]),
        Err(error) => error.to_string(),
    })
}
