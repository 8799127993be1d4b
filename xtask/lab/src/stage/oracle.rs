//! The oracle beside the cluster: it publishes, follows with a consumer that is never moved, asks the Service all
//! the time, and compares at the end. It runs in a node's network, so that Services work as for any client.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{Product, get};
use crate::cluster::Cluster;
use crate::network::in_network_of;

/// Seconds for which a node remembers such requests. A connection to the oracle's Services takes a few milliseconds.
const UNANSWERED: &str = "/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_syn_sent";

/// What is published, and how the Service is asked meanwhile.
#[derive(Clone, Copy)]
pub struct Load {
    /// Messages a second, of all publishers together.
    pub rate: u32,
    /// Publishers.
    pub publishers: u32,
    /// How long the Service is asked after the load has ended, seconds.
    pub tail: u32,
    /// Size of a message, bytes.
    pub size: u32,
    /// A request that nobody has answered by then has failed, ms.
    pub patience: u32,
}

impl Load {
    /// What a test publishes a second where nothing else matters. Its requests wait for a second, as the reference system's
    /// probe does: a process that stands still for its dump answers late, and how late is for the benchmark to say. A request
    /// that is lost is still found out: its client sends it again after that second.
    pub const fn of(rate: u32) -> Self {
        Self {
            rate,
            publishers: 3,
            tail: 3,
            size: 256,
            patience: 1_000,
        }
    }
}

/// A running oracle.
pub struct Oracle {
    process: Child,
    report: PathBuf,
    started: Instant,
}

impl Oracle {
    /// Starts load, control and prober for `pod`; returns at once.
    pub fn start(cluster: &Cluster, product: &Product, pod: &str, load: Load) -> Result<Self> {
        let report =
            std::env::temp_dir().join(format!("kubectl-shadow-oracle-{}-{pod}.json", std::process::id()));
        let service = |namespace: &str, name: &str| -> Result<String> {
            let service = get(cluster, &["service", "--namespace", namespace, name])?;
            service["spec"]["clusterIP"]
                .as_str()
                .map(str::to_owned)
                .context("the Service has no address")
        };
        let address = service(cluster.namespace(), pod)?;
        let amqp = format!(
            "amqp://{}@{}:5672/{}",
            cluster.tenant().login(),
            service("rabbitmq", "rabbitmq")?,
            cluster.tenant().virtual_host()
        );
        let node = cluster.node_pid(Cluster::node_names()[0])?;
        forget_unanswered(u32::try_from(node).context("a process has a negative number")?)?;
        let node = node.to_string();
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &node, "--net", "--"])
            .arg(product.program("orders-oracle")?);
        command.args(["run", "--amqp", &amqp, "--routing-key", pod, "--stop-on-eof"]);
        command.args([
            "--publishers",
            &load.publishers.to_string(),
            "--rate",
            &load.rate.to_string(),
            "--size",
            &load.size.to_string(),
        ]);
        command.args(["--pod-url", &format!("http://{address}:8080")]);
        command.args(["--probe-url", &format!("http://{address}:8080/healthz")]);
        command.args(["--probe-timeout", &format!("{}ms", load.patience)]);
        command.args(["--probe-tail", &format!("{}s", load.tail)]);
        command.arg("--report").arg(&report);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let process = command.spawn().context("start the oracle")?;
        Ok(Self {
            process,
            report,
            started: Instant::now(),
        })
    }

    /// Lets the load run for at least this long since its start.
    pub fn run_for(&self, time: Duration) {
        std::thread::sleep(time.saturating_sub(self.started.elapsed()));
    }

    /// Ends the load, waits for the comparison and returns the report; not being exact is not an error here.
    pub fn finish(mut self) -> Result<Value> {
        drop(self.process.stdin.take());
        let mut said = String::new();
        if let Some(mut errors) = self.process.stderr.take() {
            errors
                .read_to_string(&mut said)
                .context("read what the oracle says")?;
        }
        let status = self.process.wait().context("wait for the oracle")?;
        let read = fs::read_to_string(&self.report);
        match read {
            Ok(text) => {
                fs::remove_file(&self.report).context("remove the oracle's report")?;
                serde_json::from_str(&text).context("the oracle's report is no JSON")
            }
            Err(error) => {
                bail!("the oracle could not judge ({status}): {error}: {said}")
            }
        }
    }
}

/// A test that fails half-way must not leave its load to the next one.
impl Drop for Oracle {
    fn drop(&mut self) {
        let ended = self.process.try_wait().is_ok_and(|status| status.is_some());
        if !ended {
            let killed = self.process.kill().and_then(|()| self.process.wait());
            if let Err(error) = killed {
                eprintln!("cannot end the oracle (process {}): {error}", self.process.id());
            }
        }
    }
}

/// A node remembers for two minutes where it sent a request that nobody answered, and sends what comes from the same port
/// there again, whatever has become of the Service. The oracle uses all ports once in about two minutes: without this,
/// requests that failed in one run would make others fail in the next one.
fn forget_unanswered(node: u32) -> Result<()> {
    in_network_of(node, || fs::write(UNANSWERED, "1"))?.with_context(|| format!("write {UNANSWERED}"))
}

/// A report in one line.
pub fn summary(report: &Value) -> String {
    let comparison = &report["comparison"];
    let probes = &report["probes"];
    format!(
        "{} missing, {} duplicate, {} reordered, state {}{}; longest pause {} ms; {} probes, {} failed{}, slowest {} ms",
        comparison["missing"],
        comparison["duplicate"],
        comparison["reordered"],
        if comparison["stateEqual"] == true {
            "equal"
        } else {
            "DIFFERENT"
        },
        control_faults(comparison),
        report["pauses"]["longestMs"],
        probes["sent"],
        probes["failed"],
        failures(report),
        probes["slowestUs"].as_u64().unwrap_or(0) / 1000
    )
}

/// A state that differs says little about the pod when the control, which is never moved, was disturbed itself.
fn control_faults(comparison: &Value) -> String {
    match comparison["controlFaults"].as_u64() {
        None | Some(0) => String::new(),
        Some(faults) => format!(" ({faults} missing, double or reordered at the control itself)"),
    }
}

/// What went wrong with the failed probes, each kind with its number and the time of its first, after the start.
fn failures(report: &Value) -> String {
    let start = report["ledger"]["startedAtMs"].as_u64().unwrap_or(0);
    let mut kinds: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for bad in report["probes"]["bad"].as_array().into_iter().flatten() {
        let failure = &bad["failure"];
        if let Some(kind) = failure["kind"].as_str() {
            let detail = failure["detail"]
                .as_str()
                .or(failure["status"].as_str())
                .unwrap_or("");
            let at = bad["atMs"].as_u64().unwrap_or(0).saturating_sub(start);
            let entry = kinds.entry(format!("{kind} {detail}")).or_insert((0, at));
            entry.0 += 1;
        }
    }
    let listed: Vec<String> = kinds
        .iter()
        .map(|(kind, (number, at))| format!("{number} {}, first after {at} ms", kind.trim()))
        .collect();
    if listed.is_empty() {
        String::new()
    } else {
        format!(" ({})", listed.join("; "))
    }
}

/// Why a report is not what was promised; `None` when it is.
pub fn broken_promise(report: &Value) -> Option<String> {
    let exact = report["exact"] == true && report["comparison"]["stateEqual"] == true;
    let unfailing = report["probes"]["failed"] == 0;
    (!exact || !unfailing).then(|| summary(report))
}
