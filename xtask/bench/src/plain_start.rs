//! The unit in which moves are told: what a plain pod of the sample's image needs on the target node from its creation until
//! it is Ready, under the load of the scenario. A machine that is slow at the moment is slow for both.

use std::io::{self, BufRead as _, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::figures;
use xtask_lab::cluster::{Cluster, REGISTRY};
use xtask_lab::stage;

const NAME: &str = "plain-start";
/// It brings the image to the node, and shows that the watch runs.
const WARM_UP: &str = "plain-start-0";
const COUNTED: [&str; 3] = ["plain-start-1", "plain-start-2", "plain-start-3"];
const READY: Duration = Duration::from_secs(60);
/// A line for each state of a pod.
const TEMPLATE: &str =
    r#"--output=jsonpath={.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\n"}"#;

/// Median of several pods on this node, milliseconds.
pub(crate) fn measured(cluster: &Cluster, node: &str) -> Result<i64> {
    stage::delete_app(cluster, NAME)?;
    create(cluster, WARM_UP, node)?;
    let pods = Pods::watched(cluster)?;
    until_ready(&pods.lines, WARM_UP)?;
    let mut counted = Vec::new();
    for name in COUNTED {
        create(cluster, name, node)?;
        let took = until_ready(&pods.lines, name)?;
        counted.push(i64::try_from(took.as_millis()).context("a time too long")?);
    }
    counted.sort_unstable();
    let median = figures::at(&counted, 50).context("no plain pod was started")?;
    println!("     a plain pod on {node}: ready after {median} ms (median of {counted:?})");
    Ok(median)
}

fn create(cluster: &Cluster, name: &str, node: &str) -> Result<()> {
    stage::apply(cluster, &manifest(name, node).to_string())
}

/// A pod like the sample's, which finds no broker and has nobody ask whether it is ready: its container runs, and that is it.
fn manifest(name: &str, node: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": NAME}},
        "spec": {
            "nodeSelector": {"kubernetes.io/hostname": node},
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "orders",
                "image": format!("{REGISTRY}/samples/orders:dev"),
                "imagePullPolicy": "Always",
                "command": ["/usr/bin/orders-plain"],
                "args": ["--amqp-uri", "amqp://127.0.0.1:1/%2f", "--lame-duck", "0"],
                "resources": {"requests": {"cpu": "20m", "memory": "16Mi"}, "limits": {"memory": "256Mi"}},
            }],
        },
    })
}

/// What happens to the plain pods, as it happens.
struct Pods<'a> {
    cluster: &'a Cluster,
    watch: Child,
    lines: Lines,
}

/// Lines, each with the time at which it came: not that at which somebody asks for it.
type Lines = Receiver<(Instant, io::Result<String>)>;

impl<'a> Pods<'a> {
    fn watched(cluster: &'a Cluster) -> Result<Self> {
        let selector = format!("--selector=app={NAME}");
        let mut kubectl = cluster.kubectl(["get", "pods", "--watch", &selector, TEMPLATE]);
        let mut watch = kubectl
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("start kubectl get --watch")?;
        let output = watch.stdout.take().context("kubectl has no standard output")?;
        Ok(Self {
            cluster,
            watch,
            lines: lines_of(output),
        })
    }
}

impl Drop for Pods<'_> {
    fn drop(&mut self) {
        let ended = self.watch.kill().and_then(|()| self.watch.wait().map(drop));
        if let Err(error) = ended {
            eprintln!("end kubectl get --watch: {error}");
        }
        if let Err(error) = stage::delete_app(self.cluster, NAME) {
            eprintln!("plain pods are left behind: {error:#}");
        }
    }
}

/// Reads in a thread of its own, to the end or to the first error, which is told like a line.
fn lines_of(output: impl Read + Send + 'static) -> Lines {
    let (told, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            let is_last = line.is_err();
            if told.send((Instant::now(), line)).is_err() || is_last {
                return;
            }
        }
    });
    lines
}

/// From the first that was heard of a pod until it is Ready.
fn until_ready(lines: &Lines, pod: &str) -> Result<Duration> {
    let deadline = Instant::now() + READY;
    let mut created = None;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let (at, line) = match lines.recv_timeout(left) {
            Ok(told) => told,
            Err(RecvTimeoutError::Timeout) => bail!("{pod}, a plain pod, is not ready after {READY:?}"),
            Err(RecvTimeoutError::Disconnected) => {
                bail!("kubectl get --watch has ended before {pod}, a plain pod, was ready")
            }
        };
        let line = line.context("read what kubectl get --watch writes")?;
        let Some(ready) = told_of(&line, pod) else {
            continue;
        };
        let created = *created.get_or_insert(at);
        if ready {
            return Ok(at.duration_since(created));
        }
    }
}

/// Whether the pod is Ready, if the line is about it.
fn told_of(line: &str, pod: &str) -> Option<bool> {
    let (name, ready) = line.split_once(' ')?;
    (name == pod).then_some(ready == "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_of_one_pod_whether_it_is_ready() {
        assert_eq!(told_of("plain-start-1 ", "plain-start-1"), Some(false));
        assert_eq!(told_of("plain-start-1 False", "plain-start-1"), Some(false));
        assert_eq!(told_of("plain-start-1 True", "plain-start-1"), Some(true));
        assert_eq!(told_of("plain-start-0 True", "plain-start-1"), None);
        assert_eq!(told_of("", "plain-start-1"), None);
    }

    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the pipe broke"))
        }
    }

    #[test]
    fn a_watch_that_breaks_or_ends_is_no_time_out() {
        let first = b"plain-start-1 \n".as_slice();
        let why = |lines: &Lines| format!("{:#}", until_ready(lines, "plain-start-1").unwrap_err());
        let broken = why(&lines_of(first.chain(Broken)));
        assert!(broken.ends_with("the pipe broke"), "{broken}");
        let ended = why(&lines_of(first));
        assert!(ended.contains("has ended"), "{ended}");
        let ready = b"plain-start-1 \nplain-start-1 True\n".as_slice();
        assert!(until_ready(&lines_of(ready), "plain-start-1").is_ok());
    }

    #[test]
    fn it_is_scheduled_like_any_pod_and_finds_no_broker() {
        let pod = manifest("plain-start-0", "node-b");
        assert_eq!(pod["spec"]["nodeSelector"]["kubernetes.io/hostname"], "node-b");
        assert!(pod["spec"]["nodeName"].is_null());
        assert!(
            pod["spec"]["containers"][0]["args"][1]
                .as_str()
                .unwrap()
                .contains("127.0.0.1:1/")
        );
    }
}
