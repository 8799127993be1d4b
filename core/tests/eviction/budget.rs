//! When the disruption budgets let a move begin.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use proptest::prelude::*;
use serde_json::json;
use shadow_core::eviction::budget::against;

use crate::world::{OLD, pod};

fn budget(app: &str, allowed: i32, seen: i64) -> PodDisruptionBudget {
    serde_json::from_value(json!({"metadata": {"name": app, "generation": 2},
        "spec": {"selector": {"matchLabels": {"app": app}}},
        "status": {"observedGeneration": seen, "disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 1,
                   "expectedPods": 1}}))
    .unwrap()
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
