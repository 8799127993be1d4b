//! An API server that knows one migration and one pod.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hyper::http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};

/// Phase of the one migration; `None` when it does not exist, "down" when the API server does not answer.
pub(crate) type Phase = Arc<Mutex<Option<&'static str>>>;

/// Metadata of the one pod; null when it does not exist.
pub(crate) type Pod = Arc<Mutex<Value>>;

/// How often it was asked for the migration.
pub(crate) type Asked = Arc<AtomicUsize>;

pub(crate) fn kept() -> Value {
    json!({"name": "orders-0", "namespace": "default", "uid": "pod"})
}

pub(crate) fn api_server(phase: Phase, pod: Pod, asked_for: Asked) -> kube::Client {
    let service = tower::service_fn(move |asked: Request<Body>| {
        let phase = *phase.lock().unwrap();
        let pod = pod.lock().unwrap().clone();
        let asked_for = asked_for.clone();
        async move {
            if phase == Some("down") {
                return Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
            }
            if asked.uri().path().ends_with("/pods/orders-0") {
                return Ok(answer(pod));
            }
            asked_for.fetch_add(1, Ordering::SeqCst);
            let items: Vec<_> = phase
                .map(|phase| {
                    json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
                    "metadata": {"name": "m", "namespace": "default", "uid": "uid"},
                    "spec": {"sourcePod": "orders-0"}, "status": {"phase": phase}})
                })
                .into_iter()
                .collect();
            let list = json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigrationList",
                "metadata": {}, "items": items});
            Ok(Response::new(Body::from(serde_json::to_vec(&list).unwrap())))
        }
    });
    kube::Client::new(service, "default")
}

fn answer(pod: Value) -> Response<Body> {
    let (code, body) = if pod.is_null() {
        let gone = json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "NotFound",
            "message": "pods \"orders-0\" not found", "code": 404});
        (404, gone)
    } else {
        let metadata =
            json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": pod});
        (200, metadata)
    };
    let mut answer = Response::new(Body::from(serde_json::to_vec(&body).unwrap()));
    *answer.status_mut() = code.try_into().unwrap();
    answer
}
