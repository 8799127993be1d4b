//! The routes as the API server calls them, over a cluster held in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test, a failed step is the verdict"
)]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::authentication::v1::UserInfo;
use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod};
use serde_json::{Value, json};
use shadow_core::api::{OwnerKind, StatefulMigration};
use shadow_core::names;
use shadow_core::workload::Workload;
use shadow_webhook::cluster::{Cluster, Looked, LookupError};
use shadow_webhook::router;
use tower::ServiceExt;

const UID: &str = "6c1f9be0-0000-0000-0000-00000000aaaa";
const OWNER: &str = "b1f4c1de-30c8-4ad7-8f0b-3c1f7d0f2a55";

#[derive(Clone, Copy, Default, PartialEq)]
enum Trouble {
    #[default]
    None,
    Broken,
    Stuck,
}

#[derive(Clone, Default)]
struct Fake {
    pods: Vec<Value>,
    nodes: Vec<Value>,
    migrations: Vec<Value>,
    may: Vec<&'static str>,
    trouble: Trouble,
}

impl Fake {
    async fn look<T: serde::de::DeserializeOwned>(&self, found: &[Value]) -> Looked<Vec<T>> {
        match self.trouble {
            Trouble::None => {}
            Trouble::Broken => {
                return Err(LookupError {
                    what: "anything",
                    source: "API server gone".into(),
                });
            }
            Trouble::Stuck => std::future::pending().await,
        }
        Ok(found
            .iter()
            .map(|value| serde_json::from_value(value.clone()).unwrap())
            .collect())
    }
}

impl Cluster for Fake {
    async fn pod(&self, _namespace: &str, name: &str) -> Looked<Option<Pod>> {
        let pods: Vec<Pod> = self.look(&self.pods).await?;
        Ok(pods
            .into_iter()
            .find(|pod| pod.metadata.name.as_deref() == Some(name)))
    }

    async fn owner(&self, _namespace: &str, kind: OwnerKind, name: &str) -> Looked<Option<Workload>> {
        assert_eq!(kind, OwnerKind::StatefulSet);
        let sets: Vec<StatefulSet> = self.look(&[json!({"metadata": {"name": name}})]).await?;
        Ok(sets.into_iter().next().map(Workload::from))
    }

    async fn volume(&self, _name: &str) -> Looked<Option<PersistentVolume>> {
        Ok(None)
    }

    async fn claim(&self, _namespace: &str, _name: &str) -> Looked<Option<PersistentVolumeClaim>> {
        Ok(None)
    }

    async fn nodes(&self) -> Looked<Vec<Node>> {
        self.look(&self.nodes).await
    }

    async fn migrations(&self, _namespace: &str) -> Looked<Vec<StatefulMigration>> {
        self.look(&self.migrations).await
    }

    async fn may(&self, user: &UserInfo, namespace: &str, verb: &str) -> Looked<bool> {
        assert_eq!((user.username.as_deref(), namespace), (Some("alice"), "default"));
        Ok(self.may.contains(&verb))
    }
}

fn node(name: &str) -> Value {
    let facts = json!({"agent": "0.1.0", "architecture": "x86_64", "kernel": "6.18.5", "criu": "4.2.1",
        "runtime": "runc 1.3.6", "cpuFeatures": "ab", "handler": true});
    json!({
        "metadata": {"name": name, "labels": {names::NODE_READY: "true"},
                     "annotations": {names::NODE_FACTS: facts.to_string()}},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}
    })
}

fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "orders-0", "namespace": "default",
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "orders", "uid": OWNER,
                                 "controller": true}],
            "annotations": {names::QUEUE: "orders.{pod}", names::BROKER_SECRET: "orders-broker"}
        },
        "spec": {"nodeName": "node-a", "containers": [{"name": "orders", "image": "orders", "notYetKnown": 1}]},
        "status": {"phase": "Running"}
    })
}

/// The pod as its StatefulSet re-creates it.
fn recreated() -> Value {
    let mut pod = pod();
    pod["spec"].as_object_mut().unwrap().remove("nodeName");
    pod.as_object_mut().unwrap().remove("status");
    pod
}

fn cluster() -> Fake {
    Fake {
        pods: vec![pod()],
        nodes: vec![node("node-a"), node("node-b")],
        may: vec!["create", "delete"],
        ..Fake::default()
    }
}

