use serde_json::json;

use super::*;

const CLEAN: Seen = Seen {
    missing: 0,
    duplicate: 0,
    reordered: 0,
    state_equal: true,
    control_faults: 0,
    redelivered: 0,
    exact: true,
};

const TWICE: Seen = Seen {
    duplicate: 2,
    redelivered: 3,
    state_equal: false,
    exact: false,
    ..CLEAN
};

fn told(verdict: Told) -> Row {
    Row {
        outcome: Outcome::Completed,
        verdict,
        ..Row::default()
    }
}

fn judged(verdicts: &[Told], seen: Seen, broker: BrokerFault) -> Vec<Row> {
    let mut rows: Vec<Row> = verdicts.iter().map(|verdict| told(*verdict)).collect();
    judge(&mut rows, &seen, broker);
    rows
}

fn wrong(rows: &[Row]) -> usize {
    rows.iter().filter(|row| !row.wrong.is_empty()).count()
}

#[test]
fn what_nobody_saw_contradicts_nothing() {
    let rows = judged(&[Told::Exact, Told::NotExact], CLEAN, BrokerFault::None);
    assert_eq!((wrong(&rows), rows[0].excuse), (0, Excuse::Nothing));
    assert_eq!(rows[1].missing, Some(0));
}

#[test]
fn exact_told_where_something_was_applied_twice_is_wrong_once() {
    let rows = judged(&[Told::Exact, Told::Exact], TWICE, BrokerFault::None);
    assert_eq!((wrong(&rows), rows[0].excuse), (1, Excuse::Nothing));
}

#[test]
fn not_exact_told_explains_what_was_applied_twice_but_no_loss() {
    let rows = judged(&[Told::Exact, Told::NotExact], TWICE, BrokerFault::None);
    assert_eq!((wrong(&rows), rows[0].excuse), (0, Excuse::Verdict));
    let lost = Seen { missing: 1, ..TWICE };
    assert_eq!(
        wrong(&judged(&[Told::Exact, Told::NotExact], lost, BrokerFault::None)),
        1
    );
}

#[test]
fn what_nobody_tells_is_wrong_as_well() {
    let rows = judged(&[Told::Nothing], TWICE, BrokerFault::None);
    assert!(rows[0].wrong.contains("no verdict told"), "{}", rows[0].wrong);
}

#[test]
fn what_the_broker_delivers_again_is_its_own_outside_of_a_hold() {
    let rows = judged(&[Told::Exact], TWICE, BrokerFault::Outside);
    assert_eq!((wrong(&rows), rows[0].excuse), (0, Excuse::Redelivered));
    assert_eq!(wrong(&judged(&[Told::Exact], TWICE, BrokerFault::InTheHold)), 1);
    let more = Seen {
        duplicate: 4,
        ..TWICE
    };
    assert_eq!(wrong(&judged(&[Told::Exact], more, BrokerFault::Outside)), 1);
    let late = Seen {
        reordered: 1,
        ..TWICE
    };
    assert_eq!(wrong(&judged(&[Told::Exact], late, BrokerFault::Outside)), 1);
}

#[test]
fn a_state_that_differs_alone_is_wrong() {
    let differs = Seen {
        state_equal: false,
        exact: false,
        ..CLEAN
    };
    assert_eq!(wrong(&judged(&[Told::Exact], differs, BrokerFault::None)), 1);
    assert_eq!(wrong(&judged(&[Told::Exact], differs, BrokerFault::Outside)), 1);
}

#[test]
fn a_group_that_could_not_be_judged_is_not_taken_for_a_good_one() {
    let mut rows = [told(Told::Exact), Row::default()];
    unjudged(&mut rows, "the pod does not answer");
    assert!(rows[0].wrong.contains("does not answer"));
    assert_eq!(rows[1].wrong, "");
}

#[test]
fn a_pod_is_where_its_outcome_says() {
    let place = |stayed, on_target| Place { stayed, on_target };
    assert_eq!(misplaced(Outcome::Completed, place(false, true)), None);
    assert!(misplaced(Outcome::Completed, place(true, false)).is_some());
    assert!(misplaced(Outcome::Completed, place(false, false)).is_some());
    assert_eq!(misplaced(Outcome::Failed, place(true, false)), None);
    assert!(misplaced(Outcome::Cancelled, place(false, true)).is_some());
    assert_eq!(misplaced(Outcome::Deleted, place(false, true)), None);
    assert_eq!(misplaced(Outcome::Deleted, place(true, false)), None);
    assert!(misplaced(Outcome::Deleted, place(false, false)).is_some());
    assert!(misplaced(Outcome::Unended, place(true, false)).is_some());
}

#[test]
fn the_report_of_an_oracle_is_read_whole_or_not_at_all() {
    let mut report = json!({
        "exact": false, "redelivered": 3,
        "comparison": {"missing": 0, "duplicate": 2, "reordered": 0, "stateEqual": false, "controlFaults": 0},
    });
    assert_eq!(Seen::of(&report), Some(TWICE));
    report["comparison"]["reordered"] = json!(null);
    assert_eq!(Seen::of(&report), None);
}
