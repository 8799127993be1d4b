//! What people see, compared with the files in `tests/screens`. After a wanted change: `UPDATE_SCREENS=1 cargo
//! test -p kubectl-shadow --test screens`, then read the difference before committing it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

use std::path::Path;

use clap::CommandFactory;
use jiff::Timestamp;
use kubectl_shadow::cli::Cli;
use kubectl_shadow::ending::Ending;
use kubectl_shadow::render::{Progress, end_lines, ending, overview};
use kubectl_shadow::say::printable;
use serde_json::{Value, json};
use shadow_core::api::StatefulMigration;

fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/screens")
        .join(name);
    if std::env::var_os("UPDATE_SCREENS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{name} changed; now:\n{text}");
}

fn screen(lines: &[String]) -> String {
    lines
        .iter()
        .map(|line| format!("{}\n", printable(line)))
        .collect()
}

fn time(millis: u64) -> String {
    format!("2026-01-02T03:04:{:02}.{:03}000Z", millis / 1000, millis % 1000)
}

fn step(name: &str, leg: u8, from: u64, to: Option<u64>, note: Option<&str>) -> Value {
    let mut step = json!({"step": name, "leg": leg, "started": time(from)});
    if let Some(to) = to {
        step["finished"] = json!(time(to));
    }
    if let Some(note) = note {
        step["note"] = json!(note);
    }
    step
}

fn migration(status: Value) -> StatefulMigration {
    serde_json::from_value(json!({
        "apiVersion": "migration.ms2m.io/v1alpha1",
        "kind": "StatefulMigration",
        "metadata": {"name": "orders-0-x7k2p", "namespace": "default"},
        "spec": {"sourcePod": "orders-0", "targetNode": "node-b"},
        "status": status,
    }))
    .unwrap()
}

fn plan() -> Value {
    json!({
        "strategy": "ShadowPod",
        "because": "pod orders-0 belongs to StatefulSet orders",
        "source": {"namespace": "default", "name": "orders-0", "uid": "u"},
        "container": "orders",
        "sourceNode": "node-a",
        "targetNode": "node-b",
        "owner": {"kind": "StatefulSet", "name": "orders", "uid": "o"},
        "queue": {"queue": "orders.orders-0", "quorum": false, "controlQueueExisted": true},
        "checkpointBackend": "Runtime",
        "premises": [
            {"premise": "OnlyConsumer", "outcome": "Seen", "source": "ManagementApi",
             "what": "consumer \"app\" from 10.1.0.7:40000 is the only one of queue orders.orders-0"},
            {"premise": "NothingElse", "outcome": "Contradicted", "source": "ManagementApi",
             "what": "the pod also consumes audit"},
            {"premise": "OtherPeers", "outcome": "Seen", "source": "Agent", "what": "10.96.0.12:5432"},
        ],
    })
}

fn completed() -> StatefulMigration {
    migration(json!({
        "phase": "Completed",
        "sourceNode": "node-a",
        "plan": plan(),
        "startTime": time(0),
        "completionTime": time(3412),
        "pause": "412ms",
        "reconnect": "51ms",
        "steps": [
            step("Prepare", 0, 0, Some(81), None),
            step("Stage", 1, 81, Some(900), None),
            step("Hold", 1, 900, Some(940), Some("parked after 40 ms")),
            step("Checkpoint", 1, 940, Some(1001), Some("3.1 MB, frozen 49 ms")),
        ],
        "conditions": [{
            "type": "Completed", "status": "True", "reason": "Completed", "message": "moved",
            "lastTransitionTime": "2026-01-02T03:04:03Z",
        }],
        "verdict": {"exact": true, "because": "both handoffs were proven"},
    }))
}

fn failed() -> StatefulMigration {
    migration(json!({
        "phase": "Failed",
        "sourceNode": "node-a",
        "plan": plan(),
        "startTime": time(0),
        "completionTime": time(1500),
        "steps": [step("Stage", 1, 0, Some(1200), Some("\u{1b}[2Jevil")), step("Abandon", 1, 1200, Some(1500), None)],
        "rollback": {
            "reason": "ImageUnknown", "message": "image orders:9 cannot be pulled on node-b; push it there",
            "since": time(1200),
        },
        "verdict": {"exact": true, "because": "the source kept its memory and its place in the stream"},
    }))
}

fn running() -> StatefulMigration {
    migration(json!({
        "phase": "Transferring",
        "handoff": "1/2",
        "sourceNode": "node-a",
        "plan": plan(),
        "startTime": time(0),
        "steps": [step("Hold", 1, 0, Some(40), None), step("Transfer", 1, 40, None, Some("3.1 MB"))],
    }))
}

