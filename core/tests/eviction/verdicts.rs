//! Every verdict, and where it turns into another one.

use serde_json::{Value, json};
use shadow_core::eviction::words::{Answer, TRIGGERED, answer};
use shadow_core::eviction::{Verdict, Why};
use shadow_core::pause::Paused;

use crate::world::*;

/// What a verdict comes to, without its details.
fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::LetThrough(why) => match why {
            Why::NotThere => "not there",
            Why::NotOptedIn => "not opted in",
            Why::Ends => "ends",
            Why::NoConsumer => "no consumer",
            Why::CannotMove(_) => "cannot move",
            Why::NotMoved(_) => "not moved",
            Why::Unheard => "unheard",
            Why::Paused(_) => "let through by the pause",
        },
        Verdict::Move { lacks_node: None, .. } => "move",
        Verdict::Move { .. } => "move when a node can take it",
        Verdict::BudgetTaken { .. } => "budget taken",
        Verdict::UnderWay { .. } => "under way",
        Verdict::HoldsTheMemory { .. } => "holds the memory",
        Verdict::ArrivedAlready { .. } => "arrived already",
        Verdict::Paused { .. } => "paused",
        Verdict::WaitsForNode { .. } => "waits for a node",
    }
}

type Change = fn(&mut Scene);

fn verdicts(from: fn() -> Scene, uid: Option<&str>, cases: &[(&str, Change)]) {
    for (number, (wanted, change)) in cases.iter().enumerate() {
        let mut scene = from();
        change(&mut scene);
        let verdict = judged(&scene, uid);
        assert_eq!(word(&verdict), *wanted, "case {number}: {verdict:?}");
    }
}

fn label(scene: &mut Scene, value: &str) {
    scene.pod["metadata"]["labels"]["migration.ms2m.io/evictions"] = value.into();
}

fn cordon(scene: &mut Scene, node: usize) {
    scene.nodes[node]["spec"]["unschedulable"] = true.into();
}

fn no_queue(scene: &mut Scene) {
    scene.pod["metadata"]["annotations"] = json!({});
}

