//! When the disruption budgets let a move begin.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use proptest::prelude::*;
use serde_json::{Value, json};
use shadow_core::api::StatefulMigration;
use shadow_core::eviction::budget::{against, begun, counted, ordered, taken};

use crate::world::{self, MIGRATION, NEW, OLD, all, evacuation, leg, migration, pod, under_way};

fn budget(app: &str, allowed: i32, seen: i64) -> PodDisruptionBudget {
    serde_json::from_value(world::budget(app, allowed, seen)).unwrap()
}

fn orders() -> Pod {
    serde_json::from_value(pod(OLD, "node-a")).unwrap()
}

#[test]
fn each_budget_of_the_pod_has_to_allow_one_more() {
    let cases = [
        (vec![], 0, true),
        (vec![budget("orders", 1, 2)], 0, true),
        (vec![budget("orders", 0, 2)], 0, false),
        (vec![budget("web", 0, 2)], 0, true),
        (vec![budget("orders", 1, 2)], 1, false),
        (vec![budget("orders", 2, 2)], 1, true),
        (vec![budget("orders", 5, 2), budget("orders", 0, 2)], 0, false),
        // It was changed, and is not counted since.
        (vec![budget("orders", 5, 1)], 0, false),
    ];
    for (number, (budgets, moving, may)) in cases.into_iter().enumerate() {
        let moving = vec![orders(); moving];
        let said = against(&orders(), &budgets, &moving);
        assert_eq!(said.is_none(), may, "case {number}: {said:?}");
    }
}

/// What counts of this migration of [`OLD`], by pods that are there: whether it is ordered, whether it has begun, and the pod.
fn counts(one: Value, pods: &[(&str, &str)]) -> (usize, Option<String>) {
    let evacuations = all(&[evacuation(json!({"state": "Moving", "migration": MIGRATION}))]);
    let migrations: Vec<StatefulMigration> = all(&[one]);
    let pods: Vec<Pod> = pods
        .iter()
        .map(|(name, uid)| {
            let mut there = pod(uid, "node-a");
            there["metadata"]["name"] = (*name).into();
            serde_json::from_value(there).unwrap()
        })
        .collect();
    let begun: Vec<Pod> = begun(&evacuations, &migrations)
        .filter_map(|one| counted(one, &pods))
        .collect();
    assert!(begun.len() <= 1);
    let name = begun.first().and_then(|pod| pod.metadata.name.clone());
    (ordered(&evacuations, &migrations).count(), name)
}

#[test]
fn a_move_counts_by_whichever_of_its_pods_is_there_until_it_ends() {
    let (source, stand_in, copy) = (["orders-0", OLD], ["orders-0-shadow", "s"], ["orders-0", NEW]);
    let legs = json!([leg(1, source, stand_in, true), leg(2, stand_in, copy, false)]);
    let moves = || under_way(MIGRATION, legs.clone());
    let orders_0 = Some("orders-0".to_owned());
    assert_eq!(counts(moves(), &[("orders-0", OLD)]), (1, orders_0.clone()));
    // Between the end of the source and its re-creation.
    let shadow = Some("orders-0-shadow".to_owned());
    assert_eq!(counts(moves(), &[("orders-0-shadow", "s")]), (1, shadow));
    assert_eq!(
        counts(moves(), &[("orders-0", NEW), ("orders-0-shadow", "s")]),
        (1, orders_0.clone())
    );
    let in_line = migration(MIGRATION, json!({"phase": "Pending"}));
    assert_eq!(counts(in_line, &[("orders-0", OLD)]), (1, None));
    let mut stuck = moves();
    stuck["status"]["conditions"] = json!([{"type": "Stuck", "status": "True", "reason": "x", "message": "",
        "lastTransitionTime": "2026-11-30T11:59:00Z"}]);
    let mut ended = moves();
    ended["status"]["phase"] = "Completed".into();
    let mut by_hand = moves();
    by_hand["metadata"]["name"] = "by-hand".into();
    for none in [stuck, ended, by_hand] {
        assert_eq!(counts(none.clone(), &[("orders-0", OLD)]), (0, None), "{none}");
    }
}

#[test]
fn an_eviction_as_ever_is_left_to_the_api_server_where_no_move_takes_its_place() {
    let mut ready = orders();
    let status = json!({"conditions": [{"type": "Ready", "status": "True"}]});
    ready.status = serde_json::from_value(status).unwrap();
    let budgets = |allowed| [budget("orders", allowed, 2)];
    for (allowed, moving, denied) in [
        (0, 0, false),
        (1, 0, false),
        (1, 1, true),
        (2, 1, false),
        (0, 1, true),
    ] {
        let said = taken(&ready, &budgets(allowed), &vec![orders(); moving]);
        assert_eq!(said.is_some(), denied, "{allowed} {moving}: {said:?}");
    }
    assert_eq!(
        taken(&orders(), &budgets(1), &[orders()]),
        None,
        "it is not ready"
    );
}

proptest! {
    /// However moves begin one after the other, there are never more of them than disruptions allowed.
    #[test]
    fn never_more_moves_than_allowed(allowed in 0i32..5, asked in 0usize..8) {
        let mut moving = Vec::new();
        for _ in 0..asked {
            if against(&orders(), &[budget("orders", allowed, 2)], &moving).is_none() {
                moving.push(orders());
            }
        }
        prop_assert_eq!(moving.len(), asked.min(usize::try_from(allowed).unwrap()));
    }
}
