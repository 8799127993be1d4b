//! The sample consumer, deployed, and what must not be left of a move.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{apply, capture, get};
use crate::cluster::{Cluster, REGISTRY, SECURE_REGISTRY, step, wait_for};

const MANIFEST: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../examples/orders/deploy/orders.yaml"
);
const READY: Duration = Duration::from_secs(90);

/// The running sample.
pub struct Sample;

impl Sample {
    /// Applies the manifests, with these arguments for the consumer, and waits until both replicas consume.
    pub fn deploy(cluster: &Cluster, arguments: &[&str]) -> Result<()> {
        Self::start(cluster, arguments)?;
        Self::wait(cluster)
    }

    /// The same, its image fetched over HTTPS.
    pub fn deploy_over_https(cluster: &Cluster, arguments: &[&str]) -> Result<()> {
        Self::remove(cluster)?;
        let (plain, secure) = (
            format!("image: {REGISTRY}/"),
            format!("image: {SECURE_REGISTRY}/"),
        );
        apply(cluster, &replaced(&manifest(arguments)?, &plain, &secure)?)?;
        Self::wait(cluster)
    }

    /// The same, each replica with a volume of its own at `/data`.
    pub fn deploy_with_volume(cluster: &Cluster, arguments: &[&str]) -> Result<()> {
        Self::remove(cluster)?;
        apply(cluster, &with_volume(&manifest(arguments)?)?)?;
        Self::wait(cluster)
    }

    /// The same with a second container, to which the consumer is connected by a unix socket in a volume that they share.
    pub fn deploy_with_neighbour(cluster: &Cluster) -> Result<()> {
        Self::remove(cluster)?;
        apply(cluster, &with_neighbour(&manifest(&["--talk-to", SOCKET])?)?)?;
        capture(cluster.kubectl([
            "annotate",
            "statefulset/orders",
            "migration.ms2m.io/container=orders",
        ]))?;
        Self::wait(cluster)
    }

    /// The same as another user than root.
    pub fn deploy_as(cluster: &Cluster, user: u32) -> Result<()> {
        Self::remove(cluster)?;
        let as_user = format!("runAsUser: {user}, runAsGroup: {user}");
        let manifest = replaced(&manifest(&[])?, "runAsUser: 0, runAsGroup: 0", &as_user)?;
        apply(cluster, &manifest)?;
        Self::wait(cluster)
    }

    /// The same with so many replicas, started at once.
    pub fn deploy_replicas(cluster: &Cluster, replicas: u32) -> Result<()> {
        Self::remove(cluster)?;
        let manifest = replaced(&manifest(&[])?, "replicas: 2", &format!("replicas: {replicas}"))?;
        apply(cluster, &manifest)?;
        Self::wait(cluster)
    }

    /// The same with so many replicas, started one after the other.
    pub fn deploy_ordered(cluster: &Cluster, replicas: u32) -> Result<()> {
        Self::remove(cluster)?;
        let ordered = replaced(
            &manifest(&[])?,
            "podManagementPolicy: Parallel",
            "podManagementPolicy: OrderedReady",
        )?;
        apply(
            cluster,
            &replaced(&ordered, "replicas: 2", &format!("replicas: {replicas}"))?,
        )?;
        Self::wait(cluster)
    }

    /// Takes the replicas, their claims and the volumes away.
    pub fn remove_volumes(cluster: &Cluster) -> Result<()> {
        Self::remove(cluster)?;
        for kind in ["persistentvolumeclaim", "persistentvolume"] {
            for pod in ["orders-0", "orders-1"] {
                super::delete(cluster, kind, &format!("data-{pod}"))?;
            }
        }
        Ok(())
    }

    /// Applies the manifests. A new incarnation each time, so that no run builds on the state of another.
    pub fn start(cluster: &Cluster, arguments: &[&str]) -> Result<()> {
        Self::remove(cluster)?;
        apply(cluster, &manifest(arguments)?)
    }

    /// Takes the replicas away, and their control queues: they are the application's own, which does not take them along.
    pub fn remove(cluster: &Cluster) -> Result<()> {
        // A new cluster's broker may not answer yet.
        if !super::delete_app(cluster, "orders")? {
            return Ok(());
        }
        for queue in broker_queues(cluster)? {
            if queue.starts_with("ms2m.control.orders-") {
                broker_api(cluster, "DELETE", &queue_path(cluster, &queue))?;
            }
        }
        Ok(())
    }

    /// Waits until both replicas consume.
    pub fn wait(cluster: &Cluster) -> Result<()> {
        let starting = step("sample");
        capture(cluster.kubectl(["rollout", "status", "statefulset/orders", "--timeout=120s"]))?;
        wait_for("both replicas to consume their queues", READY, || {
            Ok((consumes(cluster, "orders-0")? && consumes(cluster, "orders-1")?).then_some(()))
        })?;
        starting.done(format!(
            "orders-0 on {}, orders-1 on {}",
            Self::node(cluster, "orders-0")?,
            Self::node(cluster, "orders-1")?
        ));
        Ok(())
    }

