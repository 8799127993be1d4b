//! Reviews that nobody's API server sends: any pod of the cluster can.

use std::fs;

use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use shadow_core::names;
use shadow_webhook::health::Part;
use shadow_webhook::router;
use tower::ServiceExt;

use crate::stage::cluster;

/// Size of one body, bytes.
const SIZE: usize = 2_800_000;
/// The webhook's limit is twice that.
const MOST: u64 = 64 << 20;

fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes << 10
}

fn filled(before: &str, part: &str, after: &str) -> String {
    let parts = vec![part; SIZE / (part.len() + 1)].join(",");
    format!("{before}{parts}{after}")
}

/// Loose JSON where a review may have some: what is before it, what it repeats, what is after it.
const KINDS: [(&str, &str, &str); 6] = [
    ("[", "[]", "]"),
    (r#""userInfo":{},"options":["#, "0", "]}}"),
    (r#""userInfo":{"groups":["#, r#""""#, "]}}}"),
    (
        r#""userInfo":{},"object":{"metadata":{"managedFields":["#,
        "{}",
        "]}}}}",
    ),
    (
        r#""userInfo":{},"object":{"metadata":{"ownerReferences":["#,
        "{}",
        "]}}}}",
    ),
    (
        r#""userInfo":{},"object":{"metadata":{},"spec":{"volumes":["#,
        "{}",
        "]}}}}",
    ),
];
const ENVELOPE: &str = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"a","operation":"CREATE","#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_large_reviews_at_once_take_little_memory() {
    let app = router::app(cluster(), Part::default());
    for path in [
        names::WEBHOOK_PODS_PATH,
        "/mutate/migrations",
        "/validate/migrations",
        names::WEBHOOK_EVICTIONS_PATH,
        names::WEBHOOK_DELETIONS_PATH,
    ] {
        for (before, part, after) in KINDS {
            // One for all eight, so that this test takes little itself.
            let body = Bytes::from(filled(&format!("{ENVELOPE}{before}"), part, after));
            let mut calls = tokio::task::JoinSet::new();
            for _ in 0..8 {
                let request = Request::post(path).body(Body::from(body.clone())).unwrap();
                let app = app.clone();
                calls.spawn(async move { app.oneshot(request).await.unwrap().status() });
            }
            let answers = calls.join_all().await;
            assert!(answers.contains(&StatusCode::OK), "{answers:?}");
            assert!(peak() < MOST, "{path}, {before}: {} MB", peak() >> 20);
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_or_never_comes_is_refused() {
    let send = async |body: Body| {
        let request = Request::post(names::WEBHOOK_PODS_PATH).body(body).unwrap();
        router::app(cluster(), Part::default())
            .oneshot(request)
            .await
            .unwrap()
            .status()
    };
    let long = Body::from(vec![b' '; 4 << 20]);
    assert_eq!(send(long).await, StatusCode::PAYLOAD_TOO_LARGE);
    let silent = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    assert_eq!(send(silent).await, StatusCode::REQUEST_TIMEOUT);
}
