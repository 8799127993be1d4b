//! Drains of a node with consumers of each kind, in a namespace whose evictions become moves: by `kubectl drain`, and by our own command.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::drains::{self, NODE, OTHER, Uncordoned, drained, migrations, rows};
use super::evictions::OptedIn;
use super::{Bench, exact_messages, nothing_left};
use xtask_lab::cluster::Cluster;
use xtask_lab::stage::{self, Load, Oracle, Sample, capture, get};

const LOAD: Load = Load::of(40);
/// Pods of the test; a drain of all others would take the webhook away.
const SELECTOR: &str = "--pod-selector=app in (orders,single,lone,plain,web,report)";
/// Streams whose every message is known.
const WATCHED: [&str; 3] = ["orders-0", "lone", "plain-0"];
const EVACUATION: &str = "migration.ms2m.io/evacuation";

/// Five consumers of four kinds, two of them under a budget of one, a Job's pod that names a queue, and an ordinary pod.
pub(super) fn by_kubectl(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let uncordoned = Uncordoned(cluster, NODE);
    let (consumers, opted_in) = deployed(bench)?;
    stage::apply(cluster, &budget().to_string())?;
    let oracles = watched(bench)?;
    let said = capture(cluster.kubectl([
        "drain",
        NODE,
        "--ignore-daemonsets",
        "--delete-emptydir-data",
        "--force",
        SELECTOR,
        "--timeout=240s",
    ]));
    println!(
        "     {}",
        said.context("kubectl drain")?.trim().replace('\n', "; ")
    );
    let copies = consumers
        .iter()
        .map(|pod| moved_once(cluster, pod, true))
        .collect::<Result<Vec<_>>>()?;
    left(cluster)?;
    let of_job = migrations(cluster)?.into_iter().find(|one| {
        let source = one["spec"]["sourcePod"].as_str().unwrap_or_default();
        source.starts_with("report")
    });
    ensure!(of_job.is_none(), "a Job's pod was moved: {of_job:?}");
    drop(uncordoned);
    finished(oracles)?;
    for (pod, uid) in copies {
        let now = Sample::incarnation(cluster, &pod)?;
        ensure!(now == (uid, 0), "{pod} was touched after it arrived: {now:?}");
    }
    stage::delete(cluster, "poddisruptionbudget", "orders")?;
    opted_in.ended()?;
    drains::removed(cluster)?;
    nothing_left(cluster)
}

/// The same pods by `kubectl shadow drain`, the rest evicted: our own moves and evictions pass our own webhook.
pub(super) fn by_our_own(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let _uncordoned = Uncordoned(cluster, NODE);
    let (consumers, opted_in) = deployed(bench)?;
    let oracles = watched(bench)?;
    let (output, said) = drained(bench, &["--evict-rest", SELECTOR])?;
    println!("     {}", drains::outcomes(&said)?);
    ensure!(
        output.status.code() == Some(2),
        "only the Job's pod stays: {said}"
    );
    for row in rows(&said)? {
        let pod = row["pod"].as_str().unwrap_or_default();
        let wanted = match pod.split('-').next() {
            Some("report") => "REFUSED",
            Some("web") => "GONE",
            Some(_) | None => "EXACT",
        };
        ensure!(row["state"] == wanted, "{pod} is not {wanted}: {row}");
    }
    for pod in &consumers {
        moved_once(cluster, pod, false)?;
    }
    let marks = get(cluster, &["evacuations"])?;
    ensure!(
        marks["items"] == json!([]),
        "our own drain left marks of evictions: {}",
        marks["items"]
    );
    finished(oracles)?;
    opted_in.ended()?;
    drains::removed(cluster)?;
    nothing_left(cluster)
}

/// All pods on one node, in a namespace in which each consumer's eviction becomes a move; the names of the consumers.
fn deployed(bench: &Bench) -> Result<(Vec<String>, OptedIn<'_>)> {
    let cluster = &bench.cluster;
    let consumers = drains::deployed(bench)?;
    // Its budget allows no eviction at all: another scenario is about that.
    stage::delete(cluster, "poddisruptionbudget", "web")?;
    let opted_in = OptedIn::namespace(cluster, &json!({}))?;
    Ok((consumers, opted_in))
}

/// Of the two replicas one may leave at a time.
fn budget() -> Value {
    json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "orders"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "orders"}}}})
}

fn watched(bench: &Bench) -> Result<Vec<Oracle>> {
    let oracles = WATCHED
        .iter()
        .map(|stream| Oracle::start(&bench.cluster, &bench.product, stream, LOAD))
        .collect::<Result<Vec<_>>>()?;
    for oracle in &oracles {
        oracle.run_for(std::time::Duration::from_secs(2));
    }
    Ok(oracles)
}

fn finished(oracles: Vec<Oracle>) -> Result<()> {
    for oracle in oracles {
        let report = oracle.finish()?;
        println!("     {}", stage::summary(&report));
        exact_messages(&report)?;
    }
    Ok(())
}

/// One migration of this pod, whether an eviction caused it, and its copy runs on the other node; name and UID of the copy.
fn moved_once(cluster: &Cluster, pod: &str, by_eviction: bool) -> Result<(String, String)> {
    let all = migrations(cluster)?;
    let its: Vec<&Value> = all
        .iter()
        .filter(|one| one["spec"]["sourcePod"] == *pod && one["spec"]["planOnly"] != true)
        .collect();
    let [migration] = its.as_slice() else {
        anyhow::bail!("{pod} was moved {} times: {its:#?}", its.len());
    };
    let status = &migration["status"];
    ensure!(status["phase"] == "Completed", "{pod}: {status:#}");
    let marked = migration["metadata"]["annotations"][EVACUATION].is_string();
    ensure!(
        marked == by_eviction,
        "{pod}: caused by an eviction: {marked}: {}",
        migration["metadata"]
    );
    let to = status["legs"]
        .as_array()
        .and_then(|legs| Some(&legs.last()?["to"]));
    let word = |field: &str| to.and_then(|to| Some(to[field].as_str()?.to_owned()));
    let copy = word("pod").zip(word("uid"));
    let (name, uid) = copy.with_context(|| format!("{pod} has no copy: {status:#}"))?;
    ensure!(Sample::node(cluster, &name)? == OTHER, "{name} is not on {OTHER}");
    let now = Sample::incarnation(cluster, &name)?;
    ensure!(now == (uid.clone(), 0), "{name} is not the copy {uid}: {now:?}");
    Ok((name, uid))
}

/// No pod of the test is left on the drained node.
fn left(cluster: &Cluster) -> Result<()> {
    let on_it = format!("--field-selector=spec.nodeName={NODE},status.phase=Running");
    let pods = get(cluster, &["pods", &on_it])?;
    let pods = pods["items"].as_array().cloned().unwrap_or_default();
    let names: Vec<&Value> = pods.iter().map(|pod| &pod["metadata"]["name"]).collect();
    ensure!(names.is_empty(), "left on {NODE}: {names:?}");
    Ok(())
}
