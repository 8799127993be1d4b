//! How long an eviction waits for its move, and for what: each wait, and where it ends.

use k8s_openapi::jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use shadow_core::api::{Evacuation, EvacuationWait, EvacuationWaitsFor, OnNotNow, StatefulMigration};
use shadow_core::eviction::consent;
use shadow_core::eviction::next::{Next, Obstacle, Seen, next};

use crate::world::*;

fn at(seconds: i64) -> Timestamp {
    NOW.parse::<Timestamp>().unwrap() + seconds.seconds()
}

/// What is seen of an eviction that is not decided yet.
#[derive(Default)]
struct Case<'a> {
    waits_for: Option<EvacuationWaitsFor>,
    /// The wait that is written already, and since when.
    before: Option<(EvacuationWaitsFor, i64)>,
    /// For what the migration waits in line, if there is one.
    in_line: Option<&'a str>,
    lets_wait: bool,
    too_late: Option<&'a str>,
}

fn decided(case: &Case<'_>) -> Next {
    let mut status = json!({"state": "Waiting"});
    if let Some((waits_for, since)) = case.before {
        status["waiting"] = json!({"for": format!("{waits_for:?}"), "since": at(since).to_string()});
    }
    let migration = case.in_line.map(|waits_for| {
        let waiting = json!({"for": waits_for, "since": at(-9_000).to_string()});
        migration(MIGRATION, json!({"phase": "Pending", "waiting": waiting}))
    });
    if case.in_line.is_some() {
        status = json!({"state": "Moving", "migration": MIGRATION, "waiting": status["waiting"]});
    }
    let mut evacuation = evacuation(status);
    if case.lets_wait {
        evacuation["spec"]["notNow"] = "Wait".into();
    }
    seen(&evacuation, migration, case)
}

fn seen(evacuation: &Value, migration: Option<Value>, case: &Case<'_>) -> Next {
    let evacuation: Evacuation = serde_json::from_value(evacuation.clone()).unwrap();
    let migration: Option<StatefulMigration> = migration.map(|one| serde_json::from_value(one).unwrap());
    let pod = serde_json::from_value(pod(OLD, "node-a")).unwrap();
    let node = serde_json::from_value(scene().nodes[0].clone()).unwrap();
    let obstacle = case.waits_for.map(|waits_for| Obstacle {
        waits_for,
        why: "so it is".to_owned(),
    });
    next(Seen {
        evacuation: &evacuation,
        pod: Some(&pod),
        node: Some(&node),
        migration: migration.as_ref(),
        obstacle: obstacle.as_ref(),
        too_late: case.too_late,
        now: at(0),
    })
}

