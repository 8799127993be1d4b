//! Restores by the container runtime itself, from a checkpoint image: exact like any other move, with files open that the
//! new pod has with another content, and nobody is ever set back to the image.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::round_trips::POD_FILES_OPEN;
use super::{Bench, ended, exact_messages, nothing_left};
use xtask_lab::cluster::{CHECKPOINTS, Cluster, wait_for};
use xtask_lab::stage::{self, Load, Oracle, Sample, Single, capture, get};

const LOAD: Load = Load::of(100);
const WARM_UP: Duration = Duration::from_secs(3);
const SOON: Duration = Duration::from_secs(60);
const SET_POD: &str = "orders-0";

/// Nobody starts another when it ends. Moved once more in the ordinary way, it has its own fields again.
pub(super) fn of_a_lone_pod(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let single = Single::Pod;
    single.deploy_over_https(cluster, &POD_FILES_OPEN)?;
    let first = single.pod(cluster)?;
    let own = own_fields(cluster, &first)?;
    let status = get(cluster, &["pod", &first])?["status"].clone();
    let ran = status["containerStatuses"][0]["imageID"].clone();
    let copy = moved(bench, single)?;

    let target = Sample::other_node(cluster, &copy)?;
    let back = stage::migrate_with(cluster, &bench.product, &copy, target, &[])?;
    ensure!(back.phase() == "Completed", "the move back ended {}", back.why());
    let healed = single.pod(cluster)?;
    let own = pinned(own, &ran)?;
    ensure!(
        own_fields(cluster, &healed)? == own,
        "after an ordinary move the pod has {} instead of {own}",
        own_fields(cluster, &healed)?
    );

    single.deploy_over_https(cluster, &POD_FILES_OPEN)?;
    let copy = moved(bench, single)?;
    crash(cluster, &copy)?;
    wait_for("the pod to have ended", SOON, || {
        let phase = get(cluster, &["pod", &copy])?["status"]["phase"].clone();
        Ok((phase == "Failed").then_some(()))
    })?;
    ensure!(restarts(cluster, &copy)? == 0, "the container was started again");
    single.remove(cluster)
}

/// Its ReplicaSet starts another from the template when it ends.
pub(super) fn of_a_deployment(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let single = Single::Deployment;
    single.deploy_over_https(cluster, &POD_FILES_OPEN)?;
    let own = own_fields(cluster, &single.pod(cluster)?)?;
    let copy = moved(bench, single)?;
    crash(cluster, &copy)?;
    let next = wait_for("its ReplicaSet to start another", SOON, || {
        let pods = get(cluster, &["pods", &format!("--selector=app={}", single.name())])?;
        let mut all = pods["items"].as_array().cloned().unwrap_or_default().into_iter();
        Ok(all.find(|pod| pod["status"]["phase"] == "Running" && pod["metadata"]["name"] != copy.as_str()))
    })?;
    let name = next["metadata"]["name"].as_str().context("it has no name")?;
    ensure!(
        own_fields(cluster, name)? == own,
        "it is not made from the template: {}",
        own_fields(cluster, name)?
    );
    single.remove(cluster)
}

/// It is restored twice: as its stand-in, and under its own name. Its StatefulSet starts another from the template when it
/// ends. Moved again before that, its image below is still known.
pub(super) fn of_a_stateful_set(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy_over_https(cluster, &POD_FILES_OPEN)?;
    let own = own_fields(cluster, SET_POD)?;
    let bystander = Sample::incarnation(cluster, "orders-1")?;
    for _ in 0..2 {
        let repository = cluster.repository(CHECKPOINTS);
        let arguments = ["--by-image", "--checkpoint-repository", &repository];
        let moved = by_command(bench, SET_POD, SET_POD, &arguments)?;
        let legs = moved.object["status"]["legs"].as_array().map_or(0, Vec::len);
        ensure!(legs == 2, "it took {legs} handoffs");
        restored_by_image(cluster, SET_POD)?;
    }
    let (before, _) = Sample::incarnation(cluster, SET_POD)?;
    crash(cluster, SET_POD)?;
    wait_for("its StatefulSet to start another", SOON, || {
        let pod = get(
            cluster,
            &["pods", "--selector=statefulset.kubernetes.io/pod-name=orders-0"],
        )?;
        let pod = &pod["items"][0];
        let another = pod["metadata"]["uid"] != before.as_str() && pod["status"]["phase"] == "Running";
        Ok(another.then_some(()))
    })?;
    ensure!(
        own_fields(cluster, SET_POD)? == own,
        "it is not made from the template: {}",
        own_fields(cluster, SET_POD)?
    );
    ensure!(
        Sample::incarnation(cluster, "orders-1")? == bystander,
        "orders-1 was restarted or replaced"
    );
    Sample::remove(cluster)
}

