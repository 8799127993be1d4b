use serde_json::json;

use super::*;

#[test]
fn an_end_is_told_by_its_phase() {
    let phase = |phase: &str| json!({"status": {"phase": phase}});
    assert_eq!(outcome(&phase("Completed")), Some(Outcome::Completed));
    assert_eq!(outcome(&phase("Failed")), Some(Outcome::Failed));
    assert_eq!(outcome(&phase("Restoring")), None);
    assert_eq!(outcome(&json!({})), None);
}

#[test]
fn a_step_is_one_of_its_handoff() {
    let object = json!({"status": {"steps": [{"step": "Hold", "leg": 1}]}});
    assert!(has_begun(&object, "Hold", 1));
    assert!(!has_begun(&object, "Hold", 2) && !has_begun(&object, "Commit", 1));
}

#[test]
fn who_waits_for_a_person_says_so() {
    let stuck = |status: &str| json!({"status": {"conditions": [{"type": "Stuck", "status": status}]}});
    assert!(is_stuck(&stuck("True")));
    assert!(!is_stuck(&stuck("False")) && !is_stuck(&Value::Null));
}

#[test]
fn a_fault_is_in_a_hold_if_all_of_it_is() {
    let leg = json!({"parkSent": "2026-11-30T10:00:01Z", "parked": "2026-11-30T10:00:03Z"});
    let object = json!({"status": {"legs": [leg, {"parkSent": "2026-11-30T10:00:09Z"}]}});
    let at = |second: i64| -> jiff::Timestamp { format!("2026-11-30T10:00:0{second}Z").parse().unwrap() };
    assert!(in_a_hold(&object, at(1), at(2)));
    assert!(!in_a_hold(&object, at(0), at(2)));
    assert!(!in_a_hold(&object, at(2), at(4)));
}

#[test]
fn a_pause_is_the_longest_of_the_handoffs() {
    let leg = |from: u8, to: u8| json!({"parkSent": format!("2026-11-30T10:00:0{from}Z"), "released": format!("2026-11-30T10:00:0{to}Z")});
    let object = json!({"status": {"legs": [leg(1, 2), leg(3, 6), {"parkSent": null}]}});
    assert_eq!(pause(&object), Some(3_000));
    assert_eq!(pause(&Value::Null), None);
}
