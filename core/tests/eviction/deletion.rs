//! Who may delete the pods of a move.

use serde_json::json;
use shadow_core::eviction::deletion::{is_of_right, protected_by};

use crate::world::{NEW, OLD, all, leg, migration, under_way};

#[test]
fn rollout_owner_namespace_kubelet_and_our_controller_are_of_right_and_no_other_is() {
    let kubernetes = |account: &str| format!("system:serviceaccount:kube-system:{account}");
    let of_right = [
        "system:serviceaccount:shadow-system:shadow-controller".to_owned(),
        kubernetes("statefulset-controller"),
        kubernetes("replicaset-controller"),
        kubernetes("generic-garbage-collector"),
        kubernetes("namespace-controller"),
        kubernetes("pod-garbage-collector"),
        "system:kube-controller-manager".to_owned(),
        "system:kube-scheduler".to_owned(),
        "system:node:node-b".to_owned(),
    ];
    for user in of_right {
        assert!(is_of_right(&user), "{user}");
    }
    let others = [
        "alice".to_owned(),
        "kubernetes-admin".to_owned(),
        "system:admin".to_owned(),
        String::new(),
        kubernetes("cluster-autoscaler"),
        kubernetes("descheduler"),
        kubernetes("taint-eviction-controller"),
        kubernetes("node-controller"),
        kubernetes("job-controller"),
        "system:serviceaccount:default:statefulset-controller".to_owned(),
        "system:serviceaccount:shadow-system:shadow-webhook".to_owned(),
        "system:serviceaccount:shadow-system:shadow-agent".to_owned(),
        "system:serviceaccount:argocd:argocd-application-controller".to_owned(),
    ];
    for user in others {
        assert!(!is_of_right(&user), "{user}");
    }
}

#[test]
fn stand_in_and_copy_are_protected_while_the_move_lasts_and_the_source_is_not() {
    let (source, stand_in, copy) = (["orders-0", OLD], ["orders-0-shadow", "s"], ["orders-0", NEW]);
    let legs = json!([leg(1, source, stand_in, true), leg(2, stand_in, copy, false)]);
    let lasts = all(&[under_way("m", legs.clone())]);
    let mut ended = under_way("m", legs);
    ended["status"]["phase"] = "Completed".into();
    let ended = all(&[ended]);
    let in_line = all(&[migration("m", json!({"phase": "Pending"}))]);
    for (pod, uid, wanted) in [
        ("orders-0", OLD, false),
        ("orders-0-shadow", "s", true),
        ("orders-0", NEW, true),
        ("orders-1", "x", false),
    ] {
        assert_eq!(protected_by(pod, uid, &lasts).is_some(), wanted, "{pod} {uid}");
        assert!(protected_by(pod, uid, &ended).is_none(), "{pod} {uid}");
        assert!(protected_by(pod, uid, &in_line).is_none(), "{pod} {uid}");
    }
}
