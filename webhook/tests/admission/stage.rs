//! A cluster held in memory, and reviews as the API server sends them.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::authentication::v1::UserInfo;
use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde_json::{Value, json};
use shadow_core::api::{ClusterMigrationPolicy, Evacuation, MigrationPolicy, OwnerKind, StatefulMigration};
use shadow_core::names;
use shadow_core::pause::Paused;
use shadow_core::policy::Labels;
use shadow_core::workload::Workload;
use shadow_webhook::cluster::{Cluster, Looked, LookupError};
use shadow_webhook::health::Part;
use shadow_webhook::router;
use tower::ServiceExt;

pub(crate) const UID: &str = "6c1f9be0-0000-0000-0000-00000000aaaa";
pub(crate) const OWNER: &str = "b1f4c1de-30c8-4ad7-8f0b-3c1f7d0f2a55";

#[derive(Clone, Copy, Default, PartialEq)]
pub(crate) enum Trouble {
    #[default]
    None,
    Broken,
    Stuck,
}

#[derive(Clone, Default)]
pub(crate) struct Fake {
    pub(crate) pods: Vec<Value>,
    pub(crate) nodes: Vec<Value>,
    pub(crate) claims: Vec<Value>,
    pub(crate) migrations: Vec<Value>,
    pub(crate) may: Vec<&'static str>,
    pub(crate) trouble: Trouble,
    pub(crate) policies: Vec<Value>,
    pub(crate) cluster_policies: Vec<Value>,
    pub(crate) opted_in: bool,
    pub(crate) paused: Option<Paused>,
    pub(crate) budgets: Vec<Value>,
    /// Evacuations, those that were created last.
    pub(crate) evacuations: Arc<Mutex<Vec<Value>>>,
}

