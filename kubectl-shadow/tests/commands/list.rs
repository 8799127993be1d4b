//! `list`, `status`, `cancel`: what is read, printed and asked for.

use serde_json::{Value, json};

use crate::stub::{Answer, Asked, Stub, err, failure, list, out};
use crate::{held, migration, moved, undone};

fn three() -> Vec<Value> {
    vec![
        migration("orders-0-a", "orders-0", moved()),
        migration("orders-1-b", "orders-1", undone()),
        migration("orders-2-c", "orders-2", held()),
    ]
}

/// Knows the three.
fn answer(asked: &Asked) -> Answer {
    let last = asked.place().rsplit('/').next().unwrap();
    if last == "statefulmigrations" {
        let (_, only) = asked.path.split_once("metadata.name%3D").unwrap_or_default();
        let only = only.split('&').next().unwrap();
        let mut all = three();
        all.retain(|one| only.is_empty() || one["metadata"]["name"] == only);
        return match asked.path.contains("watch=true") {
            true => Answer::Stream(Vec::new()),
            false => list("StatefulMigrationList", all),
        };
    }
    let found = three().into_iter().find(|one| one["metadata"]["name"] == last);
    found.map_or_else(
        || failure(404, "NotFound", "not found", last),
        |one| Answer::Json(200, one),
    )
}

fn stub() -> Stub {
    Stub::that_answers(answer)
}

/// The last column is an age.
fn without_age(text: &str) -> Vec<String> {
    let cut = |line: &str| line.rsplit_once(' ').map(|(rest, _)| rest.trim_end().to_owned());
    text.lines().map(|line| cut(line).unwrap()).collect()
}