#[test]
fn namespace_label_and_policy_decide_together() {
    verdicts(
        scene,
        None,
        &[
            ("move", |_| {}),
            ("not opted in", |s| s.opted_in = false),
            ("not opted in", |s| s.policies.clear()),
            ("not opted in", |s| {
                s.policies.push(policy("no", json!({"evictions": "Evict"})))
            }),
            ("move", |s| s.policies.push(policy("other", json!({})))),
            ("move", |s| {
                s.policies.clear();
                label(s, "move");
            }),
            ("not opted in", |s| label(s, "evict")),
            ("cannot move", |s| {
                s.policies.push(policy(
                    "odd",
                    json!({"evictions": "Move", "podSelector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}}),
                ));
            }),
        ],
    );
}

#[test]
fn what_cannot_be_moved_is_evicted_as_ever() {
    verdicts(
        scene,
        Some(OLD),
        &[
            ("move", |_| {}),
            ("cannot move", |s| s.pod["status"]["phase"] = "Pending".into()),
            // One may be on its way.
            ("move when a node can take it", |s| cordon(s, 1)),
            ("cannot move", |s| {
                cordon(s, 1);
                s.pod["status"]["phase"] = "Pending".into();
            }),
            ("ends", |s| s.pod["status"]["phase"] = "Succeeded".into()),
            ("ends", |s| s.pod["metadata"]["deletionTimestamp"] = NOW.into()),
            ("no consumer", no_queue),
            ("cannot move", |s| {
                label(s, "move");
                no_queue(s);
            }),
            ("not there", |s| s.pod = pod(NEW, "node-b")),
            ("not there", |s| s.pod = Value::Null),
        ],
    );
}

#[test]
fn an_eviction_of_a_pod_that_waits_or_moves_waits_with_it() {
    verdicts(
        scene,
        None,
        &[
            ("under way", |s| {
                s.evacuations
                    .push(evacuation(json!({"state": "Waiting", "reason": "budget"})))
            }),
            ("under way", |s| {
                s.evacuations.push(evacuation(json!({"state": "Moving"})))
            }),
            // No controller has looked at it for a minute and a half.
            ("unheard", |s| s.evacuations.push(evacuation(Value::Null))),
            ("under way", |s| {
                let mut fresh = evacuation(Value::Null);
                fresh["spec"]["at"] = "2026-11-30T11:59:30.000000Z".into();
                s.evacuations.push(fresh);
            }),
            ("not moved", |s| {
                s.evacuations
                    .push(evacuation(json!({"state": "LetGo", "reason": "x"})))
            }),
            // Somebody else has ordered a move that waits for its turn.
            ("under way", |s| {
                s.migrations
                    .push(migration("by-hand", json!({"phase": "Pending"})))
            }),
            ("move", |s| {
                s.migrations
                    .push(migration("by-hand", json!({"phase": "Failed"})))
            }),
            // The move of its eviction came to nothing, and a user has ordered another one since.
            ("under way", |s| {
                s.evacuations
                    .push(evacuation(json!({"state": "LetGo", "reason": "x"})));
                s.migrations
                    .push(migration("by-hand", json!({"phase": "Pending"})));
            }),
        ],
    );
}

#[test]
fn only_the_pod_with_the_only_copy_is_said_to_hold_the_memory() {
    let (source, stand_in, copy) = (["orders-0", OLD], ["orders-0-shadow", "s"], ["orders-0", NEW]);
    let first = |committed| json!([leg(1, source, stand_in, committed)]);
    let second = |committed| json!([leg(1, source, stand_in, true), leg(2, stand_in, copy, committed)]);
    let cases = [
        (json!([]), "orders-0", OLD, "holds the memory"),
        (first(false), "orders-0", OLD, "holds the memory"),
        (first(false), "orders-0-shadow", "s", "under way"),
        (first(true), "orders-0", OLD, "under way"),
        (first(true), "orders-0-shadow", "s", "holds the memory"),
        (second(false), "orders-0-shadow", "s", "holds the memory"),
        (second(false), "orders-0", NEW, "under way"),
        (second(true), "orders-0", NEW, "holds the memory"),
    ];
    for (legs, name, uid, wanted) in cases {
        for by_uid in [None, Some(uid)] {
            let mut scene = scene();
            scene.pod = pod(uid, "node-a");
            scene.pod["metadata"]["name"] = name.into();
            // Also a move that a user ordered, and whether or not the pod opted in.
            scene.policies.clear();
            scene.migrations.push(under_way("by-hand", legs.clone()));
            let verdict = judged_of(name, &scene, by_uid);
            assert_eq!(word(&verdict), wanted, "{name} {uid} {legs}");
        }
    }
}

#[test]
fn without_a_uid_a_pod_that_has_just_arrived_is_not_evicted_from_a_node_that_stays() {
    let in_time = || moved(9);
    verdicts(
        in_time,
        None,
        &[
            ("arrived already", |_| {}),
            ("waits for a node", |s| cordon(s, 1)),
            ("waits for a node", |s| {
                s.nodes[1]["spec"]["taints"] =
                    json!([{"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"}]);
            }),
            ("move", |s| {
                cordon(s, 1);
                s.nodes.push(node("node-c"));
            }),
            ("not opted in", |s| s.policies.clear()),
            // The status follows the migration some moments later.
            ("arrived already", |s| {
                s.evacuations = vec![evacuation(json!({"state": "Moving", "migration": MIGRATION}))];
                let status = json!({"phase": "Completed", "completionTime": "2026-11-30T11:59:59.000000Z"});
                s.migrations.push(migration(MIGRATION, status));
            }),
        ],
    );
    let late = || moved(10);
    let free = |s: &mut Scene| s.nodes[0] = node("node-a");
    let nowhere = |s: &mut Scene| cordon(s, 1);
    verdicts(
        late,
        None,
        &[("move", free), ("move when a node can take it", nowhere)],
    );
    // A UID says which one is meant.
    verdicts(
        in_time,
        Some(NEW),
        &[("move", free), ("waits for a node", |s| cordon(s, 1))],
    );
    verdicts(in_time, Some(OLD), &[("not there", |_| {})]);
}

#[test]
fn drain_and_descheduler_know_the_answers() {
    let told = |scene: &Scene, created| match answer(&judged(scene, None), "shop", "orders-0", created) {
        Answer::Denied {
            code,
            reason,
            message,
        } => (code, reason, message),
        Answer::Allowed(warning) => (200, "", warning.unwrap_or_default()),
    };
    let (code, reason, message) = told(&scene(), Some(MIGRATION));
    assert_eq!((code, reason), (429, "TooManyRequests"));
    assert!(
        message.starts_with(TRIGGERED) && message.contains(MIGRATION),
        "{message}"
    );
    let (code, _, message) = told(&scene(), None);
    assert!(code == 429 && message.contains("dry run"), "{message}");
    let mut waits = scene();
    waits.evacuations.push(evacuation(
        json!({"state": "Waiting", "reason": "budget web is spent"}),
    ));
    let (code, _, message) = told(&waits, None);
    assert!(
        code == 429
            && message.contains(TRIGGERED)
            && message.contains(MIGRATION)
            && message.contains("budget web"),
        "{message}"
    );
    let (code, reason, message) = told(&moved(1), None);
    assert_eq!((code, reason), (404, "NotFound"));
    assert!(
        message.contains("node-a") && message.contains("node-b"),
        "{message}"
    );
    let mut nowhere = scene();
    cordon(&mut nowhere, 1);
    let (code, _, message) = told(&nowhere, Some(MIGRATION));
    assert!(
        code == 429 && message.contains("is cordoned") && message.contains("within 120 s"),
        "{message}"
    );
    let mut ends = scene();
    ends.pod["status"]["phase"] = "Pending".into();
    let (code, _, message) = told(&ends, None);
    assert!(code == 200 && message.contains("without its memory"), "{message}");
}

#[test]
fn what_a_move_takes_of_a_budget_no_other_eviction_takes() {
    let one_moves = || {
        let mut scene = scene();
        scene.pod["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
        scene.budgets = vec![budget("orders", 1, 2)];
        scene.moving = vec![pod("another", "node-a")];
        label(&mut scene, "evict");
        scene
    };
    verdicts(
        one_moves,
        None,
        &[
            ("budget taken", |_| {}),
            ("not opted in", |s| s.moving.clear()),
            ("not opted in", |s| s.budgets = vec![budget("orders", 2, 2)]),
            ("not opted in", |s| s.budgets = vec![budget("web", 1, 2)]),
            // Of another budget.
            ("not opted in", |s| {
                s.moving[0]["metadata"]["labels"] = json!({"app": "web"})
            }),
            // It takes nothing from a budget.
            ("not opted in", |s| {
                s.pod["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
            }),
            // It is not our namespace.
            ("not opted in", |s| s.opted_in = false),
            ("ends", |s| s.pod["metadata"]["deletionTimestamp"] = NOW.into()),
            ("budget taken", |s| {
                label(s, "move");
                s.evacuations
                    .push(evacuation(json!({"state": "LetGo", "reason": "x"})));
            }),
            ("budget taken", |s| {
                label(s, "move");
                pause(s, true);
            }),
            // Its own move waits for the budget; that is the controller's to know.
            ("move", |s| label(s, "move")),
        ],
    );
    let Answer::Denied { code, message, .. } = answer(&judged(&one_moves(), None), "shop", "orders-0", None)
    else {
        panic!("allowed");
    };
    assert!(
        code == 429 && message.contains("PodDisruptionBudget orders allows 1") && message.contains("1 moves"),
        "{message}"
    );
}

fn pause(scene: &mut Scene, let_evictions_through: bool) {
    scene.paused = Some(Paused {
        reason: "the broker is updated".to_owned(),
        by: None,
        since: None,
        let_evictions_through,
    });
}

#[test]
fn while_moves_are_paused_evictions_wait_unless_the_pause_lets_them_through() {
    let ordered = |s: &mut Scene| {
        s.migrations
            .push(migration("by-hand", json!({"phase": "Pending"})))
    };
    let begun = |s: &mut Scene| {
        let leg = leg(1, ["orders-0", OLD], ["orders-0-shadow", NEW], false);
        s.migrations.push(under_way("m", json!([leg])));
    };
    let cases: [(&str, &str, Change); 8] = [
        ("paused", "let through by the pause", |_| {}),
        ("under way", "let through by the pause", ordered),
        ("holds the memory", "holds the memory", begun),
        ("not opted in", "not opted in", |s| s.opted_in = false),
        ("cannot move", "cannot move", |s| {
            s.pod["status"]["phase"] = "Pending".into()
        }),
        ("paused", "let through by the pause", |s| s.nodes.truncate(1)),
        ("ends", "ends", |s| s.pod["status"]["phase"] = "Failed".into()),
        ("under way", "let through by the pause", |s| {
            s.evacuations
                .push(evacuation(json!({"state": "Waiting", "reason": "budget"})))
        }),
    ];
    for (waits, through, change) in cases {
        for (wanted, let_evictions_through) in [(waits, false), (through, true)] {
            let mut scene = scene();
            change(&mut scene);
            pause(&mut scene, let_evictions_through);
            let verdict = judged(&scene, None);
            assert_eq!(word(&verdict), wanted, "{verdict:?}");
        }
    }
    let mut arrived = moved(1);
    pause(&mut arrived, true);
    assert_eq!(
        word(&judged(&arrived, None)),
        "arrived already",
        "it has left already"
    );
}
