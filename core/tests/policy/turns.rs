//! What policies say of turns.

use serde_json::json;
use shadow_core::turns::{Bound, Standing};

use crate::{cluster, own, selected};

#[test]
fn the_smaller_limits_and_the_most_specific_priority_count() {
    let all = selected(&[
        own(
            "team",
            json!({"limits": {"movesPerNamespace": 3, "movesPerNode": 1}}),
        ),
        cluster(
            "platform",
            json!({"limits": {"movesPerNamespace": 2}, "priority": 10}),
        ),
        cluster(
            "orders",
            json!({"podSelector": {"matchLabels": {"app": "orders"}}, "priority": -5}),
        ),
    ]);
    let bound = |most: usize, by: &str| {
        Some(Bound {
            most,
            by: by.to_owned(),
        })
    };
    assert_eq!(
        all.standing(),
        Standing {
            priority: -5,
            per_namespace: bound(2, "ClusterMigrationPolicy platform"),
            per_node: bound(1, "MigrationPolicy team"),
            per_cluster: None,
        }
    );
    assert_eq!(all.other_priorities(), None);
}

#[test]
fn of_equal_policies_the_first_name_gives_the_priority_with_a_warning() {
    let both = selected(&[
        cluster("b", json!({"priority": 1})),
        cluster("a", json!({"priority": 2})),
    ]);
    assert_eq!(both.standing().priority, 2);
    assert_eq!(
        both.other_priorities().unwrap(),
        "priority 2 is that of ClusterMigrationPolicy a; another one is set by ClusterMigrationPolicy b, which cover the pod as closely, so \
         the first name counts"
    );
}

/// A policy of a namespace has no such field: what is written there is dropped.
#[test]
fn a_policy_of_a_namespace_gives_no_priority() {
    let own = selected(&[own("team", json!({"priority": 1000}))]);
    assert_eq!(own.standing().priority, 0);
}