    /// Node of a pod.
    pub fn node(cluster: &Cluster, pod: &str) -> Result<String> {
        let pod = get(cluster, &["pod", pod])?;
        pod["spec"]["nodeName"]
            .as_str()
            .map(str::to_owned)
            .context("the pod has no node")
    }

    /// The node that the pod is not on.
    pub fn other_node(cluster: &Cluster, pod: &str) -> Result<&'static str> {
        let node = Self::node(cluster, pod)?;
        Cluster::node_names()
            .into_iter()
            .find(|n| *n != node)
            .context("there is no other node")
    }

    /// UID and restarts of a pod: what must not change of a replica that is not moved.
    pub fn incarnation(cluster: &Cluster, pod: &str) -> Result<(String, i64)> {
        let pod = get(cluster, &["pod", pod])?;
        let uid = pod["metadata"]["uid"]
            .as_str()
            .context("the pod has no UID")?
            .to_owned();
        Ok((
            uid,
            pod["status"]["containerStatuses"][0]["restartCount"]
                .as_i64()
                .unwrap_or(0),
        ))
    }

    /// The pod is what its StatefulSet would have made: owned by it, from the ordinary image. A pod that was moved names that
    /// image by its digest.
    pub fn check_own_spec(cluster: &Cluster, pod: &str) -> Result<()> {
        let set = get(cluster, &["statefulset", "orders"])?;
        let pod = get(cluster, &["pod", pod])?;
        ensure!(
            pod["metadata"]["ownerReferences"][0]["uid"] == set["metadata"]["uid"],
            "the pod is not owned by the StatefulSet"
        );
        let image = |object: &serde_json::Value| {
            let named = object["spec"]["containers"][0]["image"].as_str();
            named.map(str::to_owned).context("a container names no image")
        };
        let (runs, template) = (image(&pod)?, image(&set["spec"]["template"])?);
        ensure!(
            is_the_same_image(&runs, &template),
            "the pod runs image {runs} instead of {template}, which its template names"
        );
        Ok(())
    }
}

/// By the same name, or the same repository by digest.
fn is_the_same_image(runs: &str, template: &str) -> bool {
    let repository = |image: &str| {
        let (name, _tag) = image.rsplit_once(':').unwrap_or((image, ""));
        name.trim_end_matches("@sha256").to_owned()
    };
    let pinned = runs.contains("@sha256:");
    runs == template || pinned && repository(runs) == repository(template)
}

/// The sample's manifests with arguments for the consumer.
fn manifest(arguments: &[&str]) -> Result<String> {
    let text = fs::read_to_string(MANIFEST).with_context(|| format!("read {MANIFEST}"))?;
    with_arguments(&text, arguments)
}

/// A sample's manifest with arguments for its consumer, and room for the ballast that they ask for.
pub(super) fn with_arguments(text: &str, arguments: &[&str]) -> Result<String> {
    let line = text
        .lines()
        .find(|line| line.contains("image: ") && line.contains("/samples/"))
        .context("the sample's manifest names no image")?;
    let indent = &line[..line.len() - line.trim_start().len()];
    let with_arguments = format!("{line}\n{indent}args: {}", serde_json::json!(arguments));
    let text = text.replace(line, &with_arguments);
    match ballast(arguments)? {
        0 => Ok(text),
        megabytes => replaced(
            &text,
            &format!("limits: {{memory: {LIMIT_MB}Mi}}"),
            &format!("limits: {{memory: {}Mi}}", LIMIT_MB + megabytes),
        ),
    }
}

/// Memory limit of the samples' manifests.
const LIMIT_MB: u32 = 256;

fn ballast(arguments: &[&str]) -> Result<u32> {
    let mut rest = arguments
        .iter()
        .skip_while(|argument| **argument != "--ballast-mb");
    let megabytes = rest.nth(1).map(|megabytes| megabytes.parse());
    Ok(megabytes
        .transpose()
        .context("--ballast-mb is no number")?
        .unwrap_or(0))
}

/// A claim for each replica, made from a template as usual. The StatefulSet is the last of the manifests.
fn with_volume(manifest: &str) -> Result<String> {
    let mounted = replaced(
        manifest,
        "          readinessProbe:",
        "          volumeMounts:\n            - {name: data, mountPath: /data}\n          readinessProbe:",
    )?;
    Ok(format!(
        "{}\n  volumeClaimTemplates:\n    - metadata: {{name: data}}\n      spec:\n        accessModes: [ReadWriteOnce]\n        \
         storageClassName: \"\"\n        resources: {{requests: {{storage: 1Gi}}}}\n",
        mounted.trim_end()
    ))
}

/// Where the consumer and its neighbour meet.
pub const SOCKET: &str = "/shared/app.sock";

