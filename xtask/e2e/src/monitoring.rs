//! What operators see: a real Prometheus scrapes all parts during a drain, and each query of the dashboard and each alert rule finds its
//! series.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::Value;

use super::drains::{cordoned, drained, rows, text};
use super::{Bench, exact_messages, nothing_left};
use xtask_lab::cluster::{Cluster, wait_for};
use xtask_lab::prometheus::{FILES, Prometheus};
use xtask_lab::stage::{self, Load, Oracle, Sample, capture, get};

const LOAD: Load = Load::of(40);
const NODE: &str = "node-a";
const OTHER: &str = "node-b";
const CONSUMERS: [&str; 2] = ["orders-0", "orders-1"];
const ALERTS: &str = include_str!("../../../deploy/monitoring/alerts.yaml");
const DASHBOARD: &str = include_str!("../../../deploy/monitoring/dashboard.json");
const PORT: u16 = 8081;
/// For what Prometheus sees at its next looks.
const SOON: Duration = Duration::from_secs(60);

/// How often Prometheus looks: often enough for a drawing of some seconds.
const LOOK: &str = "250ms";
/// Where the series of the drawing are kept.
const KEPT: &str = "target/monitoring";
/// Lines of the drawing.
const DRAWN: [(&str, &str); 4] = [
    ("moves under way", "max(shadow_moves_under_way)"),
    ("moves in line", "sum(shadow_moves_waiting)"),
    ("queues held", "sum(shadow_hold_active)"),
    ("messages that wait", "sum(shadow_hold_messages) or vector(0)"),
];

/// Two consumers are drained from a node.
pub(super) fn of_a_drain(bench: &Bench) -> Result<()> {
    let cluster = &bench.cluster;
    let kept_out = cordoned(cluster, OTHER)?;
    Sample::deploy(cluster, &[])?;
    drop(kept_out);
    let targets = targets(cluster)?;
    let configuration = configuration(&targets);
    let files = [
        ("prometheus.yml", configuration.as_str()),
        ("alerts.yaml", ALERTS),
    ];
    let prometheus = Prometheus::start(cluster, &files)?;
    scraped(&prometheus, targets.len())?;
    let oracle = Oracle::start(cluster, &bench.product, CONSUMERS[0], LOAD)?;
    oracle.run_for(Duration::from_secs(2));
    let begun = Timestamp::now();
    let drain = drain(bench);
    // Whatever comes of it, the node takes pods again.
    capture(cluster.kubectl(["uncordon", NODE]))?;
    drain?;
    counted(&prometheus)?;
    for query in queries()? {
        gives_a_series(&prometheus, &query, begun)?;
    }
    rules_are_healthy(&prometheus)?;
    kept(&prometheus, begun)?;
    checked_by_promtool(cluster, &prometheus, &targets)?;
    let report = oracle.finish()?;
    println!("     {}", stage::summary(&report));
    exact_messages(&report)?;
    Sample::remove(cluster)?;
    nothing_left(cluster)
}

/// A pod of ours.
struct Target {
    address: String,
    job: String,
    node: String,
}

fn targets(cluster: &Cluster) -> Result<Vec<Target>> {
    let ours = "--selector=app.kubernetes.io/part-of=kubectl-shadow";
    let pods = get(cluster, &["pods", "--namespace=shadow-system", ours])?;
    let pods = pods["items"].as_array().context("no pods of ours")?.clone();
    let word = |value: &Value| {
        value
            .as_str()
            .map(str::to_owned)
            .context("a pod without an address")
    };
    let target = |pod: &Value| {
        Ok(Target {
            address: format!("{}:{PORT}", word(&pod["status"]["podIP"])?),
            job: word(&pod["metadata"]["labels"]["app.kubernetes.io/name"])?,
            node: word(&pod["spec"]["nodeName"])?,
        })
    };
    let found = pods.iter().map(target).collect::<Result<Vec<_>>>()?;
    ensure!(
        found.len() >= 5,
        "a controller, two webhooks and two agents are wanted"
    );
    Ok(found)
}

/// The labels are those that deploy/monitoring/prometheus.yaml gives.
fn configuration(targets: &[Target]) -> String {
    let one = |target: &Target| serde_json::json!({"targets": [target.address], "labels": {"job": target.job, "node": target.node}});
    let targets: Vec<Value> = targets.iter().map(one).collect();
    serde_json::json!({
        "global": {"scrape_interval": LOOK, "evaluation_interval": "1s"},
        "rule_files": [format!("{FILES}/alerts.yaml")],
        "scrape_configs": [{"job_name": "kubectl-shadow", "static_configs": targets}],
    })
    .to_string()
}

fn scraped(prometheus: &Prometheus, targets: usize) -> Result<()> {
    wait_for("Prometheus to read all our pods", SOON, || {
        Ok((number(prometheus, "sum(up)")? >= targets as f64).then_some(()))
    })
}

/// The value of a query that gives one number; 0 without one.
fn number(prometheus: &Prometheus, query: &str) -> Result<f64> {
    let data = prometheus.api("query", &[("query", query)])?;
    let value = data["result"][0]["value"][1].as_str().unwrap_or("0");
    value.parse().with_context(|| format!("{query} gave {value:?}"))
}

