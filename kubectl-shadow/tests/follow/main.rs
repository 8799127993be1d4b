//! The real program in a real pipe, against an API server of ours: exit codes, signs of life, silence, missing rights.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

#[path = "../stub/mod.rs"]
mod stub;

use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stub::one::{Answer, NAME, Server};

const PLUGIN: &str = env!("CARGO_BIN_EXE_kubectl-shadow");
const MIGRATE: [&str; 4] = ["migrate", "orders-0", "--to", "node-b"];

fn ended(phase: &str, verdict: Value) -> Value {
    let plan = json!({"strategy": "ShadowPod", "because": "as asked", "container": "c", "sourceNode": "node-a",
        "targetNode": "node-b", "checkpointBackend": "Runtime",
        "source": {"namespace": "shop", "name": "orders-0", "uid": "u"}, "queue": {"queue": "q", "quorum": false}});
    json!({"phase": phase, "plan": plan, "verdict": verdict,
        "rollback": {"reason": "NotParked", "message": "not parked", "since": "2026-01-02T03:04:05.000000Z"}})
}

fn waiting() -> Value {
    json!({
        "phase": "Pending",
        "waiting": {"for": "MovesPerCluster", "underWay": 2, "before": 1, "since": "2026-01-02T03:04:05.000000Z"},
        "conditions": [{"type": "Progressing", "status": "True", "reason": "Waiting",
            "message": "2 moves are under way in the cluster; 1 move of its namespace waits before it",
            "lastTransitionTime": "2026-01-02T03:04:05Z"}],
    })
}

fn exact() -> Value {
    json!({"exact": true, "because": "proven"})
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// In a pipe whose reader takes one line and goes, as a script sees it.
fn through_head(server: &Server) -> Output {
    let mut shell = server.asked_by("bash");
    shell.args(["-c", "set -o pipefail; \"$@\" | head -1", "bash", PLUGIN]);
    shell.args(MIGRATE).output().unwrap()
}

#[test]
fn the_exit_code_is_that_of_the_move_when_nobody_reads_on() {
    let lost =
        json!({"exact": false, "because": "lost", "doubts": [{"reason": "StandInLost", "message": "lost"}]});
    let doubted =
        json!({"exact": false, "because": "?", "doubts": [{"reason": "ConnectionLost", "message": "?"}]});
    let cases = [
        (0, ended("Completed", exact())),
        (2, ended("Failed", exact())),
        (3, ended("Cancelled", exact())),
        (5, ended("Completed", lost)),
        (6, ended("Completed", doubted)),
    ];
    for (code, status) in cases {
        let server = Server::that_shows(move |_| Answer::Shown(status.clone()));
        let output = through_head(&server);
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout).lines().count(), 1);
        let warnings = text(&output.stderr)
            .matches("warning: its files stay behind")
            .count();
        assert_eq!(warnings, 1, "{}", text(&output.stderr));
    }
}

#[test]
fn one_that_may_not_watch_is_told_at_once_which_right_is_missing() {
    for (code, word) in [(403, "get, list and watch"), (401, "log in again")] {
        let server = Server::that_shows(move |_| Answer::Error(code, "you may not"));
        let begun = Instant::now();
        let output = through_head(&server);
        assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(word), "{}", text(&output.stderr));
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    }
}

/// A script that takes it for refused would order the move once more.
#[test]
fn an_order_without_an_answer_is_not_taken_for_refused() {
    let server = Server::that_shows(|_| Answer::Nothing);
    let output = through_head(&server);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(
        said.contains("not known whether") && said.contains("kubectl shadow list"),
        "{said}"
    );
}

/// One line each 10 s, until it is its turn; nothing of what a terminal needs.
#[test]
fn one_that_waits_says_for_what_and_since_when() {
    let server = Server::that_shows(|since| {
        if since < Duration::from_secs(12) {
            Answer::Shown(waiting())
        } else {
            Answer::Shown(ended("Completed", exact()))
        }
    });
    let output = server.asked_by(PLUGIN).args(MIGRATE).output().unwrap();
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
    let signs: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("waits for its turn"))
        .collect();
    assert_eq!(signs.len(), 1, "{said}");
    for word in [
        "10s",
        "since 03:04:05 UTC",
        "2 moves are under way",
        "1 move of its namespace",
    ] {
        assert!(signs[0].contains(word), "{said}");
    }
    assert!(!said.contains('\u{1b}'), "{said:?}");
    assert!(!said.contains("is it running?"), "{said}");
}

#[test]
fn a_silent_api_server_is_told_and_waited_for_and_its_return_is_told() {
    let status = ended("Completed", exact());
    let server = Server::that_shows(move |_| Answer::Late(Duration::from_secs(12), status.clone()));
    let output = server
        .asked_by(PLUGIN)
        .args(["status", NAME, "--request-timeout=0"])
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(said.matches("has not answered for 10 s").count(), 1, "{said}");
    assert_eq!(said.matches("answers again").count(), 1, "{said}");
    assert!(
        text(&output.stdout).contains("orders-0"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn a_move_whose_api_server_falls_silent_is_followed_to_its_end() {
    let server = Server::that_shows(|since| match since.as_secs() {
        0..3 => Answer::Shown(waiting()),
        3..17 => Answer::Late(Duration::from_secs(18), waiting()),
        _ => Answer::Shown(ended("Completed", exact())),
    });
    let output = server.asked_by(PLUGIN).args(MIGRATE).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(said.matches("has not answered for").count(), 1, "{said}");
    assert_eq!(said.matches("answers again").count(), 1, "{said}");
}
