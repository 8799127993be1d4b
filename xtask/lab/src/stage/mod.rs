//! What demo, end-to-end tests and benchmarks share: the product installed on the local cluster, the sample under
//! load with its oracle, and moves.

mod leftovers;
mod moves;
mod oracle;
mod processes;
mod product;
mod sample;
mod single;
pub mod three;
mod watch;

pub use leftovers::{clear, leftovers};
pub use moves::{Cancelled, Move, cancel, migrate, migrate_command, migrate_with, migration, span};
pub use oracle::{Load, Oracle, broken_promise, summary};
pub use processes::container_pid;
pub use product::Product;
pub use sample::{SOCKET, Sample, broker_api, broker_call, broker_queues, consumed_queue, queue_path};
pub use single::Single;
pub use watch::Watch;

use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::addons;
use crate::cluster::{Addons, Cluster, wait_for};
use crate::fed::fed;
use crate::images::binaries::Profile;

/// Runs a command and returns what it printed, or an error with everything it said.
pub fn capture(mut command: Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("run {:?}", command.get_program()))?;
    text(&command, &output)
}

fn text(command: &Command, output: &Output) -> Result<String> {
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(printed);
    }
    let arguments: Vec<_> = command.get_args().map(|a| a.to_string_lossy()).collect();
    bail!(
        "{} ended with {}: {printed}{}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    )
}

/// What kubectl prints as JSON.
pub fn get(cluster: &Cluster, arguments: &[&str]) -> Result<serde_json::Value> {
    let mut all = vec!["get", "--output=json"];
    all.extend_from_slice(arguments);
    serde_json::from_str(&capture(cluster.kubectl(all))?).context("kubectl printed no JSON")
}

/// How long an object may take to go; kubectl itself would wait for a week.
const GONE_WITHIN: &str = "--timeout=2m";
const GONE: Duration = Duration::from_secs(120);

/// Deletes one object of the default namespace and waits until it is gone.
pub fn delete(cluster: &Cluster, kind: &str, name: &str) -> Result<()> {
    let gone = ["--ignore-not-found", "--wait=true", GONE_WITHIN];
    let mut kubectl = cluster.kubectl(["delete", kind, name]);
    kubectl.args(gone);
    capture(kubectl).map(drop)
}

/// A cluster in which the sample runs, and the product, which is not installed yet. The sample starts beside what it needs,
/// as in a cluster that is in use when we are installed.
pub fn with_sample(profile: Profile) -> Result<(Cluster, Product)> {
    let cluster = Cluster::up(Addons::Started)?;
    let product = Product::build(&cluster, profile)?;
    Sample::start(&cluster, &[])?;
    addons::wait(&cluster)?;
    Sample::wait(&cluster)?;
    Ok((cluster, product))
}

/// Takes the workloads and pods with this label `app` away and waits until they are gone. Nobody needs the seconds for which
/// the sample goes on answering after SIGTERM. Says whether there were any.
pub fn delete_app(cluster: &Cluster, app: &str) -> Result<bool> {
    let selector = format!("--selector=app={app}");
    let owners = "deployments,replicasets,statefulsets";
    // Nothing is made anew for an owner that is on its way out, and it goes while the pods do.
    let mut orphaned = cluster.kubectl(["delete", owners, &selector, "--cascade=orphan"]);
    orphaned.args(["--ignore-not-found", "--wait=false"]);
    let orphaned = capture(orphaned)?;
    let mut deleted = orphaned.contains("deleted");
    // A controller that had not heard of it yet may have made one more.
    wait_for("the pods to go", GONE, || {
        let mut pods = cluster.kubectl(["delete", "pods", &selector, "--grace-period=1"]);
        pods.args(["--ignore-not-found", "--wait=true", GONE_WITHIN]);
        deleted |= capture(pods)?.contains("deleted");
        let left = get(cluster, &[&format!("pods,{owners}"), &selector])?;
        Ok(left["items"].as_array().is_some_and(Vec::is_empty).then_some(()))
    })?;
    Ok(deleted)
}

/// Server-side apply of one manifest, for the tenant that works in the cluster.
pub fn apply(cluster: &Cluster, manifest: &str) -> Result<()> {
    let mut kubectl = cluster.kubectl(["apply", "--server-side", "--filename", "-"]);
    let output = fed(&mut kubectl, &cluster.tenant().manifest(manifest))?;
    text(&kubectl, &output).map(drop)
}
