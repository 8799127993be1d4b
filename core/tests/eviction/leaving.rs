//! A node that leaves at a given time.

use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use shadow_core::eviction::leaving::{least, leaves_at, too_late};

use crate::world::{NOW, OLD, node, pod};

fn leaves(at: Value) -> Node {
    let mut node = node("node-a");
    if !at.is_null() {
        node["metadata"]["annotations"]["migration.ms2m.io/leaves-at"] = at;
    }
    serde_json::from_value(node).unwrap()
}

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

#[test]
fn a_move_that_may_need_longer_than_the_node_stays_is_too_late() {
    let cases = [
        (Value::Null, 3_600_000, false),
        (json!("2026-11-30T12:02:00Z"), 4_000, false),
        // 6 s are needed for 4 s of a forecast.
        (json!("2026-11-30T12:00:06Z"), 4_000, false),
        (json!("2026-11-30T12:00:05Z"), 4_000, true),
        (json!("2026-11-30T11:59:00Z"), 4_000, true),
        (json!("2026-11-30T13:00:05+01:00"), 4_000, true),
        (json!("soon"), 4_000, false),
    ];
    for (at, millis, wanted) in cases {
        let said = too_late(&leaves(at.clone()), millis, now());
        assert_eq!(said.is_some(), wanted, "{at}: {said:?}");
        if let Some(said) = said {
            assert!(said.contains("node-a") && said.contains("leaves-at"), "{said}");
        }
    }
}

#[test]
fn a_time_that_cannot_be_read_is_named_with_how_to_write_it() {
    let why = leaves_at(&leaves(json!("soon"))).unwrap_err().to_string();
    for part in [
        "node-a",
        "migration.ms2m.io/leaves-at",
        "\"soon\"",
        "2026-11-30T12:00:00Z",
    ] {
        assert!(why.contains(part), "{why}");
    }
}

#[test]
fn the_mark_of_the_cluster_autoscaler_is_no_deadline() {
    let mut marked = node("node-a");
    // When it was marked, a minute ago.
    marked["spec"]["taints"] =
        json!([{"key": "ToBeDeletedByClusterAutoscaler", "value": "1796039940", "effect": "NoSchedule"}]);
    let marked: Node = serde_json::from_value(marked).unwrap();
    assert_eq!(leaves_at(&marked), Ok(None));
}

#[test]
fn a_pod_without_a_plan_needs_at_least_its_shortest_way() {
    let mut lone = pod(OLD, "node-a");
    lone["metadata"]["ownerReferences"] = json!([]);
    let [of_a_set, lone] = [pod(OLD, "node-a"), lone].map(|pod| {
        let pod: Pod = serde_json::from_value(pod).unwrap();
        least(&pod, &[])
    });
    assert!((500..10_000).contains(&lone), "{lone} ms");
    assert!((500..10_000).contains(&of_a_set), "{of_a_set} ms");
}