/// The StatefulSet is the last of the manifests, and its one container the last of it.
fn with_neighbour(manifest: &str) -> Result<String> {
    let mounted = replaced(
        manifest,
        "          readinessProbe:",
        "          volumeMounts:\n            - {name: shared, mountPath: /shared}\n          readinessProbe:",
    )?;
    let image = mounted
        .lines()
        .find(|line| line.contains("image: ") && line.contains("/samples/"))
        .context("the sample's manifest names no image")?;
    Ok(format!(
        "{}\n        - name: neighbour\n{image}\n          args: [\"--be-talked-to\", \"{SOCKET}\"]\n          env:\n            - \
         {{name: ORDERS_AMQP_URI, value: \"amqp://nowhere\"}}\n          volumeMounts:\n            - {{name: shared, mountPath: \
         /shared}}\n      volumes:\n        - {{name: shared, emptyDir: {{}}}}\n",
        mounted.trim_end()
    ))
}

pub(super) fn replaced(text: &str, from: &str, to: &str) -> Result<String> {
    ensure!(text.contains(from), "the sample's manifest does not say {from:?}");
    Ok(text.replace(from, to))
}

/// Whether the consumer behind a Service says that it consumes the queue of the same name.
pub(super) fn consumes(cluster: &Cluster, stream: &str) -> Result<bool> {
    Ok(consumed_queue(cluster, stream)? == Some(format!("orders.{stream}")))
}

/// The queue that the consumer behind a Service says it consumes. The broker's own count may be five seconds old.
pub fn consumed_queue(cluster: &Cluster, stream: &str) -> Result<Option<String>> {
    let service = get(cluster, &["service", stream])?;
    let address = service["spec"]["clusterIP"]
        .as_str()
        .context("the Service has no address")?;
    let mut curl = cluster.run_on_node(Cluster::node_names()[0], "curl")?;
    curl.args(["--silent", "--fail", "--max-time", "5"]);
    curl.arg(format!("http://{address}:8080/state?brief"));
    // Its Service may not know it yet.
    let Ok(printed) = capture(curl) else {
        return Ok(None);
    };
    let state: serde_json::Value = serde_json::from_str(&printed).context("the sample printed no JSON")?;
    Ok(state["queue"].as_str().map(str::to_owned))
}

/// Names of all queues of the tenant.
pub fn broker_queues(cluster: &Cluster) -> Result<Vec<String>> {
    let path = format!("queues/{}?columns=name", cluster.tenant().virtual_host());
    names_of(&broker_api(cluster, "GET", &path)?)
}

/// Path of a queue of the tenant in the broker's management API.
pub fn queue_path(cluster: &Cluster, queue: &str) -> String {
    format!("queues/{}/{queue}", cluster.tenant().virtual_host())
}

pub(super) fn names_of(printed: &str) -> Result<Vec<String>> {
    let rows: Vec<serde_json::Value> = serde_json::from_str(printed).context("the broker printed no JSON")?;
    let name = |row: &serde_json::Value| Some(row["name"].as_str()?.to_owned());
    Ok(rows.iter().filter_map(name).collect())
}

/// A call of the broker's management API, made on a node, where Services can be reached.
pub fn broker_api(cluster: &Cluster, method: &str, path: &str) -> Result<String> {
    capture(broker_curl(cluster, method, path)?)
}

/// The same with a body.
pub fn broker_call(cluster: &Cluster, method: &str, path: &str, body: &serde_json::Value) -> Result<String> {
    let mut curl = broker_curl(cluster, method, path)?;
    curl.args(["--header", "content-type: application/json", "--data"]);
    curl.arg(body.to_string());
    capture(curl)
}

fn broker_curl(cluster: &Cluster, method: &str, path: &str) -> Result<Command> {
    let service = get(cluster, &["service", "--namespace=rabbitmq", "rabbitmq"])?;
    let address = service["spec"]["clusterIP"]
        .as_str()
        .context("the broker has no address")?;
    let mut curl = cluster.run_on_node(Cluster::node_names()[0], "curl")?;
    curl.args([
        "--silent",
        "--show-error",
        "--fail",
        "--max-time",
        "10",
        "--user",
        "shadow:shadow",
        "--request",
        method,
    ]);
    curl.arg(format!("http://{address}:15672/api/{path}"));
    Ok(curl)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_by_digest_is_the_one_of_its_repository() {
        let template = "10.100.0.1:5000/samples/orders:dev";
        assert!(is_the_same_image(template, template));
        assert!(is_the_same_image(
            "10.100.0.1:5000/samples/orders@sha256:12",
            template
        ));
        assert!(!is_the_same_image(
            "10.100.0.1:5000/checkpoints/orders@sha256:12",
            template
        ));
        assert!(!is_the_same_image("10.100.0.1:5000/samples/orders:old", template));
    }

    #[test]
    fn the_memory_limit_leaves_room_for_the_ballast() {
        let text = manifest(&["--ballast-mb", "500"]).unwrap();
        assert!(text.contains("limits: {memory: 756Mi}"), "{text}");
        assert!(text.contains(r#"args: ["--ballast-mb","500"]"#), "{text}");
        assert!(
            manifest(&["--ballast-mb", "0"])
                .unwrap()
                .contains("{memory: 256Mi}")
        );
        assert!(manifest(&["--ballast-mb", "many"]).is_err());
    }
}
