//! Two policies at once.

use serde_json::json;
use shadow_core::policy::OnInexact;

use crate::{against, cluster, filled, own, selected};

#[test]
fn lists_intersect_and_all_that_decided_are_named() {
    let both = [
        cluster(
            "platform",
            json!({"allowed": {"transferModes": ["Direct", "Registry"]}}),
        ),
        own("team", json!({"allowed": {"transferModes": ["Registry"]}})),
    ];
    assert_eq!(
        against(&both, json!({"transferMode": "Registry"})),
        Vec::<String>::new()
    );
    let said = against(
        &both,
        json!({"transferMode": "Direct", "restoreBackend": "RuntimeClass"}),
    );
    assert!(
        said[0].contains("MigrationPolicy team") && said[0].contains("Write transferMode: Registry"),
        "{said:?}"
    );
    let apart = [
        cluster("platform", json!({"allowed": {"strategies": ["ShadowPod"]}})),
        own("team", json!({"allowed": {"strategies": ["Sequential"]}})),
    ];
    assert_eq!(
        against(&apart, json!({"migrationStrategy": "ShadowPod"})),
        [
            "spec.migrationStrategy: ShadowPod is not allowed by MigrationPolicy team (allowed.strategies). MigrationPolicy team and \
             ClusterMigrationPolicy platform allow nothing in common. Ask the owner of one of them to change it"
        ]
    );
}

#[test]
fn the_smaller_limit_counts_and_equal_ones_are_all_named() {
    let both = [
        own("team", json!({"limits": {"deadlineSeconds": 60}})),
        cluster("platform", json!({"limits": {"deadlineSeconds": 90}})),
        cluster("strict", json!({"limits": {"deadlineSeconds": 60}})),
    ];
    let said = against(&both, json!({"deadlineSeconds": 90}));
    assert!(
        said[0].contains(
            "the 60 s that are allowed by MigrationPolicy team and ClusterMigrationPolicy strict ("
        ),
        "{said:?}"
    );
    let (spec, told) = filled(&both, json!({}));
    assert_eq!(spec["deadlineSeconds"], 60);
    assert_eq!(
        told,
        ["spec.deadlineSeconds: 60 is filled in by MigrationPolicy team and ClusterMigrationPolicy strict"]
    );
}

/// The most specific one: of the namespace, then with a selector of pods, then with one of namespaces.
#[test]
fn defaults_are_those_of_the_most_specific_policy() {
    let says = |strategy: &str| json!({"migrationStrategy": strategy});
    let (ours, theirs) = (says("Sequential"), says("ShadowPod"));
    let pod = json!({"matchLabels": {"app": "orders"}});
    let namespace = json!({"matchLabels": {"env": "production"}});
    for (more, less) in [
        (
            own("z", json!({"defaults": ours})),
            cluster(
                "a",
                json!({"podSelector": pod, "namespaceSelector": namespace, "defaults": theirs}),
            ),
        ),
        (
            own("z", json!({"podSelector": pod, "defaults": ours})),
            own("a", json!({"podSelector": {}, "defaults": theirs})),
        ),
        (
            cluster("z", json!({"podSelector": pod, "defaults": ours})),
            cluster("a", json!({"namespaceSelector": namespace, "defaults": theirs})),
        ),
        (
            cluster("z", json!({"namespaceSelector": namespace, "defaults": ours})),
            cluster("a", json!({"defaults": theirs})),
        ),
    ] {
        for order in [[more.clone(), less.clone()], [less.clone(), more.clone()]] {
            let (spec, told) = filled(&order, json!({}));
            assert_eq!(spec["migrationStrategy"], "Sequential", "{order:?}");
            assert!(told.len() == 1 && !told[0].contains("another value"), "{told:?}");
        }
    }
}

