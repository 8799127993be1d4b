use std::time::Duration;

use serde_json::json;

use super::*;
use crate::scenario;

fn empty() -> Row {
    let origin = Origin {
        commit: "abc".into(),
        machine: "2 cores".into(),
    };
    let shape = scenario::quick()[0].shape();
    Row {
        at: "2026-11-21T10:00:00Z".into(),
        ..Row::of(shape, 1, "2026-11-21T09:59:00Z", &origin)
    }
}

fn ended(status: Value, said: &str) -> Move {
    Move {
        object: json!({ "status": status }),
        wall: Duration::from_millis(1_234),
        code: 0,
        said: said.to_owned(),
    }
}

#[test]
fn a_migration_tells_its_handoffs_and_steps() {
    let leg = |sent: &str, released: &str, frozen: i64| {
        json!({
            "parkSent": format!("2026-11-21T10:00:{sent}Z"), "released": format!("2026-11-21T10:00:{released}Z"),
            "checkpoint": {"frozenMicros": frozen, "bytes": 10}, "transfer": {"wireBytes": 5},
        })
    };
    let undone = json!({"parkSent": "2026-11-21T10:00:01.0Z"});
    let status = json!({
        "phase": "Completed", "verdict": {"exact": true},
        "startTime": "2026-11-21T10:00:00.500Z", "completionTime": "2026-11-21T10:00:05.000Z",
        "legs": [undone, leg("01.000", "01.400", 80_500), leg("03.000", "03.700", 90_000)],
        "steps": [
            {"step": "Prepare", "leg": 0, "started": "2026-11-21T10:00:00.5Z", "finished": "2026-11-21T10:00:00.6Z"},
            {"step": "Hold", "leg": 1, "started": "2026-11-21T10:00:01.0Z", "finished": "2026-11-21T10:00:01.05Z"},
            {"step": "Clean", "leg": 2, "started": "2026-11-21T10:00:01.0Z"},
        ],
    });
    let row = empty().moved(&ended(status, ""));
    assert_eq!(
        (row.phase.as_str(), row.exact, row.total_ms),
        ("Completed", Some(true), Some(4_500))
    );
    assert_eq!(
        (row.pause1_ms, row.pause2_ms, row.pause_ms),
        (Some(400), Some(700), Some(700))
    );
    assert_eq!((row.freeze1_ms, row.freeze2_ms), (Some(80), Some(90)));
    assert_eq!((row.archive_bytes, row.wire_bytes), (Some(10), Some(5)));
    assert_eq!(
        (row.steps.as_str(), row.error.as_str()),
        ("Prepare0=100;Hold1=50", "")
    );
}

#[test]
fn a_move_that_may_not_be_exact_says_why() {
    let doubt = json!({"exact": false, "because": "the broker\n died"});
    let row = empty().moved(&ended(
        json!({"phase": "Completed", "startTime": "2026-11-21T10:00:00.5Z", "verdict": doubt}),
        "",
    ));
    assert_eq!((row.exact, row.error.as_str()), (Some(false), "the broker died"));
}

#[test]
fn the_migration_before_is_not_taken_for_one_that_was_refused() {
    let before =
        json!({"phase": "Completed", "startTime": "2026-11-21T09:59:59.9Z", "verdict": {"exact": true}});
    for status in [before, Value::Null] {
        let row = empty().moved(&ended(status, "error: no such\n  node"));
        assert_eq!((row.phase.as_str(), row.exact), ("Refused", None));
        assert_eq!(row.error, "error: no such node");
    }
}

#[test]
fn the_oracle_judges_the_run_and_the_move() {
    let bad = |at: i64, took: i64| json!({"atMs": at, "tookUs": took, "failure": {"kind": "refused"}});
    let begun = millis("2026-11-21T10:00:00Z").unwrap();
    let report = json!({
        "comparison": {"missing": 1, "duplicate": 0, "reordered": 0, "stateEqual": false},
        "probes": {"sent": 100, "failed": 2, "slowestUs": 83_999, "bad": [bad(begun + 10, 0), bad(begun + 60, 1_000)]},
        "ledger": {"startedAtMs": 1_000, "endedAtMs": 3_000, "publishers": [{"confirmed": 100}, {"confirmed": 60}]},
    });
    let row = empty().judged(&report, None);
    assert_eq!(
        (row.missing, row.state_equal, row.slowest_probe_ms),
        (Some(1), Some(false), Some(83))
    );
    assert_eq!((row.downtime_ms, row.published), (Some(51), Some(80)));
}
