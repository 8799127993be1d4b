use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::api::StatefulMigration;

const KEY: &str = "11111111-1111-1111-1111-111111111111-1-0";

fn at(seconds: u32) -> String {
    format!("2026-11-30T10:00:{seconds:02}.000000Z")
}

fn plan() -> Value {
    json!({"strategy": "ShadowPod", "because": "", "container": "c", "sourceNode": "node-a", "targetNode": "node-b",
        "checkpointBackend": "Runtime", "source": {"namespace": "shop", "name": "orders-0", "uid": "source"},
        "queue": {"queue": "orders.0", "quorum": false, "hold": "SingleActive", "stream": "mq///orders.0"}})
}

fn leg(more: &Value) -> Value {
    let mut leg = json!({"number": 1, "attempt": 0, "key": KEY, "from": {"pod": "orders-0", "node": "node-a"},
        "to": {"pod": "orders-0-shadow", "node": "node-b"}});
    for (field, value) in more.as_object().unwrap() {
        leg[field] = value.clone();
    }
    leg
}

fn status(value: Value) -> MigrationStatus {
    serde_json::from_value(value).unwrap()
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn waiting() -> MigrationStatus {
    status(json!({"phase": "Pending", "startTime": at(1),
        "waiting": {"for": "MovesPerNode", "node": "node-b", "since": at(2)}}))
}

fn begun_status() -> MigrationStatus {
    status(
        json!({"phase": "Pending", "startTime": at(1), "plan": plan(), "legs": [leg(&json!({}))],
        "intent": {"step": "Stage", "leg": 1, "since": at(7)},
        "steps": [{"step": "Prepare", "leg": 0, "started": at(5), "finished": at(7)},
            {"step": "Stage", "leg": 1, "started": at(7)}]}),
    )
}

#[test]
fn a_begun_move_has_waited_since_its_first_wait() {
    assert_eq!(
        counted(&waiting(), &begun_status()),
        [Count::Begun(seconds(5)), Count::Step(Step::Prepare, seconds(2))]
    );
    assert_eq!(
        counted(&MigrationStatus::default(), &begun_status())[0],
        Count::Begun(SignedDuration::ZERO)
    );
}

#[test]
fn what_a_status_said_before_is_not_counted_again() {
    let mut moved = begun_status();
    moved.steps[1].finished = Some(MicroTime(at(9).parse().unwrap()));
    assert_eq!(
        counted(&begun_status(), &moved),
        [Count::Step(Step::Stage, seconds(2))]
    );
    for one in [waiting(), begun_status(), moved, completed(true, &[]), undone()] {
        assert_eq!(counted(&one, &one), [], "{one:?}");
    }
}

#[test]
fn several_steps_of_one_write_count_each() {
    // A step that leaves nothing new to record is entered without a write.
    let mut later = begun_status();
    later.steps[1].finished = Some(MicroTime(at(9).parse().unwrap()));
    for (step, from, to) in [("Hold", 9, Some(12)), ("Checkpoint", 12, None)] {
        let record = json!({"step": step, "leg": 1, "started": at(from), "finished": to.map(at)});
        later.steps.push(serde_json::from_value(record).unwrap());
    }
    assert_eq!(
        counted(&begun_status(), &later),
        [
            Count::Step(Step::Stage, seconds(2)),
            Count::Step(Step::Hold, seconds(3))
        ]
    );
}

#[test]
fn a_handoff_counts_its_dump_its_bytes_its_commit_and_its_way_back_once() {
    let with = |more: Value| MigrationStatus {
        legs: vec![serde_json::from_value(leg(&more)).unwrap()],
        ..begun_status()
    };
    let dump = json!({"digest": "d", "bytes": 4096, "frozenMicros": 250_000, "totalMicros": 300_000});
    let dumped = with(json!({"checkpoint": dump}));
    assert_eq!(
        counted(&begun_status(), &dumped),
        [Count::Dumped {
            bytes: 4096,
            froze: SignedDuration::from_millis(250)
        }]
    );
    let here =
        with(json!({"checkpoint": dump, "transfer": {"wireBytes": 1024, "totalMicros": 1}, "runs": at(20)}));
    assert_eq!(counted(&dumped, &here), [Count::Transferred(1024)]);
    let committed = with(
        json!({"checkpoint": dump, "transfer": {"wireBytes": 1024, "totalMicros": 1}, "runs": at(20),
        "connected": at(21), "committed": at(22)}),
    );
    assert_eq!(
        counted(&here, &committed),
        [
            Count::Committed(HoldKind::SingleActive),
            Count::Reconnected(seconds(1))
        ]
    );
}

#[test]
fn an_attempt_that_is_tried_again_is_another_one() {
    let mut again = begun_status();
    again.rollback = Some(rollback("TargetNotReady", 9));
    assert_eq!(
        counted(&begun_status(), &again),
        [Count::Undone(Reason::TargetNotReady)]
    );
    let mut twice = again.clone();
    twice.rollback = Some(rollback("TargetNotReady", 19));
    assert_eq!(counted(&again, &twice), [Count::Undone(Reason::TargetNotReady)]);
}

fn rollback(reason: &str, since: u32) -> crate::api::Rollback {
    serde_json::from_value(json!({"reason": reason, "message": "", "since": at(since)})).unwrap()
}

fn completed(exact: bool, doubts: &[&str]) -> MigrationStatus {
    let doubts: Vec<_> = doubts
        .iter()
        .map(|reason| json!({"reason": reason, "message": ""}))
        .collect();
    status(
        json!({"phase": "Completed", "startTime": at(1), "completionTime": at(31), "plan": plan(),
        "legs": [leg(&json!({"stopped": at(10), "released": at(12), "committed": at(11)}))],
        "verdict": {"exact": exact, "because": "", "doubts": doubts}}),
    )
}

fn undone() -> MigrationStatus {
    MigrationStatus {
        phase: Phase::Failed,
        rollback: Some(rollback("RestoreFailed", 9)),
        completion_time: Some(MicroTime(at(31).parse().unwrap())),
        ..begun_status()
    }
}

#[test]
fn each_end_has_its_outcome_and_its_reason() {
    let refused = status(
        json!({"phase": "Failed", "startTime": at(1), "completionTime": at(31),
        "rollback": rollback("NoControlQueue", 3)}),
    );
    let cancelled = MigrationStatus {
        phase: Phase::Cancelled,
        rollback: Some(rollback("Cancelled", 9)),
        ..undone()
    };
    let planned = MigrationStatus {
        phase: Phase::Planned,
        rollback: None,
        ..undone()
    };
    for (after, outcome, why) in [
        (completed(true, &[]), Outcome::Exact, "None"),
        (
            completed(false, &["Expired", "Overtaken"]),
            Outcome::Inexact,
            "Expired",
        ),
        (
            completed(false, &["Expired", "CopyLost"]),
            Outcome::MemoryLost,
            "CopyLost",
        ),
        (undone(), Outcome::Undone, "RestoreFailed"),
        (cancelled, Outcome::Cancelled, "Cancelled"),
        (refused, Outcome::Refused, "NoControlQueue"),
        (planned, Outcome::Planned, "None"),
    ] {
        let before = MigrationStatus {
            phase: Phase::Replaying,
            ..after.clone()
        };
        let counts = counted(&before, &after);
        let [Count::Ended(ended)] = counts.as_slice() else {
            panic!("{counts:?}");
        };
        assert_eq!((ended.outcome, ended.why.to_string()), (outcome, why.to_owned()));
        assert_eq!(ended.took, seconds(30));
        let held = matches!(outcome, Outcome::Exact | Outcome::Inexact | Outcome::MemoryLost);
        let pause = held.then_some((HoldKind::SingleActive, seconds(2)));
        assert_eq!(ended.pause, pause, "{outcome}");
    }
}

/// What is said of it before its end is not what it left.
#[test]
fn what_an_end_left_counts_with_that_end() {
    let left = Left {
        gone: "Queue".to_owned(),
        queues: vec!["ms2m.hold.a".to_owned()],
        ..Left::default()
    };
    let after = MigrationStatus {
        left: Some(left.clone()),
        ..undone()
    };
    let before = MigrationStatus {
        phase: Phase::Undoing,
        ..after.clone()
    };
    assert_eq!(counted(&before, &before), []);
    let counts = counted(&before, &after);
    assert_eq!(counts.first(), Some(&Count::Left(left)));
    assert!(matches!(counts.as_slice(), [_, Count::Ended(_)]), "{counts:?}");
    assert_eq!(counted(&after, &after), []);
}

#[test]
fn a_hold_that_lasted_too_long_counts_once_at_the_end() {
    let mut after = completed(true, &[]);
    let long = json!([{"handoff": 1, "heldMillis": 2_000, "limitMillis": 1_500, "message": ""}]);
    after.verdict.as_mut().unwrap().long_holds = serde_json::from_value(long).unwrap();
    let before = MigrationStatus {
        phase: Phase::Replaying,
        ..after.clone()
    };
    let counts = counted(&before, &after);
    assert_eq!(counts[0], Count::HeldTooLong(HoldKind::SingleActive));
    assert_eq!(counts.len(), 2, "{counts:?}");
    assert_eq!(counted(&after, &after), []);
}

#[test]
fn one_that_waits_for_a_person_counts_once() {
    let condition = |status: &str| {
        json!([{"type": "Stuck", "status": status, "reason": "NoPlace", "message": "",
        "lastTransitionTime": "2026-11-30T10:00:00Z"}])
    };
    let with = |status: &str| MigrationStatus {
        conditions: serde_json::from_value(condition(status)).unwrap(),
        ..begun_status()
    };
    assert_eq!(
        counted(&with("False"), &with("True")),
        [Count::Stuck(Reason::NoPlace)]
    );
    assert_eq!(counted(&with("True"), &with("True")), []);
}

fn migration(status: MigrationStatus) -> StatefulMigration {
    let mut one = StatefulMigration::new("move", crate::api::StatefulMigrationSpec::default());
    one.metadata.namespace = Some("shop".to_owned());
    one.metadata.uid = Some("u".to_owned());
    one.status = Some(status);
    one
}

fn seen(status: MigrationStatus, now: u32) -> Present {
    present([migration(status)].iter(), at(now).parse().unwrap())
}

#[test]
fn moves_are_under_way_in_line_or_over() {
    assert_eq!(
        (seen(begun_status(), 9).under_way, seen(waiting(), 9).under_way),
        (1, 0)
    );
    let line = seen(waiting(), 9);
    assert_eq!(
        (line.waiting["MovesPerNode"], line.waiting["Answer"], line.oldest),
        (1, 0, seconds(7))
    );
    assert_eq!(seen(completed(true, &[]), 32).under_way, 0);
}

#[test]
fn a_queue_is_named_during_its_move_and_for_a_while_after_it() {
    let held = |status: MigrationStatus, now: &str| {
        let found = present([migration(status)].iter(), now.parse::<Timestamp>().unwrap()).held;
        found
            .into_iter()
            .next()
            .map(|one| (one.vhost, one.queue, one.now))
    };
    let named = |now: bool| Some(("/".to_owned(), "orders.0".to_owned(), now));
    assert_eq!(held(waiting(), &at(9)), None);
    assert_eq!(held(begun_status(), &at(9)), named(false));
    assert_eq!(held(completed(true, &[]), &at(32)), named(false));
    assert_eq!(held(completed(true, &[]), "2026-11-30T10:02:32Z"), None);
}

#[test]
fn messages_are_held_from_the_request_until_somebody_reads() {
    let with = |more: Value| {
        present::is_held(&MigrationStatus {
            legs: vec![serde_json::from_value(leg(&more)).unwrap()],
            ..begun_status()
        })
    };
    assert!(!with(json!({})));
    assert!(with(json!({"parkSent": at(8)})));
    assert!(with(
        json!({"parkSent": at(8), "parked": at(9), "committed": at(10)})
    ));
    assert!(!with(
        json!({"parkSent": at(8), "committed": at(10), "released": at(11)})
    ));
    assert!(!with(json!({"parkSent": at(8), "resumed": at(11)})));
    // The source goes on with a copy of the stream, until the copy takes over.
    assert!(!with(json!({"parkSent": at(8), "followed": at(9)})));
    assert!(with(
        json!({"parkSent": at(8), "followed": at(9), "committed": at(10)})
    ));
}
