//! The way to a certificate, against an API server that answers from a script.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test, a failed step is the verdict"
)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use serde_json::{Value, json};
use shadow_core::names;
use shadow_identity::authority::requested_names;
use shadow_identity::{Authority, Identity, IdentityError, Role};

const NAME: &str = "node-a.agent.shadow-system.shadow";
const LIFE: Duration = Duration::from_secs(3600);

/// What the API server does with a signing request.
#[derive(Clone, Copy, PartialEq)]
enum Signer {
    /// Signs the request; its certificate lives this long.
    Signs(Duration),
    Denies,
    /// Lets the first request vanish, signs the second.
    Forgets,
    Forbids,
}

struct Api {
    signer: Signer,
    authority: Authority,
    /// Lists of the authority's ConfigMap that come back empty before it is there.
    absent: u32,
    requests: Vec<CertificateSigningRequest>,
    deleted: u32,
}

type Shared = Arc<Mutex<Api>>;

fn api(signer: Signer) -> Shared {
    let authority = Authority::generate(SystemTime::now(), LIFE).unwrap();
    Arc::new(Mutex::new(Api {
        signer,
        authority,
        absent: 0,
        requests: Vec::new(),
        deleted: 0,
    }))
}

fn client(api: &Shared) -> kube::Client {
    let api = api.clone();
    let service = tower::service_fn(move |request: Request<kube::client::Body>| {
        let api = api.clone();
        async move { Ok::<_, std::convert::Infallible>(answer(&api, request).await) }
    });
    kube::Client::new(service, "default")
}

async fn answer(api: &Shared, request: Request<kube::client::Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let (path, query) = (
        parts.uri.path().to_owned(),
        parts.uri.query().unwrap_or_default().to_owned(),
    );
    let watch = query.contains("watch=true");
    let body = body.collect_bytes().await.unwrap();
    let mut api = api.lock().unwrap();
    if path.ends_with("/configmaps") {
        assert!(
            path.contains("/namespaces/shadow-system/") && query.contains("shadow-ca"),
            "{path}?{query}"
        );
        return if watch {
            silence(&mut api)
        } else {
            list(authority(&mut api))
        };
    }
    if parts.method == Method::POST {
        return created(&mut api, &body);
    }
    if parts.method == Method::DELETE {
        api.deleted += 1;
        return json_of(StatusCode::OK, &json!({"kind": "Status", "status": "Success"}));
    }
    if watch {
        events(&mut api)
    } else {
        list(pending(&api))
    }
}

fn json_of(code: StatusCode, value: &Value) -> Response<Body> {
    Response::builder()
        .status(code)
        .body(Body::from(value.to_string()))
        .unwrap()
}

