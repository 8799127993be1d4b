//! StatefulMigrations as users submit them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shadow_webhook::health::Part;
use shadow_webhook::router;

use crate::stage::{
    Fake, Trouble, cluster, message, node, patched, paused, post, review, send, under_way, wanted,
};

#[tokio::test]
async fn a_new_migration_gets_its_defaults() {
    let review = review("CREATE", &wanted());
    let response = post(cluster(), "/mutate/migrations", &review).await;
    let spec = patched(&review, &response)["spec"].clone();
    let expected = json!({"sourcePod": "orders-0", "targetNode": "node-b", "containerName": "orders",
        "deadlineSeconds": 120, "requestedBy": "alice", "migrationStrategy": "ShadowPod",
        "strategyReason": "pod orders-0 belongs to StatefulSet orders, which is neither scaled nor edited; the copy takes over \
                           before the source ends"});
    assert_eq!(spec, expected);
}

/// As the reference system's templates print a manifest of which everything is left out that may be.
fn blank() -> Value {
    let mut blank = wanted();
    blank["spec"] = json!({"sourcePod": "orders-0", "targetNode": "", "containerName": "", "checkpointImageRepository": "",
        "replayCutoffSeconds": 0, "replayMode": "", "migrationStrategy": "", "transferMode": "", "identitySwapMode": "",
        "handoff": "", "checkpointBackend": "", "restoreBackend": "",
        "messageQueueConfig": {"queueName": "", "brokerUrl": "", "exchangeName": "", "routingKey": ""}});
    blank
}

#[tokio::test]
async fn what_is_given_as_nothing_stays_as_it_was_written_and_can_be_applied_again() {
    let blank = blank();
    let review = review("CREATE", &blank);
    let response = post(cluster(), "/mutate/migrations", &review).await;
    let mut expected = blank["spec"].clone();
    expected["deadlineSeconds"] = 120.into();
    expected["requestedBy"] = "alice".into();
    assert_eq!(patched(&review, &response)["spec"], expected);
}

#[tokio::test]
async fn who_ordered_a_move_is_the_user_whatever_the_user_wrote() {
    let controller = "system:serviceaccount:shadow-system:shadow-controller";
    for (user, written, recorded) in [
        ("alice", "root", "alice"),
        ("alice", controller, "alice"),
        (controller, "bob", "bob"),
        (
            "system:serviceaccount:shop:shadow-controller",
            "bob",
            "system:serviceaccount:shop:shadow-controller",
        ),
    ] {
        let mut migration = wanted();
        migration["spec"]["requestedBy"] = written.into();
        let mut review = review("CREATE", &migration);
        review["request"]["userInfo"]["username"] = user.into();
        let response = post(cluster(), "/mutate/migrations", &review).await;
        assert_eq!(
            patched(&review, &response)["spec"]["requestedBy"],
            recorded,
            "{user} wrote {written}"
        );
    }
}

#[tokio::test]
async fn what_is_given_as_nothing_counts_as_left_out() {
    let response = post(cluster(), "/validate/migrations", &review("CREATE", &blank())).await;
    let told =
        "spec.targetNode is left out: node node-b is the only other one that fits, so the pod goes there";
    assert_eq!(
        (&response["allowed"], &response["warnings"]),
        (&json!(true), &json!([told])),
        "{response}"
    );
}

#[tokio::test]
async fn a_target_may_be_left_out_where_a_node_fits() {
    let mut unaimed = wanted();
    unaimed["spec"].as_object_mut().unwrap().remove("targetNode");
    let review = review("CREATE", &unaimed);
    let three = Fake {
        nodes: vec![node("node-a"), node("node-b"), node("node-c")],
        ..cluster()
    };
    let response = post(three, "/validate/migrations", &review).await;
    assert_eq!(
        response["warnings"],
        json!([
            "spec.targetNode is left out: node-b, node-c fit, and the pod goes to the one of them with the most room"
        ])
    );
    let mut cordoned = node("node-b");
    cordoned["spec"] = json!({"unschedulable": true});
    let none = Fake {
        nodes: vec![node("node-a"), cordoned],
        ..cluster()
    };
    let response = post(none, "/validate/migrations", &review).await;
    assert_eq!(
        message(&response),
        "spec.targetNode: no node is named, and no other node fits: node-b is cordoned"
    );
}

