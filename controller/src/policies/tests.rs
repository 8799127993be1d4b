//! What those that wait are told of their turn, and what it costs.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::{Request, Response, StatusCode};
use kube::client::Body;
use serde_json::{Value, json};
use shadow_core::api::StatefulMigrationSpec;
use tower::service_fn;

use super::*;

fn list(items: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items})
}

/// An API server with these policies; it counts what it is asked.
fn api_server(own: Value, of_cluster: Value) -> (Client, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let service = service_fn(move |request: Request<Body>| {
        count.fetch_add(1, Ordering::Relaxed);
        let metadata = |labels: Value| json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "x", "labels": labels}});
        let found = match request.uri().path().rsplit('/').next().unwrap() {
            "migrationpolicies" => Some(list(&own)),
            "clustermigrationpolicies" => (!of_cluster.is_null()).then(|| list(&of_cluster)),
            "orders-0" => Some(metadata(json!({"app": "orders"}))),
            "shop" => Some(metadata(json!({"env": "production"}))),
            _ => None,
        };
        let (code, body) = match found {
            Some(body) => (StatusCode::OK, body),
            None => {
                let gone = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "NotFound",
                    "message": "not found", "code": 404});
                (StatusCode::NOT_FOUND, gone)
            }
        };
        let response = Response::builder()
            .status(code)
            .body(Body::from(body.to_string().into_bytes()));
        async move { Ok::<_, Infallible>(response.unwrap()) }
    });
    (Client::new(service, "default"), asked)
}

fn waits() -> StatefulMigration {
    let spec = StatefulMigrationSpec {
        source_pod: "orders-0".to_owned(),
        ..StatefulMigrationSpec::default()
    };
    let mut migration = StatefulMigration::new("move", spec);
    migration.metadata.namespace = Some("shop".to_owned());
    migration.metadata.uid = Some("uid".to_owned());
    migration
}

fn own(namespace: &str, spec: Value) -> Value {
    json!({"metadata": {"name": "team", "namespace": namespace}, "spec": spec})
}

#[tokio::test]
async fn where_no_policy_speaks_of_turns_no_pod_is_asked_for() {
    let other = json!([
        own("shop", json!({"allowed": {"handoffs": ["Hold"]}})),
        own("bank", json!({"limits": {"movesPerNode": 1}}))
    ]);
    let (client, asked) = api_server(other, Value::Null);
    let policies = Policies::default();
    for _ in 0..5 {
        let standing = policies.standing(&client, &waits()).await.unwrap();
        assert_eq!(standing, Standing::default());
    }
    assert_eq!(
        asked.load(Ordering::Relaxed),
        2,
        "two lists, once for all that wait"
    );
}

#[tokio::test]
async fn limits_and_priority_are_those_of_the_policies_that_select_the_pod() {
    let own = json!([own(
        "shop",
        json!({"podSelector": {"matchLabels": {"app": "orders"}}, "limits": {"movesPerNode": 1}})
    )]);
    let of_cluster = json!([{"metadata": {"name": "platform"},
        "spec": {"namespaceSelector": {"matchLabels": {"env": "production"}}, "priority": 7}}]);
    let (client, asked) = api_server(own, of_cluster);
    let policies = Policies::default();
    for _ in 0..5 {
        let standing = policies.standing(&client, &waits()).await.unwrap();
        assert_eq!(
            (standing.priority, standing.per_node.map(|bound| bound.most)),
            (7, Some(1))
        );
    }
    assert_eq!(policies.priority(&waits()), Some(7));
    assert_eq!(
        asked.load(Ordering::Relaxed),
        4,
        "two lists, the pod and its namespace"
    );
    policies.forget("uid");
    assert_eq!(policies.priority(&waits()), None);
}

#[tokio::test]
async fn a_look_finds_what_is_in_force_in_a_namespace() {
    let (client, _) = api_server(json!([own("shop", json!({}))]), Value::Null);
    let found = look(&client, "shop").await.unwrap();
    assert_eq!((found.of_namespace.len(), found.of_cluster.len()), (1, 0));
    let selecting =
        json!([{"metadata": {"name": "p"}, "spec": {"namespaceSelector": {"matchLabels": {"env": "x"}}}}]);
    let (client, _) = api_server(json!([]), selecting);
    let found = look(&client, "shop").await.unwrap();
    assert_eq!(found.namespace.get("env").map(String::as_str), Some("production"));
}
