//! Against an API server that knows one migration.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stub::one::{Answer, NAME, Server};
use crate::terminal::Terminal;
use crate::{PLUGIN, recording};

const SECRET: &str = "s3cr3t-planted";

fn status(phase: &str, step: &str) -> Value {
    let time = "2026-01-02T03:04:05.000000Z";
    json!({"phase": phase, "handoff": "1/2", "sourceNode": "node-a", "startTime": time,
        "plan": {"strategy": "ShadowPod", "because": "as asked", "container": "c", "sourceNode": "node-a",
            "targetNode": "node-b", "checkpointBackend": "Runtime",
            "source": {"namespace": "shop", "name": "orders-0", "uid": "u"}, "queue": {"queue": "q", "quorum": false}},
        "steps": [{"step": "Prepare", "leg": 0, "started": time, "finished": time, "note": format!("amqp://u:{SECRET}@mq is reached")},
            {"step": step, "leg": 1, "started": time}]})
}

fn ended() -> Value {
    let mut ended = status("Completed", "Clean");
    ended["steps"][1]["finished"] = json!("2026-01-02T03:04:09.000000Z");
    ended["verdict"] = json!({"exact": true, "because": "proven"});
    ended
}

/// Under way for some seconds, then over.
fn server(seconds: u64) -> Server {
    Server::that_shows(move |since| {
        if since < Duration::from_secs(seconds) {
            Answer::Shown(status("Restoring", "Restore"))
        } else {
            Answer::Shown(ended())
        }
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn in_a_pipe_it_says_what_follow_says_and_ends_with_the_move() {
    let server = server(3);
    let output = server
        .asked_by(PLUGIN)
        .args(["watch", "orders-0"])
        .output()
        .unwrap();
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
    assert!(said.contains("Clean") && said.contains("Exact: proven"), "{said}");
    assert!(!said.contains('\u{1b}') && !said.contains(SECRET), "{said}");
}

#[test]
fn a_pod_that_never_moved_is_refused_and_named() {
    let server = server(3);
    let output = server
        .asked_by(PLUGIN)
        .args(["watch", "another-0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("another-0"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_missing_right_is_told_at_once() {
    let server = Server::that_shows(|_| Answer::Error(403, "you may not"));
    let begun = Instant::now();
    let output = server.asked_by(PLUGIN).arg("watch").output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("list and watch") && begun.elapsed() < Duration::from_secs(8),
        "{said}"
    );
}

#[test]
fn what_may_not_be_seen_is_named_and_the_rest_is_shown() {
    for (denied, named) in [
        (&["/migrationprogresses"][..], "migrationprogresses"),
        (&["/pods"][..], "pods"),
    ] {
        let server = Server::that_denies(denied, |_| {
            let mut shown = status("Restoring", "Restore");
            shown["legs"] = json!([{"number": 1, "attempt": 0, "key": "11111111-1111-1111-1111-111111111111-1-0",
                "from": {"pod": "orders-0", "node": "node-a"}, "to": {"pod": "orders-0-shadow", "node": "node-b"}}]);
            Answer::Shown(shown)
        });
        let mut program = server.asked_by(PLUGIN);
        program.args(["watch", "orders-0"]).env("TERM", "xterm");
        let mut terminal = Terminal::with(program);
        terminal.wait_for("Restore", 1);
        // Word by word: blanks that are blank already are not written again.
        terminal.wait_for("RIGHT:", 1);
        terminal.wait_for(named, 1);
        terminal.press("q");
        assert_eq!(terminal.ended().0, Some(130), "{denied:?}");
    }
}

#[test]
fn a_move_is_recorded_and_its_recording_is_played_with_the_same_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.ndjson");
    let server = server(3);
    let output = server
        .asked_by(PLUGIN)
        .args(["migrate", "orders-0", "--to", "node-b", "--record"])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("recorded in"),
        "{}",
        text(&output.stderr)
    );
    let recorded = std::fs::read_to_string(&file).unwrap();
    assert!(
        !recorded.contains(SECRET) && recorded.contains("amqp://REMOVED@mq"),
        "{recorded}"
    );
    assert!(recorded.lines().last().unwrap().contains("\"end\""), "{recorded}");
    let played = crate::without_a_cluster()
        .args(["watch", "--play"])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(played.status.code(), Some(0), "{}", text(&played.stderr));
    assert!(
        text(&played.stdout).contains("Exact: proven"),
        "{}",
        text(&played.stdout)
    );
    let again = server
        .asked_by(PLUGIN)
        .args(["watch", NAME, "--record"])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(1), "a recording is not written over");
}

#[test]
fn it_can_be_left_while_the_move_goes_on() {
    let server = server(600);
    let mut program = server.asked_by(PLUGIN);
    program.args(["watch", "orders-0"]).env("TERM", "xterm");
    let mut terminal = Terminal::with(program);
    terminal.wait_for("Restore", 1);
    assert!(!terminal.text().contains(SECRET));
    terminal.press("q");
    let (code, after) = terminal.ended();
    assert_eq!(code, Some(130), "{after}");
    assert!(
        after.contains("kubectl shadow cancel orders-0-x7k2p -n shop"),
        "{after:?}"
    );
}

#[test]
fn a_move_is_undone_by_two_keys_and_by_none_alone() {
    let server = server(600);
    let mut program = server.asked_by(PLUGIN);
    program.args(["watch", "orders-0"]).env("TERM", "xterm");
    let mut terminal = Terminal::with(program);
    terminal.wait_for("Restore", 1);
    for (key, times) in [("\r", 1), ("n", 2)] {
        terminal.press("C");
        terminal.wait_for("Undo the move", times);
        terminal.press(key);
        // The question is gone, and nothing was asked for.
        terminal.press("?");
        terminal.wait_for("any key closes", times);
        terminal.press("?");
    }
    assert_eq!(server.patches(), 0);
    terminal.press("C");
    terminal.wait_for("Undo the move", 3);
    terminal.press("y");
    terminal.wait_for("is being cancelled", 1);
    assert_eq!(server.patches(), 1);
    terminal.press("q");
    terminal.ended();
}

#[test]
fn a_move_can_be_watched_from_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.ndjson");
    let server = server(3);
    let mut program = server.asked_by(PLUGIN);
    program
        .args(["migrate", "orders-0", "--to", "node-b", "--watch", "--record"])
        .arg(&file)
        .env("TERM", "xterm");
    let mut terminal = Terminal::with(program);
    terminal.wait_for("EXACT", 1);
    terminal.press("q");
    let (code, after) = terminal.ended();
    assert_eq!(code, Some(0), "{after}");
    // What the API server warned of when it accepted the move is said once the terminal is ours again, or was before.
    assert!(
        terminal.text().contains("warning: its files stay behind"),
        "{after}"
    );
    assert!(
        after.contains("recorded in") && after.contains("Exact: proven"),
        "{after:?}"
    );
    assert!(std::fs::read_to_string(&file).unwrap().contains("\"k\":\"mig\""));
}

