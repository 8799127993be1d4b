//! What the dashboard and the alert rules ask for exists, and each alert says what to do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]
use std::collections::BTreeSet;

use serde_json::Value;
use shadow_telemetry::Kind;

const ALERTS: &str = include_str!("../monitoring/alerts.yaml");
const DASHBOARD: &str = include_str!("../monitoring/dashboard.json");
const PAGE: &str = include_str!("../../docs/monitoring.md");

fn rules() -> Vec<Value> {
    let file: Value = serde_yaml_ng::from_str(ALERTS).unwrap();
    let groups = file["groups"].as_array().unwrap().clone();
    groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap().clone())
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap());
    let shown = targets.map(|target| text(&target["expr"]));
    shown
        .chain(rules().iter().map(|rule| text(&rule["expr"])))
        .collect()
}

/// Names of series, as a query may use them.
fn series() -> BTreeSet<String> {
    let all = shadow_telemetry::described()
        .into_iter()
        .flat_map(|(_, metrics)| metrics);
    all.flat_map(|metric| match metric.kind {
        Kind::Counter | Kind::Gauge => vec![metric.name],
        Kind::Histogram => ["_bucket", "_sum", "_count"]
            .map(|end| format!("{}{end}", metric.name))
            .to_vec(),
    })
    .collect()
}

fn named(query: &str) -> Vec<String> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("shadow_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_series_that_is_asked_for_exists() {
    let series = series();
    for query in queries() {
        let names = named(&query);
        assert!(!names.is_empty(), "{query} asks for nothing of ours");
        for name in names {
            assert!(
                series.contains(&name),
                "{query} asks for {name}, which no part has"
            );
        }
    }
}

#[test]
fn every_alert_compares_with_a_number_and_the_page_says_what_to_do() {
    for rule in rules() {
        let (name, query) = (text(&rule["alert"]), text(&rule["expr"]));
        let (_, limit) = query.rsplit_once(['<', '>']).unwrap();
        assert!(limit.trim().parse::<f64>().is_ok(), "{name}: {query}");
        assert!(["critical", "warning", "none"].contains(&rule["labels"]["severity"].as_str().unwrap()));
        for said in ["summary", "description"] {
            assert!(
                !text(&rule["annotations"][said]).is_empty(),
                "{name} has no {said}"
            );
        }
        assert!(
            PAGE.contains(&format!("`{name}`")),
            "docs/monitoring.md does not know {name}"
        );
    }
}
