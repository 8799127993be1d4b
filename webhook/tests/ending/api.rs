//! As much of an API server as the webhook needs: it signs its certificate, and lists migrations when it is let.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, routing};
use serde_json::{Value, json};
use shadow_core::names;
use shadow_identity::{Authority, authority};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

const LIFE: Duration = Duration::from_secs(3600);
/// Looks for migrations of this namespace are answered when the test lets them.
pub(crate) const SLOW: &str = "slow";

pub(crate) struct Api {
    pub(crate) authority: Authority,
    request: Mutex<Option<Value>>,
    /// One for each slow look that has come.
    asked: Semaphore,
    /// One for each that may be answered.
    may_answer: Semaphore,
}

/// Serves it, with a kubeconfig that leads there.
pub(crate) async fn serve() -> (Arc<Api>, TempDir) {
    let api = Arc::new(Api {
        authority: Authority::generate(SystemTime::now(), LIFE).unwrap(),
        request: Mutex::default(),
        asked: Semaphore::new(0),
        may_answer: Semaphore::new(0),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: c\n  cluster: {{server: 'http://{}'}}\n\
         contexts:\n- {{name: c, context: {{cluster: c, user: u}}}}\nusers:\n- {{name: u, user: {{}}}}\n",
        listener.local_addr().unwrap()
    );
    fs::write(home.path().join("config"), config).unwrap();
    let app = Router::new()
        .fallback(routing::any(answer))
        .with_state(Arc::clone(&api));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (api, home)
}

async fn answer(State(api): State<Arc<Api>>, method: Method, uri: Uri, body: Bytes) -> Response {
    if uri.query().is_some_and(|query| query.contains("watch=true")) {
        let silence = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        return Body::from_stream(silence).into_response();
    }
    if method == Method::POST {
        return Json(api.signed(&body)).into_response();
    }
    if method == Method::DELETE {
        return Json(json!({"kind": "Status", "status": "Success"})).into_response();
    }
    let path = uri.path();
    if path.contains(&format!("/namespaces/{SLOW}/")) {
        api.asked.add_permits(1);
        api.may_answer.acquire().await.unwrap().forget();
    }
    let items = match path.rsplit('/').next() {
        Some("configmaps") => vec![api.trust()],
        Some("certificatesigningrequests") => api.request.lock().unwrap().iter().cloned().collect(),
        _ => Vec::new(),
    };
    Json(json!({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": items})).into_response()
}

impl Api {
    /// Waits for a slow look.
    pub(crate) async fn was_asked(&self) {
        self.asked.acquire().await.unwrap().forget();
    }

    /// Answers it.
    pub(crate) fn answers(&self) {
        self.may_answer.add_permits(1);
    }

    fn trust(&self) -> Value {
        json!({"metadata": {"name": names::CA_CONFIG_MAP, "namespace": names::SYSTEM_NAMESPACE, "resourceVersion": "1"},
               "data": {"ca.crt": self.authority.certificate_pem()}})
    }

    /// The request, already answered.
    fn signed(&self, body: &[u8]) -> Value {
        let mut request: k8s_openapi::api::certificates::v1::CertificateSigningRequest =
            serde_json::from_slice(body).unwrap();
        let pem = String::from_utf8(request.spec.request.0.clone()).unwrap();
        let names = authority::requested_names(&pem).unwrap();
        let chain = self
            .authority
            .sign(&pem, &names, SystemTime::now(), LIFE)
            .unwrap();
        request.metadata.name = Some("one".to_owned());
        request.metadata.resource_version = Some("1".to_owned());
        request.status.get_or_insert_default().certificate =
            Some(k8s_openapi::ByteString(chain.into_bytes()));
        let request = serde_json::to_value(request).unwrap();
        *self.request.lock().unwrap() = Some(request.clone());
        request
    }
}