#[test]
fn with_read_only_nothing_can_be_undone() {
    let server = server(600);
    let mut program = server.asked_by(PLUGIN);
    program
        .args(["watch", "pod/orders-0", "--read-only"])
        .env("TERM", "xterm");
    let mut terminal = Terminal::with(program);
    terminal.wait_for("Restore", 1);
    terminal.press("C");
    terminal.wait_for("--read-only", 1);
    terminal.press("yyqq");
    assert_eq!(terminal.ended().0, Some(130));
    assert_eq!(server.patches(), 0);
}

#[test]
fn the_first_frame_does_not_wait_for_the_cluster() {
    let server = Server::that_shows(|_| Answer::Late(Duration::from_secs(5), status("Restoring", "Restore")));
    let mut program = server.asked_by(PLUGIN);
    program.arg("watch").env("TERM", "xterm");
    let begun = Instant::now();
    let mut terminal = Terminal::with(program);
    terminal.wait_for("seen yet", 1);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    terminal.press("q");
    assert_eq!(terminal.ended().0, Some(0));
}

#[test]
fn a_silent_api_server_is_shown_as_such_and_its_return_too() {
    let server = Server::that_shows(|since| match since.as_secs() {
        0..3 => Answer::Shown(status("Restoring", "Restore")),
        3..12 => Answer::Late(Duration::from_secs(12), status("Restoring", "Restore")),
        _ => Answer::Shown(ended()),
    });
    let mut program = server.asked_by(PLUGIN);
    program.args(["watch", "orders-0"]).env("TERM", "xterm");
    let mut terminal = Terminal::with(program);
    terminal.wait_for("NOT SEEN", 1);
    terminal.wait_for("EXACT", 1);
    terminal.press("q");
    assert_eq!(terminal.ended().0, Some(0));
}

#[test]
fn invented_recordings_say_so() {
    for entry in std::fs::read_dir(recording("move").parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        assert!(
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("invented-"),
            "{path:?}"
        );
        let first = std::fs::read_to_string(&path)
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .to_owned();
        assert!(first.contains("\"invented\":true"), "{path:?}");
    }
}
