//! What one user sends must not stop the moves of others: all of it against one controller, which moves a pod meanwhile.
//!
//! Each kind was seen to end the controller or the webhook before it was mended; most have a test of their own at the parts
//! (`controller/tests/hostile`, `webhook/tests/admission/hostile.rs`).

mod stub;
#[path = "../../../../controller/tests/hostile/words.rs"]
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use self::stub::Lie;
use super::{Bench, kept_every_promise, nothing_left};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::stage::{self, Load, Oracle, Sample, capture, get};

/// Of the user that sends all this; each can be moved once at a time.
const PODS: u32 = 20;
/// Rounds in which each pod is to be moved with a broker address of its own: a hundred addresses.
const ROUNDS: u32 = 5;
const APP: &str = "sender";
/// It exists, so that the management API is asked for it.
const QUEUE: &str = "orders.orders-1";
/// Of one review.
const REVIEW: usize = 2_800_000;
/// A hundred refusals, beside a move.
const END: Duration = Duration::from_secs(120);
/// Resident memory that each part may reach; the controller's limit is twice that.
const MOST: u64 = 64 << 20;

pub(super) fn all(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    Sample::deploy(cluster, &[])?;
    let pods = senders(cluster)?;
    let before = restarts(cluster)?;
    let oracle = Oracle::start(cluster, &bench.product, "orders-0", Load::of(40))?;
    oracle.run_for(Duration::from_secs(2));

    let honest = super::concurrency::started(bench, "orders-0")?;
    lies(bench, &pods)?;
    for round in 0..ROUNDS {
        addresses(cluster, &pods, round)?;
    }
    long_texts(cluster, &pods[0])?;
    large_reviews(cluster)?;

    let output = honest.wait_with_output().context("wait for kubectl-shadow")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "the move of orders-0 failed: {said}");
    let target = Sample::other_node(cluster, "orders-0")?;
    let moved = stage::migrate(cluster, &bench.product, "orders-0", target)?;
    ensure!(
        moved.phase() == "Completed",
        "the move after all this ended {}",
        moved.why()
    );
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    kept_every_promise(&report)?;
    little_memory(cluster)?;
    let after = restarts(cluster)?;
    ensure!(before == after, "restarts before {before:?}, after {after:?}");
    println!("     no restart of {} pods", after.len());
    stage::delete_app(cluster, APP)?;
    nothing_left(cluster)
}

/// Pods that do nothing and say of which stream they are.
fn senders(cluster: &Cluster) -> Result<Vec<String>> {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": APP, "labels": {"app": APP}},
        "spec": {
            "replicas": PODS, "selector": {"matchLabels": {"app": APP}},
            "template": {
                "metadata": {"labels": {"app": APP}},
                "spec": {
                    "terminationGracePeriodSeconds": 0,
                    "containers": [{"name": "pause", "image": "10.100.0.1:5000/pause:1"}],
                },
            },
        },
    });
    stage::apply(cluster, &deployment.to_string())?;
    let name = format!("deployment/{APP}");
    capture(cluster.kubectl(["rollout", "status", name.as_str(), "--timeout=120s"]))?;
    let selector = format!("--selector=app={APP}");
    let pods = get(cluster, &["pods", &selector])?;
    let pods = pods["items"].as_array().into_iter().flatten();
    Ok(pods
        .filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned))
        .collect())
}

