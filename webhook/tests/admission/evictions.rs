//! Evictions and deletions as the API server sends them.

use serde_json::{Value, json};
use shadow_core::names;

use crate::stage::{Fake, Trouble, UID, cluster, leg, message, node, paused, pod, post, under_way};

/// A namespace that opted in, with a policy for all its pods.
fn opted_in() -> Fake {
    let mut there = pod();
    there["metadata"]["uid"] = "x".into();
    let policy = json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "MigrationPolicy",
        "metadata": {"name": "move"}, "spec": {"evictions": "Move"}});
    Fake {
        pods: vec![there],
        policies: vec![policy],
        opted_in: true,
        ..cluster()
    }
}

fn eviction(options: Value) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "r1", "kind": {"group": "policy", "version": "v1", "kind": "Eviction"},
        "resource": {"group": "", "version": "v1", "resource": "pods"}, "subResource": "eviction",
        "operation": "CREATE", "dryRun": false, "name": "orders-0", "namespace": "default",
        "userInfo": {"username": "alice", "groups": ["ops", "b".repeat(300)]},
        "object": {"apiVersion": "policy/v1", "kind": "Eviction",
                   "metadata": {"name": "another-pod", "namespace": "another"}, "deleteOptions": options}}})
}

async fn evict(fake: &Fake, review: &Value) -> Value {
    post(fake.clone(), names::WEBHOOK_EVICTIONS_PATH, review).await
}