#[tokio::test]
async fn what_a_manifest_of_the_reference_system_leaves_out_is_told() {
    let mut old_style = wanted();
    old_style["spec"]["identitySwapMode"] = "None".into();
    old_style["spec"]["checkpointImageRepository"] = "registry:5000/checkpoints".into();
    let response = post(cluster(), "/validate/migrations", &review("CREATE", &old_style)).await;
    let told: Vec<&str> = response["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning.as_str().unwrap().split([',', ':']).next().unwrap())
        .collect();
    assert_eq!(
        told,
        [
            "spec.transferMode is left out",
            "spec.migrationStrategy is left out",
            "spec.identitySwapMode None has no effect"
        ]
    );
}

#[tokio::test]
async fn defaults_do_not_depend_on_the_look_up() {
    for trouble in [Trouble::Broken, Trouble::Stuck] {
        let review = review("CREATE", &wanted());
        let response = post(Fake { trouble, ..cluster() }, "/mutate/migrations", &review).await;
        let spec = patched(&review, &response)["spec"].clone();
        assert_eq!(
            (&spec["deadlineSeconds"], &spec["requestedBy"]),
            (&json!(120), &json!("alice"))
        );
    }
}

#[tokio::test]
async fn an_update_gets_no_defaults() {
    let response = post(cluster(), "/mutate/migrations", &review("UPDATE", &wanted())).await;
    assert_eq!(
        (&response["allowed"], response.get("patch")),
        (&json!(true), None)
    );
}

#[tokio::test]
async fn a_good_migration_is_admitted() {
    let response = post(cluster(), "/validate/migrations", &review("CREATE", &wanted())).await;
    assert_eq!(
        (&response["allowed"], response.get("warnings")),
        (&json!(true), None),
        "{response}"
    );
}

#[tokio::test]
async fn a_refusal_names_field_and_way_out() {
    let mut unfit = wanted();
    unfit["spec"]["targetNode"] = "x".into();
    let response = post(cluster(), "/validate/migrations", &review("CREATE", &unfit)).await;
    assert_eq!(
        message(&response),
        "spec.targetNode: node \"x\" does not exist; choose node-b"
    );
}

#[tokio::test]
async fn warnings_reach_the_user() {
    let mut old_style = wanted();
    old_style["spec"]["replayCutoffSeconds"] = 60.into();
    let response = post(cluster(), "/validate/migrations", &review("CREATE", &old_style)).await;
    assert!(
        response["warnings"][0]
            .as_str()
            .unwrap()
            .starts_with("spec.replayCutoffSeconds"),
        "{response}"
    );
}

#[tokio::test]
async fn who_may_not_delete_pods_may_not_migrate() {
    let fake = Fake {
        may: vec!["create"],
        ..cluster()
    };
    let response = post(fake, "/validate/migrations", &review("CREATE", &wanted())).await;
    assert!(
        message(&response).contains("user \"alice\" may not delete pods"),
        "{response}"
    );
}

/// A plan that dumps the process for real.
fn rehearsed() -> Value {
    let mut plan = wanted();
    plan["spec"]["planOnly"] = true.into();
    plan["spec"]["rehearse"] = true.into();
    plan
}

#[tokio::test]
async fn a_rehearsal_needs_the_rights_of_a_move() {
    for (may, lacks) in [
        (&["create"][..], "delete"),
        (&["delete"], "create"),
        (&[], "create and delete"),
    ] {
        let fake = Fake {
            may: may.to_vec(),
            ..cluster()
        };
        let response = post(fake, "/validate/migrations", &review("CREATE", &rehearsed())).await;
        let wanted = format!("user \"alice\" may not {lacks} pods");
        assert!(message(&response).contains(&wanted), "{response}");
    }
    let response = post(cluster(), "/validate/migrations", &review("CREATE", &rehearsed())).await;
    assert_eq!(response["allowed"], true, "{response}");
}

#[tokio::test]
async fn a_rehearsal_belongs_to_a_plan_and_to_the_agents_own_folder() {
    let mut moves = rehearsed();
    moves["spec"]["planOnly"] = false.into();
    let mut by_kubelet = rehearsed();
    by_kubelet["spec"]["checkpointBackend"] = "Kubelet".into();
    for (unfit, way_out) in [
        (moves, "Set spec.planOnly to true, or leave spec.rehearse out"),
        (by_kubelet, "Leave spec.checkpointBackend or spec.rehearse out"),
    ] {
        let response = post(cluster(), "/validate/migrations", &review("CREATE", &unfit)).await;
        let told = message(&response);
        assert!(
            told.starts_with("spec.rehearse: ") && told.contains(way_out),
            "{response}"
        );
    }
}

#[tokio::test]
async fn a_rehearsal_beside_a_move_of_its_pod_is_refused() {
    let fake = Fake {
        migrations: vec![under_way("first", "Restoring", json!([]))],
        ..cluster()
    };
    let response = post(fake, "/validate/migrations", &review("CREATE", &rehearsed())).await;
    assert!(message(&response).contains("\"first\""), "{response}");
}

#[tokio::test]
async fn a_second_migration_of_the_pod_is_refused() {
    let fake = Fake {
        migrations: vec![under_way("first", "Restoring", json!([]))],
        ..cluster()
    };
    let response = post(fake, "/validate/migrations", &review("CREATE", &wanted())).await;
    assert!(
        message(&response).contains("\"first\" is already moving this pod"),
        "{response}"
    );
}

#[tokio::test]
async fn a_migration_is_not_admitted_on_what_could_not_be_looked_up() {
    for (trouble, word) in [(Trouble::Broken, "API server gone"), (Trouble::Stuck, "too long")] {
        let fake = Fake { trouble, ..cluster() };
        let review = review("CREATE", &wanted());
        let answer = post(fake, "/validate/migrations", &review);
        let response = tokio::time::timeout(Duration::from_secs(10), answer)
            .await
            .unwrap();
        assert!(message(&response).contains(word), "{response}");
    }
}

#[tokio::test]
async fn an_update_needs_nothing_of_ours() {
    let mut update = review("UPDATE", &wanted());
    update["request"]["oldObject"] = wanted();
    update["request"]["object"]["spec"]["cancel"] = true.into();
    let gone = Fake {
        trouble: Trouble::Broken,
        ..cluster()
    };
    assert_eq!(post(gone, "/validate/migrations", &update).await["allowed"], true);
}

#[tokio::test]
async fn what_does_not_parse_is_left_to_the_schema_then_refused_with_a_reason() {
    let mut odd = wanted();
    odd["spec"]["handoff"] = "Sideways".into();
    let review = review("CREATE", &odd);
    let response = post(cluster(), "/mutate/migrations", &review).await;
    assert_eq!(
        (&response["allowed"], &response["uid"], response.get("patch")),
        (&json!(true), &json!("r1"), None)
    );
    let response = post(cluster(), "/validate/migrations", &review).await;
    assert!(message(&response).contains("Sideways"), "{response}");
}

#[tokio::test]
async fn many_reviews_at_once_are_answered() {
    let app = router::app(cluster(), Part::default());
    let review = Arc::new(review("CREATE", &wanted()));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (app, review) = (app.clone(), review.clone());
        calls.spawn(async move { send(app, "/validate/migrations", &review).await });
    }
    let mut admitted = 0;
    while let Some(response) = calls.join_next().await {
        assert_eq!(response.unwrap()["allowed"], true);
        admitted += 1;
    }
    assert_eq!(admitted, 100);
}

#[tokio::test]
async fn while_moves_are_paused_a_move_is_refused_and_a_plan_is_made() {
    let stopped = || Fake {
        paused: paused(false),
        ..cluster()
    };
    let response = post(stopped(), "/validate/migrations", &review("CREATE", &wanted())).await;
    for part in [
        "spec.planOnly: moves are paused by carol (the broker is updated)",
        "Nothing was started",
        "kubectl shadow resume",
    ] {
        assert!(message(&response).contains(part), "{response}");
    }
    let mut plan = wanted();
    plan["spec"]["planOnly"] = true.into();
    let response = post(stopped(), "/validate/migrations", &review("CREATE", &plan)).await;
    assert_eq!(response["allowed"], true, "{response}");
    let warned = response["warnings"].to_string();
    assert!(warned.contains("the broker is updated"), "{warned}");
}
