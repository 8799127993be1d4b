//! `pause` and `resume`: what is asked for, what is told, and how they exit; and who says that moves are paused.

use std::sync::Mutex;

use serde_json::{Value, json};

use crate::stub::{Answer, Asked, Stub, err, failure, list, out};
use crate::{held, migration};

const REASON: &str = "the broker is updated";

fn pause(reason: &str, through: bool) -> Value {
    json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "Pause",
        "metadata": {"name": "moves", "uid": "u1", "resourceVersion": "3", "creationTimestamp": "2026-01-02T03:04:05Z"},
        "spec": {"reason": reason, "by": "carol", "letEvictionsThrough": through}})
}

/// A cluster with this pause, which keeps what it is told unless that is a dry run.
fn cluster(paused: Option<Value>) -> Stub {
    let pause = Mutex::new(paused);
    Stub::that_answers(move |asked| {
        let mut pause = pause.lock().unwrap();
        let last = asked.place().rsplit('/').next().unwrap();
        match (asked.method.as_str(), last) {
            ("POST", "selfsubjectreviews") => {
                let status = json!({"userInfo": {"username": "alice"}});
                Answer::Json(201, json!({"metadata": {}, "status": status}))
            }
            ("GET", "statefulmigrations") => list(
                "StatefulMigrationList",
                vec![migration("orders-2-c", "orders-2", held())],
            ),
            ("GET", "orders-2-c") => Answer::Json(200, migration("orders-2-c", "orders-2", held())),
            (method, "moves") => of_pause(method, asked, &mut pause),
            _ => failure(404, "NotFound", "not found", last),
        }
    })
}

fn of_pause(method: &str, asked: &Asked, pause: &mut Option<Value>) -> Answer {
    let keeps = !asked.query().contains("dryRun=All") && asked.body["dryRun"] != json!(["All"]);
    let now = match method {
        "PATCH" => {
            let mut made = asked.body.clone();
            made["metadata"]["creationTimestamp"] = "2026-01-02T03:04:05Z".into();
            Some(made)
        }
        "DELETE" => None,
        _ => pause.clone(),
    };
    let shown = now.clone().or(pause.clone());
    if keeps {
        *pause = now;
    }
    shown.map_or_else(
        || failure(404, "NotFound", "not found", "moves"),
        |pause| Answer::Json(200, pause),
    )
}

#[test]
fn a_pause_names_who_and_why_and_may_be_repeated() {
    let stub = cluster(None);
    let output = stub.runs(&["pause", "--reason", REASON]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let said = out(&output);
    for part in [
        "moves are paused by alice since 2026-01-02T03:04:05Z (the broker is updated)",
        "kubectl shadow resume",
        "wait",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let made = stub
        .changes()
        .into_iter()
        .find(|asked| asked.method == "PATCH")
        .unwrap();
    assert_eq!(made.body["spec"], json!({"reason": REASON, "by": "alice"}));
    let again = stub.runs(&["pause", "--reason", REASON]);
    assert_eq!(again.status.code(), Some(0), "{}", err(&again));
    assert!(
        out(&again).starts_with("nothing was changed: moves are paused"),
        "{}",
        out(&again)
    );
    let patches = |stub: &Stub| {
        stub.changes()
            .iter()
            .filter(|asked| asked.method == "PATCH")
            .count()
    };
    assert_eq!(patches(&stub), 1);
    let other = stub.runs(&["pause", "--reason", REASON, "--let-evictions-through"]);
    assert!(out(&other).contains("lose their memory"), "{}", out(&other));
    assert_eq!(patches(&stub), 2);
}

#[test]
fn a_resume_ends_the_pause_that_was_seen_and_may_be_repeated() {
    let stub = cluster(Some(pause(REASON, false)));
    let output = stub.runs(&["resume"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("moves may begin again. Until now moves are paused by carol"));
    let deleted = stub
        .changes()
        .into_iter()
        .find(|asked| asked.method == "DELETE")
        .unwrap();
    assert_eq!(
        deleted.body["preconditions"],
        json!({"uid": "u1", "resourceVersion": "3"})
    );
    let again = stub.runs(&["resume"]);
    assert_eq!(again.status.code(), Some(0), "{}", err(&again));
    assert_eq!(out(&again), "nothing was changed: moves are not paused\n");
}

#[test]
fn a_dry_run_asks_the_cluster_and_keeps_nothing() {
    for (paused, args) in [
        (None, &["pause", "--reason", REASON, "--dry-run"][..]),
        (Some(pause(REASON, false)), &["resume", "--dry-run"][..]),
    ] {
        let stub = cluster(paused.clone());
        let output = stub.runs(args);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert!(
            out(&output).ends_with("nothing was done (--dry-run)\n"),
            "{}",
            out(&output)
        );
        let listed = stub.runs(&["list"]);
        assert_eq!(err(&listed).contains("moves are paused"), paused.is_some());
    }
}

#[test]
fn whoever_may_not_pause_or_gives_no_reason_is_refused() {
    let stub = Stub::that_answers(|asked| match asked.method.as_str() {
        "PATCH" => failure(
            403,
            "Forbidden",
            "pauses is forbidden: User \"alice\" cannot patch",
            "moves",
        ),
        _ => failure(404, "NotFound", "not found", "moves"),
    });
    let output = stub.runs(&["pause", "--reason", REASON]);
    assert_eq!(output.status.code(), Some(1), "{}", out(&output));
    assert!(err(&output).contains("cannot patch"), "{}", err(&output));
    for args in [&["pause"][..], &["pause", "--reason", " "]] {
        let output = stub.runs(args);
        assert_eq!(output.status.code(), Some(1), "{}", out(&output));
        assert!(err(&output).contains("--reason"), "{}", err(&output));
    }
}

#[test]
fn list_and_status_say_that_moves_are_paused_beside_their_answer() {
    let stub = cluster(Some(pause(REASON, false)));
    for args in [&["list"][..], &["status"], &["status", "orders-2-c"]] {
        let output = stub.runs(args);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert!(
            err(&output).contains("by carol since 2026-01-02T03:04:05Z (the broker is updated)"),
            "{args:?}"
        );
        assert!(!out(&output).contains("paused by"), "{}", out(&output));
    }
    let bare = stub.runs(&["list", "-o", "name"]);
    assert_eq!(err(&bare), "", "a script is told by the objects");
}