fn migration(name: &str, spec: Value, status: Value) -> Value {
    json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
           "metadata": {"name": name, "namespace": "default", "uid": UID}, "spec": spec, "status": status})
}

fn wanted() -> Value {
    migration(
        "move",
        json!({"sourcePod": "orders-0", "targetNode": "node-b"}),
        json!({}),
    )
}

fn leg(number: u8, attempt: u32, committed: bool) -> Value {
    let mut leg = json!({"number": number, "attempt": attempt, "key": format!("{UID}-{number}-{attempt}"),
        "from": {"pod": "a", "node": "n"}, "to": {"pod": "b", "node": "n"}});
    if committed {
        leg["committed"] = "2026-11-21T10:00:00.000000Z".into();
    }
    leg
}

/// A migration of orders-0 under way.
fn under_way(name: &str, phase: &str, legs: Value) -> Value {
    let plan = json!({"strategy": "ShadowPod", "because": "", "container": "orders", "sourceNode": "node-a",
        "source": {"namespace": "default", "name": "orders-0", "uid": "x"}, "targetNode": "node-b",
        "owner": {"kind": "StatefulSet", "name": "orders", "uid": OWNER}, "checkpointBackend": "Runtime",
        "queue": {"queue": "q", "quorum": false, "controlQueueExisted": false}});
    let status = json!({"phase": phase, "plan": plan, "legs": legs});
    migration(name, json!({"sourcePod": "orders-0"}), status)
}

fn review(operation: &str, object: &Value) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "r1", "kind": {"group": "", "version": "v1", "kind": object["kind"]},
        "resource": {"group": "", "version": "v1", "resource": "x"}, "operation": operation, "dryRun": false,
        "name": object["metadata"]["name"], "namespace": "default", "userInfo": {"username": "alice"},
        "object": object}})
}

async fn post(fake: Fake, path: &str, review: &Value) -> Value {
    send(router::app(fake), path, review).await
}

async fn send(app: Router, path: &str, review: &Value) -> Value {
    let request = Request::post(path).header("content-type", "application/json");
    let answer = app
        .oneshot(request.body(Body::from(review.to_string())).unwrap())
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(answer["kind"], "AdmissionReview");
    answer["response"].clone()
}

/// The object of the review after the patch of the answer.
fn patched(review: &Value, response: &Value) -> Value {
    assert_eq!(
        (&response["allowed"], &response["uid"]),
        (&json!(true), &json!("r1")),
        "{response}"
    );
    let mut object = review["request"]["object"].clone();
    if let Some(bytes) = response.get("patch") {
        assert_eq!(response["patchType"], "JSONPatch");
        let bytes: Vec<u8> = serde_json::from_value(bytes.clone()).unwrap();
        let patch: json_patch::Patch = serde_json::from_slice(&bytes).unwrap();
        json_patch::patch(&mut object, &patch).unwrap();
    }
    object
}

fn message(response: &Value) -> &str {
    assert_eq!(response["allowed"], false, "{response}");
    response["status"]["message"].as_str().unwrap()
}

async fn created(fake: Fake, pod: &Value) -> (Value, Value) {
    let review = review("CREATE", pod);
    let response = post(fake, names::WEBHOOK_PODS_PATH, &review).await;
    let after = patched(&review, &response);
    (after, response)
}

#[tokio::test]
async fn a_new_migration_gets_its_defaults() {
    let review = review("CREATE", &wanted());
    let response = post(cluster(), "/mutate/migrations", &review).await;
    let spec = patched(&review, &response)["spec"].clone();
    let expected = json!({"sourcePod": "orders-0", "targetNode": "node-b", "containerName": "orders",
        "handoff": "Hold", "transferMode": "Direct",
        "checkpointBackend": "Runtime", "deadlineSeconds": 120});
    assert_eq!(spec, expected);
}