#[tokio::test]
async fn an_eviction_leaves_a_mark_with_who_evicted_and_is_denied_until_the_pod_has_left() {
    let fake = opted_in();
    let response = evict(&fake, &eviction(Value::Null)).await;
    let said = message(&response);
    let status = &response["status"];
    assert_eq!(
        (&status["code"], &status["reason"]),
        (&json!(429), &json!("TooManyRequests"))
    );
    assert!(
        said.contains("Eviction triggered evacuation of pod default/orders-0"),
        "{said}"
    );
    assert!(said.contains("orders-0-evicted-e0"), "{said}");
    let marks = fake.evacuations.lock().unwrap().clone();
    assert_eq!(marks.len(), 1);
    let spec = &marks[0]["spec"];
    assert_eq!(marks[0]["metadata"]["name"], "x");
    assert_eq!(
        (&spec["pod"], &spec["node"], &spec["uid"]),
        (&json!("orders-0"), &json!("node-a"), &json!("x"))
    );
    assert_eq!(
        spec["evictedBy"],
        json!({"user": "alice", "groups": ["ops", "b".repeat(256)]})
    );
    let again = evict(&fake, &eviction(Value::Null)).await;
    assert!(message(&again).contains("orders-0-evicted-e0"), "{again}");
    assert_eq!(fake.evacuations.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_dry_run_is_answered_alike_and_leaves_nothing() {
    let mut by_query = eviction(Value::Null);
    by_query["request"]["dryRun"] = true.into();
    for review in [by_query, eviction(json!({"dryRun": ["All"]}))] {
        let fake = opted_in();
        let response = evict(&fake, &review).await;
        assert!(message(&response).contains("dry run"), "{response}");
        assert!(fake.evacuations.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_no_node_can_take_now_leaves_a_mark_and_waits_for_one() {
    let nowhere = Fake {
        nodes: vec![node("node-a")],
        ..opted_in()
    };
    let response = evict(&nowhere, &eviction(Value::Null)).await;
    assert_eq!(response["status"]["code"], 429, "{response}");
    let said = message(&response);
    for part in ["no node can take it now", "within 120 s", "get evacuations"] {
        assert!(said.contains(part), "{said}");
    }
    let marks = nowhere.evacuations.lock().unwrap().clone();
    assert_eq!((marks.len(), &marks[0]["metadata"]["name"]), (1, &json!("x")));
    assert_eq!(marks[0]["spec"].get("letGo"), None, "{marks:?}");
}

#[tokio::test]
async fn the_mark_says_whether_the_eviction_waits_for_its_turn() {
    for (said, wanted) in [
        (json!({}), Value::Null),
        (json!({"evictionsNotNow": "Wait"}), json!("Wait")),
    ] {
        let mut fake = opted_in();
        let spec = fake.policies[0]["spec"].as_object_mut().unwrap();
        spec.extend(said.as_object().unwrap().clone());
        evict(&fake, &eviction(Value::Null)).await;
        let marks = fake.evacuations.lock().unwrap().clone();
        assert_eq!(marks[0]["spec"]["notNow"], wanted, "{marks:?}");
    }
}

#[tokio::test]
async fn what_a_move_takes_of_a_budget_no_other_eviction_takes() {
    let mut another = pod();
    another["metadata"] = json!({"name": "orders-1", "namespace": "default", "uid": "y",
        "labels": {"app": "orders", names::EVICTIONS: "evict"}});
    another["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
    let mut moved = opted_in().pods[0].clone();
    moved["metadata"]["labels"] = json!({"app": "orders"});
    let caused = json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "Evacuation",
        "metadata": {"name": "x", "namespace": "default", "uid": "e0"},
        "spec": {"pod": "orders-0", "uid": "x", "node": "node-a", "evictedBy": {"user": "alice"},
            "at": "2026-11-30T11:58:30.000000Z"},
        "status": {"state": "Moving", "migration": "m"}});
    let budget = |allowed: i32| {
        json!({"metadata": {"name": "orders"}, "spec": {"selector": {"matchLabels": {"app": "orders"}}},
            "status": {"disruptionsAllowed": allowed, "currentHealthy": 2, "desiredHealthy": 1, "expectedPods": 2}})
    };
    let mut review = eviction(Value::Null);
    review["request"]["name"] = "orders-1".into();
    for (allowed, phase, code) in [
        (1, "Restoring", 429),
        (2, "Restoring", 200),
        (1, "Completed", 200),
    ] {
        let fake = Fake {
            pods: vec![moved.clone(), another.clone()],
            migrations: vec![under_way("m", phase, json!([]))],
            budgets: vec![budget(allowed)],
            ..opted_in()
        };
        fake.evacuations.lock().unwrap().push(caused.clone());
        let response = evict(&fake, &review).await;
        if code == 429 {
            assert_eq!(response["status"]["code"], 429, "{response}");
            assert!(
                message(&response).contains("PodDisruptionBudget orders"),
                "{response}"
            );
        } else {
            assert_eq!(response["allowed"], true, "{allowed} {phase}: {response}");
        }
    }
}

#[tokio::test]
async fn what_is_not_ours_to_move_goes_through() {
    let mut pending = opted_in();
    pending.pods[0]["status"]["phase"] = "Pending".into();
    let refused = pending;
    let response = evict(&refused, &eviction(Value::Null)).await;
    assert_eq!(response["allowed"], true, "{response}");
    assert!(
        response["warnings"][0]
            .as_str()
            .unwrap()
            .contains("cannot be moved"),
        "{response}"
    );
    let marks = refused.evacuations.lock().unwrap().clone();
    assert_eq!(marks[0]["metadata"]["name"], "x.let-go");
    assert!(
        marks[0]["spec"]["letGo"]
            .as_str()
            .unwrap()
            .contains("spec.sourcePod"),
        "{marks:?}"
    );

    let silent = Fake {
        opted_in: false,
        ..opted_in()
    };
    let another = eviction(json!({"preconditions": {"uid": "another"}}));
    for (fake, review) in [(&silent, eviction(Value::Null)), (&opted_in(), another)] {
        let response = evict(fake, &review).await;
        assert_eq!(
            (&response["allowed"], response.get("warnings")),
            (&json!(true), None),
            "{response}"
        );
        assert!(fake.evacuations.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_cannot_be_looked_up_in_time_goes_through() {
    for trouble in [Trouble::Broken, Trouble::Stuck] {
        let fake = Fake {
            trouble,
            ..opted_in()
        };
        let before = tokio::time::Instant::now();
        let response = evict(&fake, &eviction(Value::Null)).await;
        assert_eq!(response["allowed"], true, "{response}");
        assert!(before.elapsed() < std::time::Duration::from_secs(1));
    }
}

#[tokio::test]
async fn names_that_could_leave_their_path_are_looked_up_nowhere() {
    for (namespace, name) in [
        ("../x", "orders-0"),
        ("default", "orders-0/exec"),
        ("", "orders-0"),
        ("default", ""),
    ] {
        let fake = opted_in();
        let mut review = eviction(Value::Null);
        review["request"]["namespace"] = namespace.into();
        review["request"]["name"] = name.into();
        assert_eq!(evict(&fake, &review).await["allowed"], true);
        assert!(fake.evacuations.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_stand_in_is_deleted_during_its_move_only_when_that_is_confirmed() {
    let mut first = leg(1, 0, true);
    first["to"]["pod"] = "orders-0-shadow".into();
    let fake = Fake {
        migrations: vec![under_way("move", "Restoring", json!([first]))],
        ..opted_in()
    };
    let deletion = |name: &str, uid: &str, annotations: Value| {
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "r1", "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"}, "operation": "DELETE",
            "name": name, "namespace": "default", "userInfo": {"username": "alice"}, "object": null,
            "oldObject": {"metadata": {"name": name, "uid": uid, "annotations": annotations}}}})
    };
    let refused = post(
        fake.clone(),
        names::WEBHOOK_DELETIONS_PATH,
        &deletion("orders-0-shadow", UID, json!({})),
    )
    .await;
    let said = message(&refused);
    assert_eq!(refused["status"]["code"], 403);
    assert!(
        said.contains("kubectl shadow cancel move") && said.contains(names::MAY_BE_DELETED),
        "{said}"
    );
    let mut ends = deletion("orders-0-shadow", UID, json!({}));
    ends["request"]["oldObject"]["metadata"]["deletionTimestamp"] = "2026-11-30T12:00:00Z".into();
    let by = |user: &str| {
        let mut review = deletion("orders-0-shadow", UID, json!({}));
        review["request"]["userInfo"]["username"] = user.into();
        review
    };
    let kubernetes = |account: &str| by(&format!("system:serviceaccount:kube-system:{account}"));
    for review in [
        by("kubernetes-admin"),
        by("system:serviceaccount:default:statefulset-controller"),
        kubernetes("cluster-autoscaler"),
        kubernetes("taint-eviction-controller"),
    ] {
        let refused = post(fake.clone(), names::WEBHOOK_DELETIONS_PATH, &review).await;
        assert_eq!(refused["status"]["code"], 403, "{review}");
    }
    for review in [
        ends,
        by(&names::account_user(names::CONTROLLER_ACCOUNT)),
        by("system:node:node-b"),
        kubernetes("statefulset-controller"),
        kubernetes("replicaset-controller"),
        kubernetes("namespace-controller"),
        kubernetes("generic-garbage-collector"),
        deletion("orders-0-shadow", UID, json!({names::MAY_BE_DELETED: "yes"})),
        // The source of the move, and a pod that is none of its.
        deletion("orders-0", "x", json!({})),
        deletion("orders-1", "y", json!({})),
    ] {
        let response = post(fake.clone(), names::WEBHOOK_DELETIONS_PATH, &review).await;
        assert_eq!(response["allowed"], true, "{response}");
    }
}

#[tokio::test]
async fn while_moves_are_paused_evictions_wait_with_the_reason_and_leave_no_mark() {
    let fake = Fake {
        paused: paused(false),
        ..opted_in()
    };
    let response = evict(&fake, &eviction(Value::Null)).await;
    assert_eq!(response["status"]["code"], 429, "{response}");
    for part in ["by carol", "the broker is updated", "kubectl shadow resume"] {
        assert!(message(&response).contains(part), "{response}");
    }
    assert!(fake.evacuations.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_pause_may_let_evictions_through_and_says_why_the_memory_goes() {
    let fake = Fake {
        paused: paused(true),
        ..opted_in()
    };
    let response = evict(&fake, &eviction(Value::Null)).await;
    assert_eq!(response["allowed"], true, "{response}");
    let warning = response["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("without its memory: moves are paused by carol (the broker is updated)"),
        "{warning}"
    );
    let marks = fake.evacuations.lock().unwrap().clone();
    assert!(
        marks[0]["spec"]["letGo"]
            .as_str()
            .unwrap()
            .contains("broker is updated")
    );
}

#[tokio::test]
async fn a_pod_of_a_move_under_way_stays_whatever_the_pause_says() {
    for through in [false, true] {
        let fake = Fake {
            migrations: vec![under_way("m", "Restoring", json!([leg(1, 1, false)]))],
            paused: paused(through),
            ..opted_in()
        };
        let response = evict(&fake, &eviction(Value::Null)).await;
        assert_eq!(response["status"]["code"], 429, "{response}");
    }
}