/// Moves with brokers that lie, a kind for each pod in turn.
fn lies(bench: &Bench, pods: &[String]) -> Result<()> {
    let (cluster, node) = (&bench.cluster, Cluster::node_names()[0]);
    let host = get(cluster, &["node", node])?["status"]["addresses"][0]["address"]
        .as_str()
        .context("the node has no address")?
        .to_owned();
    let mut kinds = Vec::new();
    for lie in Lie::ALL {
        let at = format!("{host}:{}", lie.serve(cluster, node)?);
        let secret = format!("{APP}-{}", format!("{lie:?}").to_lowercase());
        let (uri, management) = match lie {
            Lie::NoLimitOfFrames | Lie::LargeFrames | Lie::NestedTables | Lie::Silence => {
                (format!("amqp://a:b@{at}/"), format!("http://a:b@{at}"))
            }
            Lie::EndlessAnswers => (broker(cluster), format!("http://a:b@{at}")),
        };
        let object = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret, "labels": {"app": APP}},
            "stringData": {"uri": uri, "managementUri": management},
        });
        stage::apply(cluster, &object.to_string())?;
        let mut allow = bench.product.plugin(cluster)?;
        allow.args(["allow", "--secret", &secret]);
        capture(allow)?;
        kinds.push(secret);
    }
    let moves: Vec<Value> = pods
        .iter()
        .zip(kinds.iter().cycle())
        .map(|(pod, secret)| json!({"sourcePod": pod, "brokerSecretRef": secret, "messageQueueConfig": {"queueName": QUEUE}}))
        .collect();
    refused(cluster, &moves)
}

fn broker(cluster: &Cluster) -> String {
    let (login, host) = (cluster.tenant().login(), cluster.tenant().virtual_host());
    format!("amqp://{login}@rabbitmq.rabbitmq.svc.cluster.local:5672/{host}")
}

/// Moves with an address for each: all are of the honest broker, and differ only for a program that keeps a connection for each.
fn addresses(cluster: &Cluster, pods: &[String], round: u32) -> Result<()> {
    let uri = broker(cluster);
    let of = |(n, pod): (usize, &String)| {
        let queue = json!({"queueName": "none", "brokerUrl": format!("{uri}?n={round}x{n}")});
        json!({"sourcePod": pod, "messageQueueConfig": queue})
    };
    let moves: Vec<Value> = pods.iter().enumerate().map(of).collect();
    refused(cluster, &moves)
}

/// All at once; each is answered.
fn refused(cluster: &Cluster, moves: &[Value]) -> Result<()> {
    let object = |(n, spec): (usize, &Value)| {
        let mut spec = spec.clone();
        let target = Sample::other_node(cluster, spec["sourcePod"].as_str().unwrap_or_default())?;
        spec["targetNode"] = json!(target);
        Ok(json!({
            "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
            "metadata": {"name": format!("{APP}-{n}"), "labels": {"app": APP}}, "spec": spec,
        }))
    };
    let items = moves.iter().enumerate().map(object).collect::<Result<Vec<_>>>()?;
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    stage::apply(cluster, &list.to_string())?;
    let selector = format!("--selector=app={APP}");
    let answered = wait_for(
        "each move to be refused, or to say what does not answer",
        END,
        || {
            let all = get(cluster, &["statefulmigrations", &selector])?;
            let all = all["items"].as_array().cloned().unwrap_or_default();
            Ok(all.iter().map(answer).collect::<Option<Vec<String>>>())
        },
    )?;
    let mut answers = BTreeMap::new();
    for said in answered {
        *answers
            .entry(said.chars().take(160).collect::<String>())
            .or_insert(0) += 1;
    }
    for (said, times) in answers {
        println!("     {times} x {said}");
    }
    capture(cluster.kubectl(["delete", "statefulmigrations", selector.as_str(), "--wait=true"])).map(drop)
}

/// Why a move was refused, or what it waits for because it does not answer: it takes no turn meanwhile.
fn answer(migration: &Value) -> Option<String> {
    let status = &migration["status"];
    if status["phase"] == "Failed" {
        return status["rollback"]["message"].as_str().map(str::to_owned);
    }
    let conditions = status["conditions"].as_array()?;
    let progressing = conditions.iter().find(|one| one["type"] == "Progressing")?;
    let waits = status["waiting"]["for"] == "Answer";
    let said = progressing["message"].as_str().filter(|_| waits)?;
    Some(format!("(waits) {said}"))
}