fn waiting() -> StatefulMigration {
    migration(json!({
        "phase": "Pending",
        "waiting": {"for": "MovesPerNode", "node": "node-a", "underWay": 2, "before": 3, "since": time(0)},
        "conditions": [{
            "type": "Progressing", "status": "True", "reason": "Waiting",
            "message": "2 moves are under way from or to node node-a, as many as the controller allows (--moves-per-node); \
                3 moves of its namespace wait before it",
            "lastTransitionTime": "2026-01-02T03:04:03Z",
        }],
    }))
}

fn stuck() -> StatefulMigration {
    migration(json!({
        "phase": "Replaying",
        "sourceNode": "node-a",
        "startTime": time(0),
        "steps": [step("Release", 1, 40, None, None)],
        "conditions": [{
            "type": "Stuck", "status": "True", "reason": "TwoConsumers",
            "message": "queue orders.orders-0 has 2 consumers; stop the one that is not ours",
            "lastTransitionTime": "2026-01-02T03:04:03Z",
        }],
    }))
}

#[test]
fn help_of_every_command() {
    let mut text = String::new();
    let mut root = Cli::command().term_width(100);
    root.build();
    text.push_str(&root.render_help().to_string());
    for command in root.get_subcommands_mut() {
        if command.get_name() != "help" {
            text.push_str(&format!("\n---- {} ----\n", command.get_name()));
            text.push_str(&command.clone().term_width(100).render_help().to_string());
        }
        for below in command.get_subcommands().filter(|_| command.get_name() != "help") {
            if below.get_name() != "help" {
                text.push_str(&format!(
                    "\n---- {} {} ----\n",
                    command.get_name(),
                    below.get_name()
                ));
                text.push_str(&below.clone().term_width(100).render_help().to_string());
            }
        }
    }
    check("help.txt", &text);
}

#[test]
fn a_long_help_names_the_flags_of_the_connection() {
    let mut root = Cli::command().term_width(100);
    root.build();
    let status = root.find_subcommand_mut("status").unwrap();
    check("help-connection.txt", &status.render_long_help().to_string());
}

#[test]
fn status_of_every_kind_of_end() {
    let all = [
        ("completed", completed()),
        ("failed", failed()),
        ("running", running()),
        ("waiting", waiting()),
        ("stuck", stuck()),
    ];
    for (name, migration) in all {
        check(
            &format!("status-{name}.txt"),
            &screen(&overview(&migration, Timestamp::UNIX_EPOCH)),
        );
    }
}

#[test]
fn progress_tells_each_step_once() {
    let migration = completed();
    let status = migration.status.as_ref().unwrap();
    let mut progress = Progress::default();
    let mut part = status.clone();
    part.steps.truncate(2);
    let mut lines = progress.lines(&part);
    assert_eq!(lines.len(), 2);
    assert!(progress.lines(&part).is_empty());
    lines.extend(progress.lines(status));
    lines.extend(end_lines(&migration));
    check("progress.txt", &screen(&lines));
}

#[test]
fn a_step_that_goes_on_is_not_told() {
    let migration = running();
    let lines = Progress::default().lines(migration.status.as_ref().unwrap());
    assert_eq!(lines.len(), 1, "{lines:?}");
}

#[test]
fn the_ending_is_that_of_the_phase() {
    let of = |migration: StatefulMigration| ending(migration.status.as_ref().unwrap());
    assert_eq!(of(completed()), Some(Ending::Done));
    assert_eq!(of(failed()), Some(Ending::Failed));
    assert_eq!(
        of(migration(json!({"phase": "Cancelled"}))),
        Some(Ending::Cancelled)
    );
    assert_eq!(of(stuck()), Some(Ending::Unknown));
    assert_eq!(of(running()), None);
}

#[test]
fn nothing_from_the_cluster_reaches_the_terminal_raw() {
    let text = screen(&overview(&failed(), Timestamp::UNIX_EPOCH));
    assert!(text.contains("\\u{1b}[2Jevil"));
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn words_that_are_explained() {
    let topics = kubectl_shadow::explain::topics();
    let mut lines = Vec::new();
    for word in [
        "SH104",
        "hold",
        "stand-in",
        "TargetRejected",
        "OnlyConsumer",
        "exit 5",
    ] {
        let found = kubectl_shadow::explain::find(&topics, word);
        lines.extend(found.into_iter().flat_map(kubectl_shadow::explain::Topic::lines));
    }
    lines.extend(kubectl_shadow::explain::listed(&topics));
    check("explain.txt", &screen(&lines));
}
