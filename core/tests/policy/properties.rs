//! One more policy never allows more than before.

use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::{Value, json};
use shadow_core::policy;

use crate::{cluster, own, plan, selected, spec};

/// The whole list says what no list says.
fn list(all: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        subsequence(all, 1..=all.len()).prop_map(|some| json!(some))
    ]
}

fn rules() -> impl Strategy<Value = Value> {
    let lists = (
        list(&["ShadowPod", "Sequential"]),
        list(&["Park", "SingleActive", "Exchange"]),
        list(&["Hold", "Live"]),
        list(&["Direct", "Registry"]),
        list(&["RuntimeClass", "Image"]),
    );
    let limit = prop::option::of(1u32..5);
    let limits = (limit.clone(), limit.clone(), limit, prop::option::of(5u32..300));
    let more = (
        prop::option::of((0u8..24, 0u8..24)),
        prop::option::of(any::<bool>()),
        prop::option::of(prop_oneof![Just("state"), Just("web")]),
    );
    (lists, limits, more).prop_map(|(lists, limits, (window, password, pool))| {
        let (strategies, holds, handoffs, transfers, restores) = lists;
        let (namespace, node, whole, deadline) = limits;
        let pool = pool.map(|pool| json!({"matchLabels": {"pool": pool}}));
        json!({
            "allowed": {"strategies": strategies, "holds": holds, "handoffs": handoffs, "transferModes": transfers,
                "restoreBackends": restores, "targetNodes": pool},
            "limits": {"movesPerNamespace": namespace, "movesPerNode": node, "movesPerCluster": whole,
                "deadlineSeconds": deadline, "maxPause": whole.map(|seconds| format!("{seconds}s"))},
            "windows": window.map(|(from, to)| json!([{"from": format!("{from:02}:00"), "to": format!("{to:02}:00")}])),
            "brokerUrlPassword": password.map(|may| if may { "Allow" } else { "Refuse" }),
        })
    })
}

fn policies() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec((rules(), any::<bool>()), 1..5).prop_map(|all| {
        let named = |(number, (rules, of_cluster)): (usize, (Value, bool))| {
            let name = format!("p{number}");
            if of_cluster {
                cluster(&name, rules)
            } else {
                own(&name, rules)
            }
        };
        all.into_iter().enumerate().map(named).collect()
    })
}

/// A move that is fully known.
fn moves() -> impl Strategy<Value = (Value, shadow_core::api::Plan, i64)> {
    (
        prop_oneof![Just("ShadowPod"), Just("Sequential")],
        prop_oneof![Just("Park"), Just("SingleActive"), Just("Exchange")],
        prop_oneof![
            Just(("Direct", "RuntimeClass")),
            Just(("Registry", "RuntimeClass")),
            Just(("Registry", "Image"))
        ],
        5u32..400,
        any::<bool>(),
        0i64..(14 * 24),
    )
        .prop_map(|(strategy, hold, (transfer, restore), deadline, password, hour)| {
            let handoff = if hold == "Exchange" { "Live" } else { "Hold" };
            let url = if password { "amqp://u:p@mq" } else { "amqp://mq" };
            let spec = json!({"migrationStrategy": strategy, "handoff": handoff, "transferMode": transfer,
                "restoreBackend": restore, "deadlineSeconds": deadline, "maxPause": format!("{}s", 1 + deadline % 6), "messageQueueConfig": {"brokerUrl": url}});
            (spec, plan(strategy, hold, transfer, restore), hour)
        })
}

/// Everything that is said against a move, as the rules and fields that say it.
fn is_refused(policies: &[Value], (fields, plan, hour): &(Value, shadow_core::api::Plan, i64)) -> bool {
    let selected = selected(policies);
    let now = k8s_openapi::jiff::Timestamp::from_second(hour * 3_600).unwrap();
    !policy::judge(&selected, &spec(fields.clone())).is_empty()
        || !policy::judge_plan(&selected, plan).is_empty()
        || policy::closed(&selected, now).is_some()
}

fn bars(policies: &[Value], pool: &str) -> bool {
    let node = json!({"metadata": {"name": "n", "labels": {"pool": pool}}});
    !selected(policies)
        .bar(&serde_json::from_value(node).unwrap())
        .is_empty()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn adding_a_policy_never_allows_more((all, wanted) in (policies(), moves())) {
        let fewer = &all[..all.len() - 1];
        if is_refused(fewer, &wanted) {
            prop_assert!(is_refused(&all, &wanted));
        }
        for pool in ["state", "web", "other"] {
            prop_assert!(!bars(fewer, pool) || bars(&all, pool));
        }
        let (before, after) = (selected(fewer).standing(), selected(&all).standing());
        for (before, after) in [
            (before.per_namespace, after.per_namespace),
            (before.per_node, after.per_node),
            (before.per_cluster, after.per_cluster),
        ] {
            if let Some(before) = before {
                prop_assert!(after.is_some_and(|after| after.most <= before.most));
            }
        }
    }

    /// A move is refused by several policies exactly if one of them alone would refuse it, or their windows differ.
    #[test]
    fn what_each_policy_allows_all_of_them_allow((all, wanted) in (policies(), moves())) {
        let alone = all.iter().any(|one| is_refused(std::slice::from_ref(one), &wanted));
        prop_assert_eq!(alone, is_refused(&all, &wanted));
    }

    #[test]
    fn what_is_filled_in_is_filled_in_once_and_allowed(
        (all, strategy, transfer, deadline) in (
            policies(),
            prop_oneof![Just("ShadowPod"), Just("Sequential")],
            prop_oneof![Just("Direct"), Just("Registry")],
            5u32..400,
        )
    ) {
        let defaults = json!({"defaults": {"migrationStrategy": strategy, "transferMode": transfer, "deadlineSeconds": deadline}});
        let all: Vec<Value> = all.into_iter().chain([own("z", defaults)]).collect();
        let selected = selected(&all);
        let mut spec = spec(json!({}));
        let before = policy::judge(&selected, &spec).len();
        policy::fill(&selected, &mut spec);
        prop_assert!(policy::judge(&selected, &spec).len() <= before);
        let filled = spec.clone();
        let again = policy::fill(&selected, &mut spec);
        prop_assert_eq!(&filled, &spec);
        prop_assert!(again.iter().all(|one| !one.barred_by.is_empty()), "{:?}", again);
    }
}