#[test]
fn migrations_are_listed_in_columns() {
    let stub = stub();
    let output = stub.runs(&["list"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(
        without_age(&out(&output)),
        [
            "NAME         POD        FROM     TO       STATE    STEP          PAUSE",
            "orders-0-a   orders-0   node-a   node-b   EXACT    -             412ms",
            "orders-1-b   orders-1   node-a   node-b   UNDONE   -             -",
            "orders-2-c   orders-2   node-a   node-b   MOVING   Restore 1/2   -",
        ]
    );
    let status = stub.runs(&["status", "--namespace", "shop"]);
    assert_eq!(out(&status), out(&output), "status without a name lists");
    let bare = stub.runs(&["ls", "--no-headers"]);
    assert_eq!(out(&bare).lines().count(), 3);
}

#[test]
fn a_pipe_gets_colours_only_if_they_are_asked_for() {
    let stub = stub();
    let painted = |args: &[&str]| out(&stub.runs(args)).contains("\u{1b}[1;34mEXACT\u{1b}[0m");
    assert!(painted(&["list", "--color=always"]));
    assert!(!painted(&["list"]));
    assert!(!painted(&["list", "--color=never"]));
}

#[test]
fn all_namespaces_and_labels_are_asked_of_the_server() {
    let stub = stub();
    let output = stub.runs(&["ls", "-A", "-l", "app=orders", "-o", "wide"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).starts_with("NAMESPACE   NAME"), "{}", out(&output));
    assert!(
        out(&output).contains("not proven") || out(&output).contains("exact"),
        "{}",
        out(&output)
    );
    assert!(out(&output).contains("NotParked"), "{}", out(&output));
    let path = &stub.asked()[0].path;
    assert!(
        path.starts_with("/apis/migration.ms2m.io/v1alpha1/statefulmigrations?"),
        "{path}"
    );
    assert!(path.contains("labelSelector=app%3Dorders"), "{path}");
}

#[test]
fn scripts_get_what_kubectl_would_give_them() {
    let stub = stub();
    let run = |args: &[&str]| {
        let output = stub.runs(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", err(&output));
        out(&output)
    };
    let names = run(&["list", "-o", "name"]);
    assert_eq!(
        names.lines().next(),
        Some("statefulmigration.migration.ms2m.io/orders-0-a")
    );
    let all: Value = serde_json::from_str(&run(&["list", "-ojson"])).unwrap();
    assert_eq!(all["items"][2]["status"]["phase"], "Restoring");
    assert_eq!(all["items"][0]["metadata"]["managedFields"], Value::Null);
    let path = "jsonpath={range .items[*]}{.spec.sourcePod} {.status.phase}{\"\\n\"}{end}";
    assert_eq!(
        run(&["list", "-o", path]),
        "orders-0 Completed\norders-1 Failed\norders-2 Restoring\n"
    );
    let one = run(&["status", "smig/orders-1-b", "-o", "yaml"]);
    assert!(one.contains("sourcePod: orders-1"), "{one}");
    assert_eq!(
        run(&["status", "pod/orders-2", "-o", "jsonpath={.metadata.name}"]),
        "orders-2-c\n"
    );
    let sorted = run(&[
        "list",
        "--sort-by=.status.phase",
        "-o",
        "jsonpath={.items[*].status.phase}",
    ]);
    assert_eq!(sorted, "Completed Failed Restoring\n");
}

#[test]
fn what_is_not_there_is_told() {
    let stub = Stub::that_answers(|asked| match asked.place().rsplit('/').next() {
        Some("statefulmigrations") => list("StatefulMigrationList", Vec::new()),
        _ => failure(404, "NotFound", "not found", "x"),
    });
    let output = stub.runs(&["list"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(out(&output), "");
    assert!(
        err(&output).contains("no migration in namespace shop"),
        "{}",
        err(&output)
    );
    let output = stub.runs(&["status", "pod/x"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err(&output).contains("no migration of a pod x"),
        "{}",
        err(&output)
    );
    let output = stub.runs(&["status", "sts/x"]);
    assert!(err(&output).contains("pod/NAME, smig/NAME"), "{}", err(&output));
}

#[test]
fn following_ends_with_the_exit_code_of_the_move() {
    let stub = stub();
    for (name, code) in [("orders-0-a", 0), ("orders-1-b", 2)] {
        let output = stub.runs(&["status", name, "-w"]);
        assert_eq!(output.status.code(), Some(code), "{}", err(&output));
    }
    let output = stub.runs(&["status", "orders-1", "-w", "-o", "json"]);
    assert_eq!(output.status.code(), Some(2), "{}", err(&output));
    let lines: Vec<Value> = out(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["status"]["phase"], "Failed");
}

/// What is read beside the watch is no change.
#[test]
fn a_script_that_follows_gets_one_line_for_each_change() {
    let stub = Stub::that_answers(|asked| {
        let before = migration("orders-0-a", "orders-0", held());
        if asked.path.contains("watch=true") {
            let mut after = migration("orders-0-a", "orders-0", moved());
            after["metadata"]["resourceVersion"] = json!("8");
            return Answer::Stream(vec![json!({"type": "MODIFIED", "object": after})]);
        }
        match asked.place().ends_with("/statefulmigrations") {
            true => list("StatefulMigrationList", vec![before]),
            false => Answer::Json(200, before),
        }
    });
    let output = stub.runs(&["status", "smig/orders-0-a", "-w", "-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let phases: Vec<Value> = out(&output)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["status"]["phase"].clone())
        .collect();
    assert_eq!(phases, ["Restoring", "Completed"]);
}

#[test]
fn following_may_have_a_limit() {
    let stub = stub();
    let output = stub.runs(&["status", "orders-2", "-w", "--timeout=1s"]);
    assert_eq!(output.status.code(), Some(4), "{}", err(&output));
    for word in [
        "after 1s (--timeout)",
        "in step Restore",
        "status orders-2-c -n shop -w",
        "cancel orders-2-c -n shop",
    ] {
        assert!(err(&output).contains(word), "{}", err(&output));
    }
}

fn committed() -> Value {
    let mut status = held();
    let time = "2026-01-02T03:04:05.000000Z";
    let instance = |pod: &str, node: &str| json!({"pod": pod, "node": node});
    status["legs"] = json!([{"number": 1, "attempt": 0, "key": "u-1-0", "committed": time,
        "from": instance("orders-0", "node-a"), "to": instance("orders-0-shadow", "node-b")}]);
    status
}

/// It is held when it is read first, and ends as this says once it was asked to.
fn cancelling(first: fn() -> Value, then: fn() -> Value) -> Stub {
    let asked_to = std::sync::atomic::AtomicBool::new(false);
    Stub::that_answers(move |asked| {
        use std::sync::atomic::Ordering::SeqCst;
        if asked.method == "PATCH" {
            asked_to.store(true, SeqCst);
        }
        let status = if asked_to.load(SeqCst) { then() } else { first() };
        let one = migration("orders-0-a", "orders-0", status);
        if asked.place().ends_with("/statefulmigrations") {
            list("StatefulMigrationList", vec![one])
        } else {
            Answer::Json(200, one)
        }
    })
}

#[test]
fn a_move_that_can_be_undone_is_undone_and_waited_for() {
    fn steps(names: &[&str]) -> Value {
        let time = "2026-01-02T03:04:04.000000Z";
        names
            .iter()
            .map(|name| json!({"step": name, "leg": 1, "started": time, "finished": time}))
            .collect()
    }
    fn held() -> Value {
        let mut status = crate::held();
        let going_on = status["steps"][0].take();
        status["steps"] = steps(&["Stage"]);
        status["steps"].as_array_mut().unwrap().push(going_on);
        status
    }
    let cancelled = || json!({"phase": "Cancelled", "sourceNode": "node-a", "plan": crate::plan(), "steps": steps(&["Stage", "Restore", "Abandon"])});
    let stub = cancelling(held, cancelled);
    let output = stub.runs(&["cancel", "smig/orders-0-a"]);
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    assert!(
        out(&output).contains("not committed, so it can still be undone (in step Restore"),
        "{}",
        out(&output)
    );
    assert!(
        out(&output).contains("orders-0 was not moved, as asked"),
        "{}",
        out(&output)
    );
    assert!(
        !out(&output).contains("Stage"),
        "what was before is not told: {}",
        out(&output)
    );
    assert_eq!(stub.changes()[0].body, json!({"spec": {"cancel": true}}));
    let output = cancelling(held, cancelled).runs(&["cancel", "orders-0-a", "--wait=false"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let output = cancelling(held, moved).runs(&["cancel", "orders-0-a"]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "it committed at that moment: {}",
        err(&output)
    );
}

#[test]
fn a_committed_move_is_not_undone_and_that_is_told() {
    let stub = cancelling(committed, committed);
    let output = stub.runs(&["cancel", "orders-0-a"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(
        err(&output).contains("is committed, so it cannot be undone any more"),
        "{}",
        err(&output)
    );
    assert!(stub.changes().is_empty());
    let output = stub.runs(&["cancel", "orders-0-a", "--give-memory-up", "--wait=false"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(stub.changes()[0].body["spec"]["giveMemoryUp"], true);
}