fn drain(bench: &Bench) -> Result<()> {
    let (output, said) = drained(bench, &["--pod-selector=app=orders"])?;
    ensure!(output.status.success(), "the drain: {}", text(&output));
    for row in rows(&said)? {
        ensure!(row["state"] == "EXACT", "{row}");
    }
    Ok(())
}

/// The moves and what they consist of, each once.
fn counted(prometheus: &Prometheus) -> Result<()> {
    let exact = r#"sum(shadow_moves_total{outcome="Exact"}) - sum(min_over_time(shadow_moves_total{outcome="Exact"}[10m]))"#;
    wait_for("two moves to be counted", SOON, || {
        Ok((number(prometheus, exact)? >= 2.0).then_some(()))
    })?;
    let moves = number(prometheus, exact)?;
    ensure!((moves - 2.0).abs() < 0.5, "two moves were counted as {moves}");
    Ok(())
}

/// All of the dashboard, and what each alert compares with its number.
fn queries() -> Result<Vec<String>> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).context("the dashboard is no JSON")?;
    let panels = dashboard["panels"]
        .as_array()
        .context("the dashboard has no panels")?;
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let shown = targets.filter_map(|target| target["expr"].as_str());
    let shown = shown.map(|query| query.replace("$__rate_interval", "1m"));
    let rules = ALERTS
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr: '"));
    let compared =
        rules.filter_map(|rule| Some(rule.trim_end_matches('\'').rsplit_once(['<', '>'])?.0.to_owned()));
    let all: Vec<String> = shown.chain(compared).collect();
    ensure!(all.len() > 30, "only {} queries were found", all.len());
    Ok(all)
}

/// At some moment since the drain began.
fn gives_a_series(prometheus: &Prometheus, query: &str, begun: Timestamp) -> Result<()> {
    let start = begun.as_second().to_string();
    wait_for(&format!("a series of {query}"), Duration::from_secs(20), || {
        let end = Timestamp::now().as_second().to_string();
        let asked = [("query", query), ("start", &start), ("end", &end), ("step", "1s")];
        let data = prometheus.api("query_range", &asked)?;
        let series = data["result"].as_array().map_or(0, Vec::len);
        Ok((series > 0).then_some(()))
    })
}

/// What the drawing in docs is made of: `cargo xtask bench --drain-picture FILE`.
fn kept(prometheus: &Prometheus, begun: Timestamp) -> Result<()> {
    let (start, end) = (
        begun.as_second().to_string(),
        Timestamp::now().as_second().to_string(),
    );
    let mut shown = Vec::new();
    for (name, query) in DRAWN {
        let asked = [("query", query), ("start", &start), ("end", &end), ("step", LOOK)];
        let data = prometheus.api("query_range", &asked)?;
        shown.push(serde_json::json!({"name": name, "values": data["result"][0]["values"]}));
    }
    let folder = Path::new(KEPT);
    std::fs::create_dir_all(folder).with_context(|| format!("make {KEPT}"))?;
    let path = folder.join("drain.json");
    std::fs::write(&path, Value::from(shown).to_string())
        .with_context(|| format!("write {}", path.display()))?;
    println!("     its series: {}", path.display());
    Ok(())
}

fn rules_are_healthy(prometheus: &Prometheus) -> Result<()> {
    let data = prometheus.api("rules", &[])?;
    let groups = data["groups"].as_array().context("no groups of rules")?;
    let rules: Vec<&Value> = groups
        .iter()
        .flat_map(|group| group["rules"].as_array().into_iter().flatten())
        .collect();
    ensure!(rules.len() > 10, "only {} rules are loaded", rules.len());
    let ill = rules.iter().find(|rule| rule["health"] != "ok");
    ensure!(ill.is_none(), "a rule cannot be evaluated: {ill:?}");
    let firing = |rule: &&&Value| rule["state"] == "firing" && rule["labels"]["severity"] != "none";
    let firing: Vec<&Value> = rules.iter().filter(firing).map(|rule| &rule["name"]).collect();
    ensure!(
        firing.is_empty(),
        "alerts fire after a drain that went well: {firing:?}"
    );
    Ok(())
}

fn checked_by_promtool(cluster: &Cluster, prometheus: &Prometheus, targets: &[Target]) -> Result<()> {
    prometheus.promtool(&["check", "config", &format!("{FILES}/prometheus.yml")], "")?;
    prometheus.promtool(&["check", "rules", &format!("{FILES}/alerts.yaml")], "")?;
    for target in targets {
        let mut curl = cluster.run_on_node(NODE, "curl")?;
        curl.args(["--silent", "--show-error", "--fail", "--max-time", "10"]);
        curl.arg(format!("http://{}/metrics", target.address));
        let metrics = capture(curl).with_context(|| format!("the metrics of {}", target.job))?;
        prometheus
            .promtool(&["check", "metrics"], &metrics)
            .with_context(|| format!("the metrics of {}", target.job))?;
    }
    Ok(())
}