/// Nodes without the runtime handler: the way is chosen by what they can do, and what cannot be done is said.
pub(super) fn without_a_handler(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::remove(cluster)?;
    let single = Single::Deployment;
    single.remove(cluster)?;
    bench.product.install_with(cluster, &["--no-runtime-handler"])?;
    let outcome = known(cluster, false).and_then(|()| chosen_by_the_nodes(bench, single));
    single.remove(cluster)?;
    bench.product.install(cluster)?;
    known(cluster, true)?;
    outcome
}

/// The agents were replaced, and the nodes say so.
fn known(cluster: &Cluster, handler: bool) -> Result<()> {
    wait_for("the nodes to say whether they have a handler", SOON, || {
        let nodes = get(cluster, &["nodes", "--selector=migration.ms2m.io/ready=true"])?;
        let says_so = |node: &Value| {
            let facts = node["metadata"]["annotations"]["migration.ms2m.io/node-facts"].as_str()?;
            let facts: Value = serde_json::from_str(facts).ok()?;
            Some(facts["handler"] == handler)
        };
        let nodes = nodes["items"].as_array().cloned().unwrap_or_default();
        let all = nodes.len() == Cluster::node_names().len();
        Ok((all && nodes.iter().all(|node| says_so(node) == Some(true))).then_some(()))
    })
}

fn chosen_by_the_nodes(bench: &Bench, single: Single) -> Result<()> {
    let cluster = &bench.cluster;
    for node in Cluster::node_names() {
        let mut list = cluster.run_on_node(node, "find")?;
        list.args(["/etc/containerd", "-name", "*shadow*"]);
        let found = capture(list)?;
        ensure!(found.is_empty(), "{node} has a runtime handler: {found}");
    }
    single.deploy_over_https(cluster, &POD_FILES_OPEN)?;
    let source = single.pod(cluster)?;
    let target = Sample::other_node(cluster, &source)?;
    let refused = stage::migrate_with(cluster, &bench.product, &source, target, &[])?;
    ensure!(
        refused.code != 0 && refused.said.contains("spec.checkpointImageRepository"),
        "without a repository it was answered: {}",
        refused.said
    );
    let moved = by_command(
        bench,
        &source,
        single.stream(),
        &["--checkpoint-repository", &cluster.repository(CHECKPOINTS)],
    )?;
    let plan = &moved.object["status"]["plan"];
    let because = plan["because"].as_str().unwrap_or_default();
    ensure!(
        plan["restore"] == "Image" && because.contains("no runtime handler"),
        "the plan is {plan:#}"
    );
    restored_by_image(cluster, &single.pod(cluster)?)
}

/// containerd 2.1 fetches the image below the checkpoint by HTTPS, whatever its settings say: it cannot be restored, and
/// the source goes on.
pub(super) fn of_an_image_in_plain_http(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let single = Single::Pod;
    single.deploy(cluster)?;
    let source = single.pod(cluster)?;
    let before = Sample::incarnation(cluster, &source)?;
    let oracle = Oracle::start(cluster, &bench.product, single.stream(), LOAD)?;
    oracle.run_for(WARM_UP);
    let object = attempted(cluster, &source)?;
    let rollback = &object["status"]["rollback"];
    let message = rollback["message"].as_str().unwrap_or_default();
    ensure!(
        object["status"]["phase"] == "Failed" && message.contains("failed to pull checkpoint base image"),
        "it ended {:#}",
        object["status"]
    );
    println!("     {}: {message}", rollback["reason"]);
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    ensure!(
        Sample::incarnation(cluster, &source)? == before,
        "the source was restarted or replaced"
    );
    nothing_left(cluster)?;
    single.remove(cluster)
}

/// Moves the pod by image under load; the copy's name. It names the image, which is not there any more.
fn moved(bench: &Bench, single: Single) -> Result<String> {
    let cluster = &bench.cluster;
    let source = single.pod(cluster)?;
    let oracle = Oracle::start(cluster, &bench.product, single.stream(), LOAD)?;
    oracle.run_for(WARM_UP);
    let object = attempted(cluster, &source)?;
    let status = &object["status"];
    ensure!(status["phase"] == "Completed", "it ended {status:#}");
    let leg = &status["legs"][0];
    println!(
        "     {source} to {} by image: pause {}, restored after {} ms",
        leg["to"]["pod"],
        status["pause"].as_str().unwrap_or("?"),
        leg["restoreMicros"].as_i64().unwrap_or(0) / 1_000
    );
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    nothing_left(cluster)?;
    let copy = single.pod(cluster)?;
    restored_by_image(cluster, &copy)?;
    Ok(copy)
}

