//! `plan`, with and without a rehearsal: what is asked for, what is told, and how it exits.

use serde_json::{Value, json};

use crate::stub::{Answer, Asked, Stub, err, failure, list, out};
use crate::{migration, plan};

const BEGUN: &str = "2026-01-02T03:04:05.000000Z";

/// A cluster whose controller makes each plan at once; the rehearsal comes to this.
fn cluster(rehearsal: Value) -> Stub {
    Stub::that_answers(move |asked| match (asked.method.as_str(), asked.place()) {
        ("POST", path) if path.ends_with("/statefulmigrations") => Answer::Json(201, made(asked, &rehearsal)),
        ("GET", _) if asked.path.contains("watch=true") => Answer::Stream(Vec::new()),
        ("GET", path) if path.ends_with("/statefulmigrations") => {
            list("StatefulMigrationList", vec![planned(&rehearsal)])
        }
        ("GET" | "DELETE", path) if path.contains("/statefulmigrations/") => {
            Answer::Json(200, planned(&rehearsal))
        }
        (_, path) => failure(404, "NotFound", "not found", path.rsplit('/').next().unwrap()),
    })
}

fn made(asked: &Asked, rehearsal: &Value) -> Value {
    let mut made = planned(rehearsal);
    made["spec"] = asked.body["spec"].clone();
    made["status"] = Value::Null;
    made
}

fn planned(rehearsal: &Value) -> Value {
    let mut outlook = json!({"totalMillis": 3900, "pauseMillis": 470, "freezeMillis": 112, "basis": "Measurements",
        "memoryBytes": 11_200_000, "candidates": [{"node": "node-b"}]});
    if !rehearsal.is_null() {
        outlook["rehearsal"] = rehearsal.clone();
    }
    migration(
        "orders-0-plan-x",
        "orders-0",
        json!({"phase": "Planned", "plan": plan(), "outlook": outlook}),
    )
}

fn cost() -> Value {
    json!({"begun": BEGUN, "cost": {"frozenMillis": 84, "archiveBytes": 12_340_000, "totalMillis": 231}})
}

fn failed(begun: bool, reason: &str, message: &str) -> Value {
    let mut failed = json!({"failure": {"reason": reason, "message": message}});
    if begun {
        failed["begun"] = json!(BEGUN);
    }
    failed
}

/// Specs of the plans that were asked for.
fn wanted(stub: &Stub) -> Vec<Value> {
    let posted = stub.changes().into_iter().filter(|asked| asked.method == "POST");
    posted.map(|asked| asked.body["spec"].clone()).collect()
}

#[test]
fn a_process_is_dumped_only_when_that_is_asked_for() {
    for (flags, rehearsed) in [(&[][..], Value::Null), (&["--rehearse"], json!(true))] {
        let stub = cluster(if flags.is_empty() { Value::Null } else { cost() });
        let output = stub.runs(&[&["plan", "orders-0"], flags].concat());
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        let specs = wanted(&stub);
        assert_eq!(specs.len(), 1);
        assert_eq!(
            (&specs[0]["planOnly"], &specs[0]["rehearse"]),
            (&json!(true), &rehearsed)
        );
    }
}

#[test]
fn a_rehearsal_says_what_it_cost() {
    let stub = cluster(cost());
    let output = stub.runs(&["plan", "orders-0", "--rehearse"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    insta::assert_snapshot!(out(&output));
}

#[test]
fn json_has_what_it_cost() {
    let stub = cluster(cost());
    let output = stub.runs(&["plan", "orders-0", "--rehearse", "-o", "json"]);
    let object: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(object["status"]["outlook"]["rehearsal"], cost());
}

#[test]
fn a_dump_that_fails_is_told_first_and_ends_the_command_with_1() {
    let why =
        "the agent on node-a: the dump failed, and the container goes on: runc failed: an io_uring is open";
    let stub = cluster(failed(true, "DumpFailed", why));
    let output = stub.runs(&["plan", "orders-0", "--rehearse"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    insta::assert_snapshot!(out(&output));
}

#[test]
fn a_rehearsal_that_is_refused_has_dumped_nothing_and_ends_the_command_with_1() {
    let why = "pod orders-0 is expected to stand still for 3.4 s, and a rehearsal may take 2.0 s";
    let stub = cluster(failed(false, "FreezeTooLong", why));
    let output = stub.runs(&["plan", "orders-0", "--rehearse"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let said = out(&output);
    for part in [
        "orders-0 can be moved to node-b, but it was not rehearsed",
        "NO, nothing was dumped (FreezeTooLong)",
        why,
    ] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn a_controller_that_knows_no_rehearsal_is_not_taken_for_one_that_made_it() {
    let stub = cluster(Value::Null);
    let output = stub.runs(&["plan", "orders-0", "--rehearse"]);
    assert_eq!(output.status.code(), Some(4), "{}", out(&output));
    assert!(err(&output).contains("earlier version"), "{}", err(&output));
}

#[test]
fn a_dry_run_has_no_rehearsal_and_a_move_neither() {
    for args in [
        &["plan", "orders-0", "--rehearse", "--dry-run=server"][..],
        &["migrate", "orders-0", "--rehearse"],
        &["migrate", "orders-0", "--dry-run=client", "--rehearse"],
        &["drain", "node-a", "--dry-run", "--rehearse"],
    ] {
        let stub = cluster(Value::Null);
        let output = stub.runs(args);
        assert_ne!(output.status.code(), Some(0), "{args:?}");
        assert!(wanted(&stub).is_empty(), "{args:?}");
    }
}