#[tokio::test]
async fn defaults_do_not_depend_on_the_look_up() {
    for trouble in [Trouble::Broken, Trouble::Stuck] {
        let review = review("CREATE", &wanted());
        let response = post(Fake { trouble, ..cluster() }, "/mutate/migrations", &review).await;
        assert_eq!(patched(&review, &response)["spec"]["handoff"], "Hold");
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
        "spec.targetNode: node \"x\" does not exist; pick node-b"
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
async fn an_update_may_cancel_and_nothing_else() {
    let mut cancel = review("UPDATE", &wanted());
    cancel["request"]["oldObject"] = wanted();
    cancel["request"]["object"]["spec"]["cancel"] = true.into();
    assert_eq!(
        post(cluster(), "/validate/migrations", &cancel).await["allowed"],
        true
    );
    cancel["request"]["object"]["spec"]["targetNode"] = "node-c".into();
    let response = post(cluster(), "/validate/migrations", &cancel).await;
    assert!(
        message(&response).starts_with("spec: it is immutable but for cancel"),
        "{response}"
    );
}

#[tokio::test]
async fn the_announced_pod_becomes_a_restore_and_keeps_all_else() {
    let legs = [
        (json!([leg(1, 0, true)]), format!("{UID}-2-0")),
        (json!([leg(1, 0, true), leg(2, 0, false)]), format!("{UID}-2-0")),
        (
            json!([leg(1, 0, true), leg(2, 0, false), leg(2, 1, false)]),
            format!("{UID}-2-1"),
        ),
    ];
    for (legs, key) in legs {
        let fake = Fake {
            migrations: vec![under_way("move", "Replaying", legs)],
            ..cluster()
        };
        let (after, _) = created(fake, &recreated()).await;
        let mut expected = recreated();
        expected["spec"]["runtimeClassName"] = "shadow".into();
        expected["spec"]["affinity"] = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
            {"nodeSelectorTerms": [{"matchFields": [
                {"key": "metadata.name", "operator": "In", "values": ["node-b"]}]}]}}});
        let annotations = expected["metadata"]["annotations"].as_object_mut().unwrap();
        annotations.insert(names::RESTORE_KEY.into(), key.into());
        annotations.insert(names::RESTORE_CONTAINER.into(), "orders".into());
        annotations.insert(names::MIGRATION.into(), "move".into());
        assert_eq!(after, expected, "also what this version does not know of stays");
    }
}

/// The same, restored by image.
fn by_image(legs: Value) -> Value {
    let mut migration = under_way("move", "Replaying", legs);
    migration["spec"]["checkpointImageRepository"] = "r.example.org/checkpoints".into();
    migration["spec"]["checkpointImageSecretRef"] = "pull".into();
    migration["status"]["plan"]["restore"] = "Image".into();
    migration["status"]["plan"]["origin"] = json!({"image": "orders", "imageRef": "orders@sha256:12"});
    migration
}

#[tokio::test]
async fn the_announced_pod_waits_for_its_checkpoint_image() {
    let fake = Fake {
        migrations: vec![by_image(json!([leg(1, 0, true), leg(2, 1, false)]))],
        ..cluster()
    };
    let (after, _) = created(fake, &recreated()).await;
    let (spec, container) = (&after["spec"], &after["spec"]["containers"][0]);
    assert_eq!(spec.get("runtimeClassName"), None);
    assert_eq!(spec["restartPolicy"], "Never");
    assert_eq!(spec["imagePullSecrets"], json!([{"name": "pull"}]));
    let image = container["image"].as_str().unwrap();
    assert!(
        image.starts_with("r.example.org/checkpoints") && image != "orders",
        "{image}"
    );
    assert_eq!(
        container["notYetKnown"], 1,
        "what this version does not know of stays"
    );
    let annotations = &after["metadata"]["annotations"];
    assert_eq!(annotations[names::RESTORE_KEY], format!("{UID}-2-1"));
    let own = annotations[names::OWN_FIELDS].as_str().unwrap();
    assert!(own.contains("orders@sha256:12"), "{own}");
}

#[tokio::test]
async fn a_pod_that_was_restored_by_image_is_not_set_back_to_it() {
    let fake = Fake {
        migrations: vec![by_image(json!([leg(1, 0, true), leg(2, 0, true)]))],
        ..cluster()
    };
    let response = post(fake, names::WEBHOOK_PODS_PATH, &review("CREATE", &recreated())).await;
    assert!(message(&response).contains("set back"), "{response}");
}

