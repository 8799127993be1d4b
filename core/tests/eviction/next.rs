//! What the controller does with an Evacuation.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use serde_json::{Value, json};
use shadow_core::api::{Evacuation, EvacuationWait, EvacuationWaitsFor, StatefulMigration};
use shadow_core::eviction::next::{KEPT, Next, Obstacle, Seen, next};

use crate::world::*;

/// What is decided when this is seen: the Evacuation's status, the pod, the evacuated node, the migration, what budgets say.
fn decided(
    status: Value,
    pod: &Value,
    node: &Value,
    migration: Option<Value>,
    budgets: Option<&str>,
) -> Next {
    let evacuation: Evacuation = serde_json::from_value(evacuation(status)).unwrap();
    let migration: Option<StatefulMigration> = migration.map(|one| serde_json::from_value(one).unwrap());
    let (pod, node) = (
        serde_json::from_value(pod.clone()).unwrap(),
        serde_json::from_value(node.clone()).unwrap(),
    );
    let obstacle = budgets.map(|why| Obstacle {
        waits_for: EvacuationWaitsFor::Budget,
        why: why.to_owned(),
    });
    next(Seen {
        evacuation: &evacuation,
        pod: Some(&pod),
        node: Some(&node),
        migration: migration.as_ref(),
        obstacle: obstacle.as_ref(),
        too_late: None,
        now: NOW.parse().unwrap(),
    })
}

const FOLLOW: Next = Next::Follow {
    waiting: None,
    called_off: None,
};

fn waits(why: &str) -> Next {
    let since = MicroTime(NOW.parse().unwrap());
    Next::Wait(
        EvacuationWait {
            r#for: EvacuationWaitsFor::Budget,
            since,
        },
        why.to_owned(),
    )
}

#[test]
fn a_move_begins_while_the_pod_is_there_the_budget_allows_it_and_the_drain_goes_on() {
    let (there, another) = (pod(OLD, "node-a"), pod(NEW, "node-a"));
    let (emptied, open) = (&scene().nodes[0], &node("node-a"));
    let cases = [
        (&there, emptied, None, Next::Begin),
        (&there, emptied, Some("spent"), waits("spent")),
        (&another, emptied, None, Next::Forget),
        (&there, open, None, Next::Forget),
    ];
    for (pod, node, budgets, wanted) in cases {
        for status in [Value::Null, json!({"state": "Waiting", "reason": "spent"})] {
            assert_eq!(decided(status, pod, node, None, budgets), wanted, "{pod} {node}");
        }
    }
}

#[test]
fn the_end_of_the_migration_is_the_end_of_the_evacuation() {
    let (emptied, open) = (&scene().nodes[0], &node("node-a"));
    let pod = pod(OLD, "node-a");
    let failed = json!({"phase": "Failed", "rollback": {"reason": "Cancelled", "message": "no room",
        "since": "2026-11-30T11:59:00.000000Z"}});
    let completed = json!({"phase": "Completed", "completionTime": "2026-11-30T11:59:00.000000Z"});
    let at = "2026-11-30T11:59:00Z".parse().unwrap();
    let waits = json!({"phase": "Pending"});
    let mut begun = under_way(MIGRATION, json!([]));
    let ended = |status: &Value| migration(MIGRATION, status.clone());
    let cases = [
        (emptied, ended(&waits), FOLLOW),
        (emptied, begun.clone(), FOLLOW),
        (emptied, ended(&completed), Next::Arrived(at)),
        (emptied, ended(&failed), Next::LetGo("no room".into())),
        // The drain was given up: what waits is cancelled, and what has begun goes on.
        (open, ended(&waits), Next::CallOff(None)),
        (open, begun.clone(), FOLLOW),
        (open, ended(&json!({"phase": "Cancelled"})), Next::Forget),
        (open, ended(&completed), Next::Arrived(at)),
    ];
    for (node, migration, wanted) in cases {
        let status = json!({"state": "Moving", "migration": MIGRATION});
        assert_eq!(
            decided(status, &pod, node, Some(migration.clone()), None),
            wanted,
            "{migration}"
        );
    }
    begun["spec"]["cancel"] = true.into();
    let status = json!({"state": "Moving", "migration": MIGRATION});
    assert_eq!(decided(status.clone(), &pod, emptied, None, None), Next::Forget);
    assert_eq!(decided(status, &pod, open, Some(begun), None), FOLLOW);
}

#[test]
fn what_has_ended_is_kept_as_long_as_evictions_are_judged_by_it() {
    let (pod, node) = (pod(OLD, "node-a"), node("node-a"));
    let ended = |at: &str| {
        decided(
            json!({"state": "LetGo", "reason": "x", "ended": at}),
            &pod,
            &node,
            None,
            None,
        )
    };
    assert_eq!(ended("2026-11-30T12:00:00.000000Z"), Next::Keep(KEPT));
    assert_eq!(ended("2026-11-30T11:45:00.000000Z"), Next::Forget);
    assert!(KEPT > shadow_core::eviction::ARRIVED_FOR);
}