/// A text of more than a megabyte is refused by the API server.
fn long_texts(cluster: &Cluster, pod: &str) -> Result<()> {
    let object = json!({
        "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration", "metadata": {"name": "long"},
        "spec": {"sourcePod": pod, "messageQueueConfig": {"queueName": "any", "exchangeName": "x".repeat(1_250_000)}},
    });
    let mut create = cluster.kubectl(["create", "--filename", "-"]);
    let mut process = create
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("start kubectl")?;
    let mut input = process.stdin.take().context("kubectl has no standard input")?;
    input
        .write_all(object.to_string().as_bytes())
        .context("give kubectl the manifest")?;
    drop(input);
    let output = process.wait_with_output().context("wait for kubectl")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        !output.status.success() && said.contains("exchangeName"),
        "a text of 1.25 MB: {}",
        said.chars().take(300).collect::<String>()
    );
    Ok(())
}

/// Eight reviews of nested JSON at once, as any pod can send them.
fn large_reviews(cluster: &Cluster) -> Result<()> {
    let envelope = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"a","operation":"CREATE","userInfo":{},"options":["#;
    let parts = vec!["[]"; REVIEW / 3].join(",");
    let file = NamedTempFile::new().context("make a file for a review")?;
    fs::write(file.path(), format!("{envelope}{parts}]}}}}")).context("write a review")?;
    let path = "/api/v1/namespaces/shadow-system/services/https:shadow-webhook:443/proxy/validate/migrations";
    let sending = (0..8)
        .map(|_| {
            let mut send = cluster.kubectl(["create", "--raw", path, "--filename"]);
            send.arg(file.path()).stdout(Stdio::null()).stderr(Stdio::piped());
            send.spawn().context("start kubectl")
        })
        .collect::<Result<Vec<_>>>()?;
    let mut answers = BTreeMap::new();
    for process in sending {
        let output = process.wait_with_output().context("wait for kubectl")?;
        let said = match output.status.success() {
            true => "answered".to_owned(),
            false => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        };
        *answers.entry(said).or_insert(0) += 1;
    }
    println!("     eight reviews of {REVIEW} bytes: {answers:?}");
    ensure!(
        answers
            .keys()
            .all(|said| !said.contains("EOF") && !said.contains("refused")),
        "the webhook did not answer: {answers:?}"
    );
    Ok(())
}

/// How often each container of ours was restarted, by pod.
fn restarts(cluster: &Cluster) -> Result<BTreeMap<String, String>> {
    let pods = get(cluster, &["pods", "--namespace=shadow-system"])?;
    let pods = pods["items"].as_array().into_iter().flatten();
    Ok(pods
        .filter_map(|pod| {
            let containers = pod["status"]["containerStatuses"].as_array()?;
            let counts: Vec<String> = containers
                .iter()
                .map(|one| one["restartCount"].to_string())
                .collect();
            Some((pod["metadata"]["name"].as_str()?.to_owned(), counts.join(" ")))
        })
        .collect())
}

/// What controller and webhooks held at most, as the kernel counted it.
fn little_memory(cluster: &Cluster) -> Result<()> {
    for part in ["controller", "webhook"] {
        let selector = format!("--selector=app.kubernetes.io/name=shadow-{part}");
        let pods = get(cluster, &["pods", "--namespace=shadow-system", &selector])?;
        for pod in pods["items"].as_array().into_iter().flatten() {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            let pid = stage::container_pid(cluster, "shadow-system", name, part)?;
            let status =
                fs::read_to_string(format!("/proc/{pid}/status")).context("read the memory of a process")?;
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let peak = peak.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
            let peak = peak.context("the kernel does not say how much memory a process holds")? << 10;
            println!("     {name}: {} MB at most", peak >> 20);
            ensure!(peak < MOST, "{name} held {} MB", peak >> 20);
        }
    }
    Ok(())
}