#[tokio::test]
async fn pods_that_nobody_announced_pass_unchanged() {
    let committed = || under_way("move", "Replaying", json!([leg(1, 0, true)]));
    let mut of_another_set = recreated();
    of_another_set["metadata"]["ownerReferences"][0]["uid"] = "another".into();
    let mut of_nobody = recreated();
    of_nobody["metadata"]["ownerReferences"] = json!([]);
    let mut another_replica = recreated();
    another_replica["metadata"]["name"] = "orders-1".into();
    let table = [
        ("no migration", vec![], recreated()),
        (
            "not committed",
            vec![under_way("move", "Restoring", json!([leg(1, 0, false)]))],
            recreated(),
        ),
        (
            "not begun",
            vec![under_way("move", "Pending", json!([]))],
            recreated(),
        ),
        (
            "over",
            vec![under_way(
                "move",
                "Completed",
                json!([leg(1, 0, true), leg(2, 0, true)]),
            )],
            recreated(),
        ),
        (
            "undone",
            vec![under_way("move", "Failed", json!([leg(1, 0, false)]))],
            recreated(),
        ),
        (
            "another StatefulSet of that name",
            vec![committed()],
            of_another_set,
        ),
        ("no owner", vec![committed()], of_nobody),
        ("another replica", vec![committed()], another_replica),
    ];
    for (case, migrations, pod) in table {
        let (after, response) = created(
            Fake {
                migrations,
                ..cluster()
            },
            &pod,
        )
        .await;
        assert_eq!((response.get("patch"), &after), (None, &pod), "{case}");
    }
}

#[tokio::test]
async fn only_the_controllers_dry_run_is_a_probe() {
    let controller = names::account_user(names::CONTROLLER_ACCOUNT);
    let table = [
        (controller.as_str(), true, true, true),
        (controller.as_str(), false, true, false),
        (controller.as_str(), true, false, false),
        ("alice", true, true, false),
    ];
    for (user, dry_run, annotated, rewritten) in table {
        let mut pod = recreated();
        if annotated {
            pod["metadata"]["annotations"][names::RULE_PROBE] = pod["metadata"]["name"].clone();
        }
        let mut review = review("CREATE", &pod);
        review["request"]["userInfo"]["username"] = user.into();
        review["request"]["dryRun"] = dry_run.into();
        let fake = Fake {
            migrations: vec![under_way("move", "Restoring", json!([leg(1, 0, false)]))],
            ..cluster()
        };
        let after = patched(&review, &post(fake, names::WEBHOOK_PODS_PATH, &review).await);
        let class = after["spec"]["runtimeClassName"] == "shadow";
        assert_eq!(
            class, rewritten,
            "user {user}, dry run {dry_run}, annotated {annotated}"
        );
        if rewritten {
            assert_eq!(
                after["metadata"]["annotations"][names::RESTORE_KEY],
                format!("{UID}-2-0")
            );
        }
    }
}

#[tokio::test]
async fn a_pod_is_refused_when_its_migration_cannot_be_looked_up() {
    for (trouble, word) in [(Trouble::Broken, "API server gone"), (Trouble::Stuck, "too long")] {
        let fake = Fake { trouble, ..cluster() };
        let response = post(fake, names::WEBHOOK_PODS_PATH, &review("CREATE", &recreated())).await;
        assert!(message(&response).contains(word), "{response}");
        assert_eq!(response["status"]["code"], 503);
    }
}

#[tokio::test]
async fn a_pod_that_two_migrations_announce_is_refused() {
    let two = ["one", "two"].map(|name| under_way(name, "Replaying", json!([leg(1, 0, true)])));
    let fake = Fake {
        migrations: two.to_vec(),
        ..cluster()
    };
    let response = post(fake, names::WEBHOOK_PODS_PATH, &review("CREATE", &recreated())).await;
    assert!(message(&response).contains("\"one\" and \"two\""), "{response}");
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
async fn a_pod_that_does_not_parse_is_refused() {
    let mut odd = recreated();
    odd["spec"]["containers"] = "none".into();
    let response = post(cluster(), names::WEBHOOK_PODS_PATH, &review("CREATE", &odd)).await;
    assert!(message(&response).contains("invalid type"), "{response}");
    assert_eq!(response["uid"], "r1");
}

#[tokio::test]
async fn many_reviews_at_once_are_answered() {
    let app = router::app(cluster());
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