fn list(items: Vec<Value>) -> Response<Body> {
    json_of(
        StatusCode::OK,
        &json!({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": items}),
    )
}

fn event(kind: &str, object: &Value) -> Response<Body> {
    let line = json!({"type": kind, "object": object}).to_string() + "\n";
    Response::new(Body::from(line))
}

/// A watch that ends without an event; a ConfigMap that was absent appears at the next one.
fn silence(api: &mut Api) -> Response<Body> {
    if api.absent > 0 {
        api.absent = 0;
        return event("ADDED", &authority(api)[0]);
    }
    Response::new(Body::from_stream(futures::stream::pending::<
        Result<Vec<u8>, std::io::Error>,
    >()))
}

fn authority(api: &mut Api) -> Vec<Value> {
    if api.absent > 0 {
        return Vec::new();
    }
    vec![
        json!({"metadata": {"name": names::CA_CONFIG_MAP, "namespace": "shadow-system", "resourceVersion": "1"},
                "data": {"ca.crt": api.authority.certificate_pem()}}),
    ]
}

fn created(api: &mut Api, body: &[u8]) -> Response<Body> {
    if api.signer == Signer::Forbids {
        let status = json!({"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden",
                            "message": "may not create", "metadata": {}});
        return json_of(StatusCode::FORBIDDEN, &status);
    }
    let mut request: CertificateSigningRequest = serde_json::from_slice(body).unwrap();
    let name = format!(
        "{}{}",
        request.metadata.generate_name.take().unwrap(),
        api.requests.len()
    );
    request.metadata.name = Some(name);
    request.metadata.resource_version = Some("1".into());
    api.requests.push(request.clone());
    json_of(StatusCode::CREATED, &serde_json::to_value(&request).unwrap())
}

fn pending(api: &Api) -> Vec<Value> {
    if api.signer == Signer::Forgets && api.requests.len() == 1 {
        return Vec::new();
    }
    vec![serde_json::to_value(api.requests.last().unwrap()).unwrap()]
}

fn events(api: &mut Api) -> Response<Body> {
    let mut request = api.requests.last().unwrap().clone();
    request.metadata.resource_version = Some("2".into());
    let status = request.status.get_or_insert_default();
    match api.signer {
        Signer::Denies => {
            let denied = json!([{"type": "Denied", "status": "True", "message": "not this node"}]);
            status.conditions = serde_json::from_value(denied).unwrap();
        }
        Signer::Signs(_) | Signer::Forgets | Signer::Forbids => {
            let life = if let Signer::Signs(life) = api.signer {
                life
            } else {
                LIFE
            };
            let pem = String::from_utf8(request.spec.request.0.clone()).unwrap();
            let names = requested_names(&pem).unwrap();
            let chain = api.authority.sign(&pem, &names, SystemTime::now(), life).unwrap();
            status.certificate = Some(ByteString(chain.into_bytes()));
        }
    }
    event("MODIFIED", &serde_json::to_value(&request).unwrap())
}

async fn obtain(api: &Shared) -> Result<Identity, IdentityError> {
    let asked = Identity::request(client(api), NAME, Role::Agent);
    tokio::time::timeout(Duration::from_secs(30), asked)
        .await
        .expect("no answer in time")
}

#[tokio::test]
async fn a_part_asks_our_signer_for_its_own_name_only() {
    let api = api(Signer::Signs(LIFE));
    let identity = obtain(&api).await.unwrap();
    assert_eq!(identity.name(), NAME);
    let api = api.lock().unwrap();
    let spec = &api.requests[0].spec;
    assert_eq!(spec.signer_name, names::SIGNER);
    assert_eq!(
        spec.usages.as_deref().unwrap(),
        ["digital signature", "server auth", "client auth"]
    );
    assert_eq!(
        requested_names(std::str::from_utf8(&spec.request.0).unwrap()).unwrap(),
        [NAME]
    );
    assert!(
        api.requests[0]
            .metadata
            .name
            .as_deref()
            .unwrap()
            .starts_with("shadow-agent-")
    );
    assert_eq!((api.requests.len(), api.deleted), (1, 1));
}

#[tokio::test]
async fn a_part_waits_for_the_controller_to_come_up() {
    let api = api(Signer::Signs(LIFE));
    api.lock().unwrap().absent = 1;
    obtain(&api).await.unwrap();
    assert_eq!(api.lock().unwrap().absent, 0);
}

#[tokio::test]
async fn a_denied_request_ends_with_the_reason() {
    let error = obtain(&api(Signer::Denies)).await.unwrap_err().to_string();
    assert!(error.contains(NAME) && error.contains("not this node"), "{error}");
}

#[tokio::test]
async fn missing_rights_end_with_the_way_out() {
    let error = obtain(&api(Signer::Forbids)).await.unwrap_err().to_string();
    assert!(
        error.contains("may not create") && error.contains("RBAC"),
        "{error}"
    );
}

#[tokio::test]
async fn a_request_that_vanishes_is_made_again_with_another_key() {
    let api = api(Signer::Forgets);
    obtain(&api).await.unwrap();
    let api = api.lock().unwrap();
    assert_eq!(api.requests.len(), 2);
    assert_ne!(api.requests[0].spec.request, api.requests[1].spec.request);
}

#[tokio::test]
async fn a_certificate_is_renewed_at_two_thirds_of_its_life_with_another_key() {
    // Backdated by five minutes, so two thirds of the life of this one are already over.
    let api = api(Signer::Signs(Duration::from_secs(60)));
    let identity = obtain(&api).await.unwrap();
    let first = identity.expires_at();
    api.lock().unwrap().signer = Signer::Signs(LIFE);
    let renewed = async {
        while identity.expires_at() <= first + Duration::from_secs(600) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), renewed)
        .await
        .expect("not renewed in time");
    let requests = &api.lock().unwrap().requests;
    assert_ne!(requests[0].spec.request, requests.last().unwrap().spec.request);
}
