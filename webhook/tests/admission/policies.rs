//! Policies at the creation of a migration.

use serde_json::{Value, json};

use crate::stage::{Fake, cluster, message, node, patched, post, review, wanted};

const MUTATE: &str = "/mutate/migrations";
const VALIDATE: &str = "/validate/migrations";

fn own(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "MigrationPolicy", "metadata": {"name": name, "namespace": "default"},
        "spec": spec})
}

fn of_cluster(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "ClusterMigrationPolicy", "metadata": {"name": name}, "spec": spec})
}

fn governed(own: Vec<Value>, of_cluster: Vec<Value>) -> Fake {
    Fake {
        policies: own,
        cluster_policies: of_cluster,
        ..cluster()
    }
}

fn with(fields: Value) -> Value {
    let mut migration = wanted();
    for (name, value) in fields.as_object().unwrap() {
        migration["spec"][name] = value.clone();
    }
    migration
}

#[tokio::test]
async fn what_is_left_out_is_filled_in_and_told_to_user_and_audit_log() {
    let fake = governed(
        vec![own("team", json!({"limits": {"deadlineSeconds": 60}}))],
        vec![of_cluster(
            "platform",
            json!({"namespaceSelector": {"matchLabels": {"env": "production"}}, "defaults": {"handoff": "Hold"}}),
        )],
    );
    let review = review("CREATE", &wanted());
    let response = post(fake.clone(), MUTATE, &review).await;
    let after = patched(&review, &response);
    assert_eq!(
        (&after["spec"]["handoff"], &after["spec"]["deadlineSeconds"]),
        (&json!("Hold"), &json!(60))
    );
    let told = [
        "spec.handoff: Hold is filled in by ClusterMigrationPolicy platform",
        "spec.deadlineSeconds: 60 is filled in by MigrationPolicy team",
    ];
    assert_eq!(response["warnings"], json!(told));
    let audit = &response["auditAnnotations"];
    assert_eq!(
        audit["policies"],
        "MigrationPolicy team and ClusterMigrationPolicy platform"
    );
    assert_eq!(audit["filled-in"], told.join("; "));
    // What was filled in is admitted; as it was sent, it is not.
    let response = post(fake.clone(), VALIDATE, &crate::stage::review("CREATE", &after)).await;
    assert_eq!(
        (&response["allowed"], &response["warnings"]),
        (
            &json!(true),
            &json!(["the move is allowed by MigrationPolicy team and ClusterMigrationPolicy platform"])
        ),
        "{response}"
    );
    let response = post(fake, VALIDATE, &review).await;
    assert!(
        message(&response).contains(
            "spec.handoff: it is left out, and ClusterMigrationPolicy platform should have filled in Hold. Nothing was started; try again"
        ),
        "{response}"
    );
}

#[tokio::test]
async fn a_refusal_names_policy_rule_and_way_out_and_stands_in_the_audit_log() {
    for (rules, fields, says) in [
        (
            json!({"allowed": {"strategies": ["ShadowPod"]}}),
            json!({"migrationStrategy": "Sequential"}),
            "spec.migrationStrategy: Sequential is not allowed by MigrationPolicy team (allowed.strategies). Write migrationStrategy: \
             ShadowPod",
        ),
        (
            json!({"allowed": {"targetNodes": {"matchLabels": {"pool": "state"}}}}),
            json!({}),
            "spec.targetNode: node \"node-b\" is not allowed by MigrationPolicy team (allowed.targetNodes); choose node-c",
        ),
        (
            json!({"brokerUrlPassword": "Refuse"}),
            json!({"messageQueueConfig": {"brokerUrl": "amqp://u:p@mq"}}),
            "spec.messageQueueConfig.brokerUrl: a password in this field is not allowed by MigrationPolicy team (brokerUrlPassword)",
        ),
        (
            json!({"podSelector": {"matchExpressions": [{"key": "k", "operator": "Like"}]}}),
            json!({}),
            "MigrationPolicy team: spec.podSelector cannot be read",
        ),
    ] {
        let mut state = node("node-c");
        state["metadata"]["labels"]["pool"] = "state".into();
        let fake = Fake {
            nodes: vec![node("node-a"), node("node-b"), state],
            ..governed(vec![own("team", rules.clone())], Vec::new())
        };
        let response = post(fake, VALIDATE, &review("CREATE", &with(fields))).await;
        assert!(message(&response).contains(says), "{rules}: {response}");
        if rules["podSelector"].is_null() {
            let audit = &response["auditAnnotations"];
            assert_eq!(audit["policies"], "MigrationPolicy team", "{response}");
            assert_eq!(audit["refused"], message(&response));
        }
    }
}

#[tokio::test]
async fn a_target_that_is_left_out_is_one_that_policies_allow() {
    let mut state = node("node-c");
    state["metadata"]["labels"]["pool"] = "state".into();
    let rules = json!({"allowed": {"targetNodes": {"matchLabels": {"pool": "state"}}}});
    let fake = Fake {
        nodes: vec![node("node-a"), node("node-b"), state],
        ..governed(vec![own("team", rules)], Vec::new())
    };
    let mut unaimed = wanted();
    unaimed["spec"].as_object_mut().unwrap().remove("targetNode");
    let response = post(fake, VALIDATE, &review("CREATE", &unaimed)).await;
    let told =
        "spec.targetNode is left out: node node-c is the only other one that fits, so the pod goes there";
    assert_eq!(response["warnings"][0], told, "{response}");
}

/// Two windows that leave no minute of the day open together, and one that leaves none closed.
#[tokio::test]
async fn outside_its_windows_no_move_is_ordered_and_plans_are() {
    let window = |from: &str, to: &str| json!({"windows": [{"from": from, "to": to}]});
    let never = || {
        governed(
            vec![own("first", window("00:00", "12:00"))],
            vec![of_cluster("second", window("12:00", "00:00"))],
        )
    };
    let response = post(never(), VALIDATE, &review("CREATE", &wanted())).await;
    assert!(
        message(&response).starts_with("spec.planOnly: no move may begin now by ")
            && message(&response).contains("never open at the same time"),
        "{response}"
    );
    let plan = with(json!({"planOnly": true}));
    let response = post(never(), VALIDATE, &review("CREATE", &plan)).await;
    assert_eq!(response["allowed"], true, "{response}");
    assert!(
        response["warnings"]
            .to_string()
            .contains("the move would be refused now")
    );
    let always = governed(vec![own("always", window("05:00", "05:00"))], Vec::new());
    let response = post(always, VALIDATE, &review("CREATE", &wanted())).await;
    assert_eq!(response["allowed"], true, "{response}");
}

#[tokio::test]
async fn without_a_policy_that_selects_the_pod_nothing_is_said() {
    let elsewhere =
        json!({"podSelector": {"matchLabels": {"app": "billing"}}, "allowed": {"handoffs": ["Live"]}});
    let staging =
        json!({"namespaceSelector": {"matchLabels": {"env": "staging"}}, "defaults": {"handoff": "Live"}});
    let fake = || {
        governed(
            vec![
                own("a", elsewhere.clone()),
                own("b", json!({"evictions": "Move"})),
            ],
            vec![of_cluster("c", staging.clone())],
        )
    };
    for path in [MUTATE, VALIDATE] {
        let response = post(fake(), path, &review("CREATE", &wanted())).await;
        assert_eq!(
            (
                &response["allowed"],
                response.get("warnings"),
                response.get("auditAnnotations")
            ),
            (&json!(true), None, None),
            "{response}"
        );
    }
}