/// Moves a pod under load, as a user would; the messages of `stream` are exact.
fn by_command(bench: &Bench, pod: &str, stream: &str, arguments: &[&str]) -> Result<stage::Move> {
    let cluster = &bench.cluster;
    let oracle = Oracle::start(cluster, &bench.product, stream, LOAD)?;
    oracle.run_for(WARM_UP);
    let target = Sample::other_node(cluster, pod)?;
    let moved = stage::migrate_with(cluster, &bench.product, pod, target, arguments)?;
    ensure!(moved.phase() == "Completed", "it ended {}", moved.why());
    println!(
        "     {pod} to {target} by image: pause {}",
        moved.object["status"]["pause"].as_str().unwrap_or("?")
    );
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    nothing_left(cluster)?;
    Ok(moved)
}

/// The pod names its checkpoint image, which is not there any more, and never restarts.
fn restored_by_image(cluster: &Cluster, copy: &str) -> Result<()> {
    let fields = own_fields(cluster, copy)?;
    let image = fields["image"].as_str().unwrap_or_default();
    ensure!(
        image.starts_with(&format!("{}@sha256:", cluster.repository(CHECKPOINTS)))
            && fields["restartPolicy"] == "Never",
        "the copy was not restored by image: {fields}"
    );
    gone(cluster, image)?;
    ensure!(restarts(cluster, copy)? == 0, "the copy was restarted");
    Ok(())
}

/// Asks for a move by image and waits for its end, whatever it is.
fn attempted(cluster: &Cluster, source: &str) -> Result<Value> {
    let name = format!("{source}-by-image");
    let manifest = json!({
        "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
        "metadata": {"name": name},
        "spec": {"sourcePod": source, "targetNode": Sample::other_node(cluster, source)?, "restoreBackend": "Image",
                 "checkpointImageRepository": cluster.repository(CHECKPOINTS)},
    });
    stage::apply(cluster, &manifest.to_string()).context("create the StatefulMigration")?;
    let object = ended(cluster, source, SOON)?;
    stage::delete(cluster, "statefulmigration", &name)?;
    Ok(object)
}

/// Nobody can pull it any more.
fn gone(cluster: &Cluster, image: &str) -> Result<()> {
    let (repository, digest) = image.split_once('@').context("no digest")?;
    let (host, path) = repository.split_once('/').context("no host")?;
    let mut curl = cluster.run_on_node(Cluster::node_names()[0], "curl")?;
    curl.args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]);
    curl.args(["--header", "Accept: application/vnd.oci.image.manifest.v1+json"]);
    curl.arg(format!("http://{host}/v2/{path}/manifests/{digest}"));
    let code = capture(curl)?;
    ensure!(code == "404", "the registry answers {code} to a pull of {image}");
    Ok(())
}

fn crash(cluster: &Cluster, pod: &str) -> Result<()> {
    let pid = stage::container_pid(cluster, cluster.namespace(), pod, "orders")?;
    kill(Pid::from_raw(pid), Signal::SIGKILL).context("kill the moved process")
}

fn restarts(cluster: &Cluster, pod: &str) -> Result<i64> {
    Sample::incarnation(cluster, pod).map(|(_, restarts)| restarts)
}

/// The same with its image by the digest that it ran from: the one difference that a move makes.
fn pinned(mut own: Value, ran: &Value) -> Result<Value> {
    let (_, digest) = ran
        .as_str()
        .and_then(|image| image.split_once('@'))
        .context("the pod's image has no digest")?;
    let named = own["image"].as_str().context("the pod names no image")?;
    let (name, _tag) = named.rsplit_once(':').context("the image has no tag")?;
    own["image"] = format!("{name}@{digest}").into();
    Ok(own)
}

/// What a restore by image takes from a pod's template.
fn own_fields(cluster: &Cluster, pod: &str) -> Result<Value> {
    let pod = get(cluster, &["pod", pod])?;
    let container = &pod["spec"]["containers"][0];
    Ok(json!({
        "image": container["image"], "imagePullPolicy": container["imagePullPolicy"],
        "restartPolicy": pod["spec"]["restartPolicy"], "imagePullSecrets": pod["spec"]["imagePullSecrets"],
    }))
}