#[test]
fn of_equal_policies_the_first_name_counts_with_a_warning() {
    let equal = [
        own("b", json!({"defaults": {"handoff": "Live"}})),
        own("a", json!({"defaults": {"handoff": "Hold"}})),
    ];
    let (spec, told) = filled(&equal, json!({}));
    assert_eq!(spec["handoff"], "Hold");
    assert_eq!(
        told,
        [
            "spec.handoff: Hold is filled in by MigrationPolicy a; MigrationPolicy b would fill in another value and is as specific, so \
             the first name counts"
        ]
    );
    let same = [
        own("b", json!({"defaults": {"handoff": "Hold"}})),
        own("a", json!({"defaults": {"handoff": "Hold"}})),
    ];
    let (_, told) = filled(&same, json!({}));
    assert_eq!(told, ["spec.handoff: Hold is filled in by MigrationPolicy a"]);
}

#[test]
fn a_default_that_another_policy_does_not_allow_is_not_filled_in() {
    let both = [
        cluster("platform", json!({"defaults": {"transferMode": "Registry"}})),
        own("team", json!({"allowed": {"transferModes": ["Direct"]}})),
    ];
    let (spec, told) = filled(&both, json!({}));
    assert!(spec["transferMode"].is_null());
    assert_eq!(
        told,
        [
            "ClusterMigrationPolicy platform would fill in spec.transferMode: Registry, which is not allowed by MigrationPolicy team, so \
             the field stays left out"
        ]
    );
}

#[test]
fn each_field_has_its_own_most_specific_policy() {
    let both = [
        cluster(
            "platform",
            json!({"defaults": {"transferMode": "Registry", "handoff": "Live"}}),
        ),
        own("team", json!({"defaults": {"handoff": "Hold"}})),
    ];
    let (spec, _) = filled(&both, json!({}));
    assert_eq!(
        (&spec["transferMode"], &spec["handoff"]),
        (&json!("Registry"), &json!("Hold"))
    );
}

#[test]
fn the_strictest_policy_that_speaks_of_inexact_moves_counts() {
    let of = |what: &str| json!({ "inexactHandoff": what });
    let billing =
        |what: &str| json!({"podSelector": {"matchLabels": {"app": "billing"}}, "inexactHandoff": what});
    let named = |said: OnInexact| match said {
        OnInexact::Silent => "silent".to_owned(),
        OnInexact::Refused(by) => format!("refused {}", shadow_core::policy::words::joined(&by)),
        OnInexact::Allowed(by) => format!("allowed {}", shadow_core::policy::words::joined(&by)),
    };
    for (policies, wanted) in [
        (vec![], "silent"),
        (vec![own("a", json!({}))], "silent"),
        (vec![own("a", json!({"inexactHandoff": ""}))], "silent"),
        (vec![own("a", of("Allow"))], "allowed MigrationPolicy a"),
        (
            vec![cluster("a", of("Allow"))],
            "allowed ClusterMigrationPolicy a",
        ),
        (vec![own("a", billing("Allow"))], "silent"),
        (
            vec![own("a", of("Allow")), own("b", billing("Refuse"))],
            "allowed MigrationPolicy a",
        ),
        (
            vec![own("a", of("Allow")), own("b", json!({}))],
            "allowed MigrationPolicy a",
        ),
        (
            vec![own("a", of("Allow")), cluster("b", of("Refuse"))],
            "refused ClusterMigrationPolicy b",
        ),
        (
            vec![own("a", of("Refuse")), cluster("b", of("Refuse"))],
            "refused MigrationPolicy a and ClusterMigrationPolicy b",
        ),
    ] {
        assert_eq!(named(selected(&policies).on_inexact()), wanted, "{policies:?}");
    }
}

#[test]
fn both_stand_in_the_audit_log() {
    let both = selected(&[
        cluster("platform", json!({"limits": {"deadlineSeconds": 60}})),
        own("team", json!({"allowed": {"handoffs": ["Hold"]}})),
    ]);
    let told = both.audit(&[], Some("why"));
    assert_eq!(
        told["policies"],
        "MigrationPolicy team and ClusterMigrationPolicy platform"
    );
    assert_eq!(told["refused"], "why");
    assert_eq!(
        both.allowed().unwrap(),
        "the move is allowed by MigrationPolicy team and ClusterMigrationPolicy platform"
    );
}
