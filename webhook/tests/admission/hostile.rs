//! Reviews that nobody's API server sends: any pod of the cluster can.

use std::fs;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use shadow_core::names;
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

/// Each kind of loose JSON where a review may have some.
fn bodies() -> Vec<String> {
    let envelope = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"a","operation":"CREATE","#;
    let review = |rest: &str| envelope.to_owned() + rest;
    vec![
        "[".repeat(SIZE),
        filled("[", "[]", "]"),
        filled(&review(r#""userInfo":{},"options":["#), "0", "]}}"),
        filled(&review(r#""userInfo":{"groups":["#), r#""""#, "]}}}"),
        filled(
            &review(r#""userInfo":{},"object":{"metadata":{"managedFields":["#),
            "{}",
            "]}}}}",
        ),
        filled(
            &review(r#""userInfo":{},"object":{"metadata":{"ownerReferences":["#),
            "{}",
            "]}}}}",
        ),
        filled(
            &review(r#""userInfo":{},"object":{"metadata":{},"spec":{"volumes":["#),
            "{}",
            "]}}}}",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_large_reviews_at_once_take_little_memory() {
    let app = router::app(cluster());
    for path in [
        names::WEBHOOK_PODS_PATH,
        "/mutate/migrations",
        "/validate/migrations",
    ] {
        for body in bodies() {
            let before = peak();
            let mut calls = tokio::task::JoinSet::new();
            for _ in 0..8 {
                let request = Request::post(path).body(Body::from(body.clone())).unwrap();
                let app = app.clone();
                calls.spawn(async move { app.oneshot(request).await.unwrap().status() });
            }
            let answers = calls.join_all().await;
            assert!(answers.contains(&StatusCode::OK), "{answers:?}");
            // The bodies themselves are this test's.
            let own = 9 * SIZE as u64;
            assert!(
                peak() < MOST + own,
                "{path}: {} MB after {}, {}",
                peak() >> 20,
                before >> 20,
                &body[..80]
            );
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_or_never_comes_is_refused() {
    let send = async |body: Body| {
        let request = Request::post(names::WEBHOOK_PODS_PATH).body(body).unwrap();
        router::app(cluster()).oneshot(request).await.unwrap().status()
    };
    let long = Body::from(vec![b' '; 4 << 20]);
    assert_eq!(send(long).await, StatusCode::PAYLOAD_TOO_LARGE);
    let silent = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    assert_eq!(send(silent).await, StatusCode::REQUEST_TIMEOUT);
}