impl Fake {
    async fn look<T: serde::de::DeserializeOwned>(&self, found: &[Value]) -> Looked<Vec<T>> {
        match self.trouble {
            Trouble::None => {}
            Trouble::Broken => {
                return Err(LookupError {
                    what: "anything",
                    why: "API server gone".into(),
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
        let sets: Vec<StatefulSet> = self
            .look(&[json!({"metadata": {"name": name, "uid": OWNER}})])
            .await?;
        Ok(sets.into_iter().next().map(Workload::from))
    }

    async fn volume(&self, _name: &str) -> Looked<Option<PersistentVolume>> {
        Ok(None)
    }

    async fn claim(&self, _namespace: &str, name: &str) -> Looked<Option<PersistentVolumeClaim>> {
        let claims: Vec<PersistentVolumeClaim> = self.look(&self.claims).await?;
        Ok(claims
            .into_iter()
            .find(|claim| claim.metadata.name.as_deref() == Some(name)))
    }

    async fn nodes(&self) -> Looked<Vec<Node>> {
        self.look(&self.nodes).await
    }

    async fn migrations(&self, _namespace: &str) -> Looked<Vec<StatefulMigration>> {
        self.look(&self.migrations).await
    }

    async fn policies(&self, _namespace: &str) -> Looked<Vec<MigrationPolicy>> {
        self.look(&self.policies).await
    }

    async fn cluster_policies(&self) -> Looked<Vec<ClusterMigrationPolicy>> {
        self.look(&self.cluster_policies).await
    }

    async fn namespace_labels(&self, _namespace: &str) -> Looked<Labels> {
        self.look::<Value>(&[]).await?;
        Ok(Labels::from([("env".to_owned(), "production".to_owned())]))
    }

    async fn evacuations(&self, _namespace: &str) -> Looked<Vec<Evacuation>> {
        let all = self.evacuations.lock().unwrap().clone();
        self.look(&all).await
    }

    async fn budgets(&self, _namespace: &str) -> Looked<Vec<PodDisruptionBudget>> {
        self.look(&self.budgets).await
    }

    async fn paused(&self) -> Looked<Option<Paused>> {
        self.look::<Value>(&[]).await?;
        Ok(self.paused.clone())
    }

    async fn namespace_label(&self, _namespace: &str, label: &str) -> Looked<Option<String>> {
        assert_eq!(label, names::EVICTIONS);
        Ok(self.opted_in.then(|| names::MOVE.to_owned()))
    }

    async fn mark(&self, _namespace: &str, mut evacuation: Evacuation) -> Looked<Evacuation> {
        let mut all = self.evacuations.lock().unwrap();
        evacuation.metadata.uid = Some(format!("e{}", all.len()));
        all.push(serde_json::to_value(&evacuation).unwrap());
        Ok(evacuation)
    }

    async fn may(&self, user: &UserInfo, namespace: &str, verb: &str) -> Looked<bool> {
        assert_eq!((user.username.as_deref(), namespace), (Some("alice"), "default"));
        Ok(self.may.contains(&verb))
    }
}

pub(crate) fn node(name: &str) -> Value {
    let facts = json!({"agent": "0.1.0", "architecture": "x86_64", "kernel": "6.18.5", "criu": "4.2.1",
        "runtime": "runc 1.3.6", "cpuFeatures": "ab", "handler": true});
    json!({
        "metadata": {"name": name, "labels": {names::NODE_READY: "true"},
                     "annotations": {names::NODE_FACTS: facts.to_string()}},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}
    })
}

pub(crate) fn pod() -> Value {
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
pub(crate) fn recreated() -> Value {
    let mut pod = pod();
    pod["spec"].as_object_mut().unwrap().remove("nodeName");
    pod.as_object_mut().unwrap().remove("status");
    pod
}

pub(crate) fn cluster() -> Fake {
    Fake {
        pods: vec![pod()],
        nodes: vec![node("node-a"), node("node-b")],
        may: vec!["create", "delete"],
        ..Fake::default()
    }
}

pub(crate) fn migration(name: &str, spec: Value, status: Value) -> Value {
    json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
           "metadata": {"name": name, "namespace": "default", "uid": UID}, "spec": spec, "status": status})
}

pub(crate) fn wanted() -> Value {
    migration(
        "move",
        json!({"sourcePod": "orders-0", "targetNode": "node-b"}),
        json!({}),
    )
}

pub(crate) fn leg(number: u8, attempt: u32, committed: bool) -> Value {
    let mut leg = json!({"number": number, "attempt": attempt, "key": format!("{UID}-{number}-{attempt}"),
        "from": {"pod": "a", "node": "n"}, "to": {"pod": "b", "node": "node-b"}});
    if committed {
        leg["committed"] = "2026-11-21T10:00:00.000000Z".into();
    }
    leg
}

/// A migration of orders-0 under way.
pub(crate) fn under_way(name: &str, phase: &str, legs: Value) -> Value {
    let plan = json!({"strategy": "ShadowPod", "because": "", "container": "orders", "sourceNode": "node-a",
        "source": {"namespace": "default", "name": "orders-0", "uid": "x"}, "targetNode": "node-b",
        "owner": {"kind": "StatefulSet", "name": "orders", "uid": OWNER}, "checkpointBackend": "Runtime",
        "queue": {"queue": "q", "quorum": false, "controlQueueExisted": false}});
    let status = json!({"phase": phase, "plan": plan, "legs": legs});
    migration(name, json!({"sourcePod": "orders-0"}), status)
}

pub(crate) fn review(operation: &str, object: &Value) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "r1", "kind": {"group": "", "version": "v1", "kind": object["kind"]},
        "resource": {"group": "", "version": "v1", "resource": "x"}, "operation": operation, "dryRun": false,
        "name": object["metadata"]["name"], "namespace": "default", "userInfo": {"username": "alice"},
        "object": object}})
}

pub(crate) async fn post(fake: Fake, path: &str, review: &Value) -> Value {
    send(router::app(fake, Part::default()), path, review).await
}

pub(crate) async fn send(app: Router, path: &str, review: &Value) -> Value {
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
pub(crate) fn patched(review: &Value, response: &Value) -> Value {
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

pub(crate) fn message(response: &Value) -> &str {
    assert_eq!(response["allowed"], false, "{response}");
    response["status"]["message"].as_str().unwrap()
}

pub(crate) async fn created(fake: Fake, pod: &Value) -> (Value, Value) {
    let review = review("CREATE", pod);
    let response = post(fake, names::WEBHOOK_PODS_PATH, &review).await;
    let after = patched(&review, &response);
    (after, response)
}

/// A pause of all moves.
pub(crate) fn paused(let_evictions_through: bool) -> Option<Paused> {
    Some(Paused {
        reason: "the broker is updated".to_owned(),
        by: Some("carol".to_owned()),
        since: None,
        let_evictions_through,
    })
}