/// The wait that goes on, and its seconds until now.
fn goes_on(decided: &Next) -> Option<(EvacuationWaitsFor, i64)> {
    let wait = match decided {
        Next::Wait(wait, _) => Some(wait),
        Next::Follow { waiting, .. } => waiting.as_ref(),
        Next::Begin | Next::CallOff(_) | Next::Arrived(_) | Next::LetGo(_) | Next::Forget | Next::Keep(_) => {
            None
        }
    };
    wait.map(|EvacuationWait { r#for, since }| (*r#for, at(0).duration_since(since.0).as_secs()))
}

#[test]
fn for_a_node_it_waits_two_minutes_and_for_budget_and_pause_without_an_end() {
    use EvacuationWaitsFor::{AnotherMove, Budget, Node, Pause};
    for (waits_for, waited, goes) in [
        (Node, 0, true),
        (Node, 119, true),
        (Node, 120, false),
        (Budget, 9_000, true),
        (Pause, 9_000, true),
        (AnotherMove, 9_000, true),
    ] {
        let case = Case {
            waits_for: Some(waits_for),
            before: Some((waits_for, -waited)),
            ..Case::default()
        };
        let decided = decided(&case);
        if goes {
            assert_eq!(goes_on(&decided), Some((waits_for, waited)), "{decided:?}");
        } else {
            assert!(
                matches!(&decided, Next::LetGo(why) if why.contains("within 120 s: so it is")),
                "{decided:?}"
            );
        }
    }
    // A wait for something else before does not count.
    let case = Case {
        waits_for: Some(Node),
        before: Some((Budget, -9_000)),
        ..Case::default()
    };
    assert_eq!(goes_on(&decided(&case)), Some((Node, 0)));
    assert_eq!(decided(&Case::default()), Next::Begin, "a node has come");
}

#[test]
fn in_line_it_waits_two_minutes_for_its_turn_or_as_long_as_label_and_policy_say() {
    use EvacuationWaitsFor::{Budget, Node, Pause, Turn};
    let cases = [
        ("MovesPerNode", Turn, 0, false, true),
        ("MovesPerNode", Turn, 119, false, true),
        ("MovesPerNode", Turn, 120, false, false),
        ("MovesPerNode", Turn, 9_000, true, true),
        ("OtherNamespaces", Turn, 120, false, false),
        ("Answer", Turn, 120, false, false),
        ("Pause", Pause, 9_000, false, true),
        ("Budget", Budget, 9_000, false, true),
        ("Node", Node, 119, true, true),
        ("Node", Node, 120, true, false),
    ];
    for (in_line, waits_for, waited, lets_wait, goes) in cases {
        let case = Case {
            in_line: Some(in_line),
            before: Some((waits_for, -waited)),
            lets_wait,
            ..Case::default()
        };
        let decided = decided(&case);
        if goes {
            assert_eq!(goes_on(&decided), Some((waits_for, waited)), "{in_line}");
        } else {
            assert!(
                matches!(decided, Next::CallOff(Some(_))),
                "{in_line}: {decided:?}"
            );
        }
    }
    // Node and turn take the same two minutes, unless the turn is waited for without a limit.
    for (lets_wait, wanted) in [(false, 100), (true, 0)] {
        let flips = Case {
            in_line: Some("Node"),
            before: Some((Turn, -100)),
            lets_wait,
            ..Case::default()
        };
        assert_eq!(goes_on(&decided(&flips)), Some((Node, wanted)));
    }
    // After a pause it has its two minutes.
    let resumed = Case {
        in_line: Some("MovesPerNode"),
        before: Some((Pause, -9_000)),
        ..Case::default()
    };
    assert_eq!(goes_on(&decided(&resumed)), Some((Turn, 0)));
}

#[test]
fn what_cannot_end_before_the_node_leaves_is_let_go_and_what_has_begun_goes_on() {
    let late = Case {
        too_late: Some("the node leaves"),
        ..Case::default()
    };
    assert_eq!(decided(&late), Next::LetGo("the node leaves".into()));
    let in_line = Case {
        in_line: Some("MovesPerNode"),
        lets_wait: true,
        ..late
    };
    assert_eq!(decided(&in_line), Next::CallOff(Some("the node leaves".into())));
    let evacuation = evacuation(json!({"state": "Moving", "migration": MIGRATION}));
    let begun = seen(&evacuation, Some(under_way(MIGRATION, json!([]))), &in_line);
    assert!(matches!(begun, Next::Follow { .. }), "{begun:?}");
}

#[test]
fn why_a_move_was_called_off_is_told_when_it_has_ended() {
    let reason = "its move did not begin within 120 s";
    let called_off = evacuation(json!({"state": "Moving", "migration": MIGRATION, "reason": reason}));
    let mut in_line = migration(MIGRATION, json!({"phase": "Pending"}));
    in_line["spec"]["cancel"] = true.into();
    let follows = seen(&called_off, Some(in_line), &Case::default());
    let wanted = Next::Follow {
        waiting: None,
        called_off: Some(reason.into()),
    };
    assert_eq!(follows, wanted);
    let ended = migration(
        MIGRATION,
        json!({"phase": "Cancelled", "rollback": {"reason": "Cancelled", "message": "cancelled as asked",
            "since": "2026-11-30T11:59:00.000000Z"}}),
    );
    let let_go = seen(&called_off, Some(ended.clone()), &Case::default());
    assert_eq!(let_go, Next::LetGo(reason.into()));
    let by_a_user = evacuation(json!({"state": "Moving", "migration": MIGRATION}));
    let let_go = seen(&by_a_user, Some(ended), &Case::default());
    assert_eq!(let_go, Next::LetGo("cancelled as asked".into()));
}

#[test]
fn an_evacuation_that_leaves_the_field_blank_is_read() {
    for (blank, wanted) in [
        (json!(""), OnNotNow::Evict),
        (json!("Evict"), OnNotNow::Evict),
        (json!("Wait"), OnNotNow::Wait),
    ] {
        let mut evacuation = evacuation(Value::Null);
        evacuation["spec"]["notNow"] = blank;
        let read: Evacuation = serde_json::from_value(evacuation).unwrap();
        assert_eq!(read.spec.not_now, wanted);
    }
}

#[test]
fn whether_an_eviction_waits_for_its_turn_is_said_by_the_pod_then_by_policies() {
    let said = |label: Option<&str>, policies: &[Value]| {
        let mut there = pod(OLD, "node-a");
        if let Some(label) = label {
            there["metadata"]["labels"]["migration.ms2m.io/evictions-not-now"] = label.into();
        }
        let policies: Vec<Value> = policies.iter().map(|spec| policy("p", spec.clone())).collect();
        consent::not_now(&serde_json::from_value(there).unwrap(), &all(&policies))
    };
    let (wait, evict) = (
        json!({"evictionsNotNow": "Wait"}),
        json!({"evictionsNotNow": "Evict"}),
    );
    let of_another = json!({"evictionsNotNow": "Wait", "podSelector": {"matchLabels": {"app": "billing"}}});
    let cases = [
        (None, vec![], OnNotNow::Evict),
        (None, vec![wait.clone()], OnNotNow::Wait),
        (None, vec![wait.clone(), json!({})], OnNotNow::Wait),
        (None, vec![wait.clone(), evict.clone()], OnNotNow::Evict),
        (None, vec![of_another], OnNotNow::Evict),
        (None, vec![json!({"evictionsNotNow": ""})], OnNotNow::Evict),
        (Some("wait"), vec![evict], OnNotNow::Wait),
        (Some("evict"), vec![wait], OnNotNow::Evict),
    ];
    for (label, policies, wanted) in cases {
        assert_eq!(said(label, &policies), wanted, "{label:?} {policies:?}");
    }
}
