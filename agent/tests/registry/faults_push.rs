//! Pushing to a registry that fails, refuses or lies.

use axum::http::StatusCode;
use serde_json::json;
use shadow_agent::image::registry::Policy;
use shadow_core::dialling::{Peer, Rules};
use shadow_dialling::Guard;

use crate::fake::{self, Fake, Reply, Seen, start, status, with};
use crate::scene::{Node, PASSWORD, Refused, policy};

async fn push(registry: &Fake) -> Result<shadow_core::wire::Pushed, Refused> {
    push_as(
        registry,
        &json!({"login": {"user": "robot", "password": PASSWORD}}),
    )
    .await
}

async fn push_as(registry: &Fake, access: &serde_json::Value) -> Result<shadow_core::wire::Pushed, Refused> {
    let source = Node::new("node-a");
    source.dumped(3_000_000);
    let pushed = source.push(&registry.repository(), access).await;
    let recorded = source.slot().now().unwrap().pushed;
    assert_eq!(
        recorded.is_some(),
        pushed.is_ok(),
        "the state says what is not so"
    );
    pushed
}

/// A refusal that is final and was not asked for again.
async fn refused(code: u16, body: &'static str, advice: &str) {
    let registry = start(move |seen, _| (seen.method == "POST").then(|| with(code, &[], body))).await;
    let refused = push(&registry).await.unwrap_err();
    assert_eq!(
        (refused.status, refused.reason.as_str()),
        (StatusCode::CONFLICT, "RegistryRefused")
    );
    assert!(
        refused.message.contains(&code.to_string()) && refused.message.contains(advice),
        "{refused:?}"
    );
    assert_eq!(registry.count(), 1, "a final answer was asked for again");
    assert!(
        !refused.message.contains("internal"),
        "a server's words are repeated: {refused:?}"
    );
}

#[tokio::test]
async fn a_refusal_is_final_and_says_what_to_do() {
    refused(
        403,
        r#"{"errors":[{"code":"DENIED","message":"internal"}]}"#,
        "allow its user pull,push",
    )
    .await;
    refused(403, "<h1>internal</h1>", "allow its user pull,push").await;
    refused(
        404,
        r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#,
        "create the repository",
    )
    .await;
    refused(401, "internal", "correct the Secret").await;
    refused(413, "", "raise its limit").await;
    refused(307, "", "name the registry itself").await;
}

#[tokio::test]
async fn trouble_is_tried_three_times_and_no_more() {
    let passing = start(|seen, n| (seen.method == "PATCH" && n < 2).then(|| status(503))).await;
    push(&passing).await.unwrap();
    assert_eq!(passing.seen("PATCH", "").len(), 3);

    let lasting = start(|seen, _| (seen.method == "POST").then(|| status(500))).await;
    let refused = push(&lasting).await.unwrap_err();
    assert_eq!(
        (refused.status, refused.reason.as_str()),
        (StatusCode::BAD_GATEWAY, "RegistryUnavailable")
    );
    assert_eq!(lasting.count(), 3);
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_begun_anew() {
    let registry = start(|seen, n| (seen.method == "PATCH" && n == 0).then_some(Reply::HangUp)).await;
    push(&registry).await.unwrap();
    let places: Vec<String> = registry
        .seen("PATCH", "")
        .into_iter()
        .map(|seen| seen.path)
        .collect();
    assert_eq!(places.len(), 2);
    assert_ne!(places[0], places[1], "half an upload was gone on with");
    let (digest, content) = registry.layer();
    assert_eq!(fake::sha256(&content), digest);
}

#[tokio::test]
async fn nobody_there_is_said_so() {
    let registry = fake::honest().await;
    let address = registry.address.clone();
    drop(registry);
    let source = Node::new("node-a");
    source.dumped(1000);
    let refused = source
        .push(&format!("{address}/checkpoints"), &json!({}))
        .await
        .unwrap_err();
    assert_eq!(refused.reason, "RegistryUnavailable");
    assert!(refused.message.contains(&address), "{refused:?}");
}

#[tokio::test]
async fn memory_is_not_sent_to_where_a_registry_points() {
    let elsewhere = fake::honest().await;
    // By a redirect …
    let target = format!("http://{}/v2/checkpoints/blobs/uploads/0", elsewhere.address);
    let place = target.clone();
    let redirecting =
        start(move |seen, _| (seen.method == "PATCH").then(|| with(307, &[("location", &place)], ""))).await;
    let refused = push(&redirecting).await.unwrap_err();
    assert!(
        refused.message.contains("redirects to another address"),
        "{refused:?}"
    );
    // … or by the place of an upload.
    let place = target.replace("127.0.0.1", "localhost");
    let misleading =
        start(move |seen, _| (seen.method == "POST").then(|| with(202, &[("location", &place)], ""))).await;
    let refused = push(&misleading).await.unwrap_err();
    assert_eq!(refused.reason, "DigestMismatch");
    assert!(refused.message.contains("another host"), "{refused:?}");
    assert_eq!(elsewhere.count(), 0, "memory of a process went elsewhere");
}

#[tokio::test]
async fn a_layer_that_nobody_read_was_not_pushed() {
    let place = "/v2/checkpoints/blobs/uploads/0";
    let registry =
        start(move |seen, _| (seen.method == "PATCH").then(|| with(202, &[("location", place)], ""))).await;
    let source = Node::new("node-a");
    // More than a connection holds.
    source.dumped(30_000_000);
    let refused = source.push(&registry.repository(), &json!({})).await.unwrap_err();
    assert_eq!(refused.status, StatusCode::CONFLICT, "{refused:?}");
    assert!(refused.message.contains("without reading it"), "{refused:?}");
}

#[tokio::test]
async fn a_registry_behind_a_proxy_may_call_itself_otherwise() {
    let registry = fake::honest().await;
    registry.calls_itself("https://127.0.0.1:1");
    push(&registry).await.unwrap();
    let places = registry.seen("PUT", "/uploads/");
    assert!(places[0].path.contains("?state=x&digest=sha256"), "{places:?}");
}

#[tokio::test]
async fn a_manifest_kept_under_another_digest_is_a_lie() {
    let other = format!("sha256:{}", "0".repeat(64));
    let registry = start(move |seen, _| {
        let manifest = seen.method == "PUT" && seen.path.contains("/manifests/");
        manifest.then(|| with(201, &[("docker-content-digest", &other)], ""))
    })
    .await;
    let refused = push(&registry).await.unwrap_err();
    assert_eq!(refused.reason, "DigestMismatch", "{refused:?}");
}

/// The token service is another server; its realm names it.
fn wants_token(seen: &Seen, realm: &str) -> Option<Reply> {
    let known = seen
        .headers
        .get("authorization")
        .is_some_and(|value| value == "Bearer granted");
    let challenge = format!("Bearer realm=\"{realm}\",service=\"reg,istry\",scope=\"repository:other:*\"");
    (!known).then(|| with(401, &[("www-authenticate", &challenge)], "{}"))
}

#[tokio::test]
async fn a_token_is_fetched_from_where_the_registry_says_and_used() {
    let tokens = start(|_, _| Some(with(200, &[], r#"{"token":"granted"}"#))).await;
    let realm = format!("http://{}/token?a=b", tokens.address);
    let registry = start(move |seen, _| wants_token(seen, &realm)).await;
    push(&registry).await.unwrap();
    let asked = tokens.seen("GET", "/token");
    assert_eq!(asked.len(), 1, "one token is enough");
    let expected = "/token?a=b&service=reg%2Cistry&scope=repository%3Acheckpoints%3Apull%2Cpush";
    assert_eq!(asked[0].path, expected);
    assert_eq!(asked[0].headers["authorization"], "Basic cm9ib3Q6dG9wc2VjcmV0");
    let passwords = registry.seen("", "").into_iter().chain(registry.seen("POST", ""));
    for seen in passwords {
        assert!(
            !format!("{:?}", seen.headers).contains("Basic"),
            "the password went to the registry: {seen:?}"
        );
    }
}

#[tokio::test]
async fn a_token_service_that_says_no_is_final() {
    let tokens = start(|_, _| Some(with(401, &[], r#"{"errors":[{"code":"UNAUTHORIZED"}]}"#))).await;
    let realm = format!("http://{}/token", tokens.address);
    let registry = start(move |seen, _| wants_token(seen, &realm)).await;
    let refused = push(&registry).await.unwrap_err();
    assert_eq!(refused.reason, "RegistryRefused");
    assert!(
        refused.message.contains("does not accept user and password"),
        "{refused:?}"
    );
    assert_eq!((tokens.count(), registry.count()), (1, 1));
}

#[tokio::test]
async fn a_password_goes_to_no_token_service_that_may_not_be_dialled() {
    for realm in [
        "http://169.254.169.254/token",
        "http://auth.example.org/token",
        "not a place",
    ] {
        let registry = start(move |seen, _| wants_token(seen, realm)).await;
        let refused = push(&registry).await.unwrap_err();
        assert_eq!(refused.status, StatusCode::CONFLICT, "{realm}: {refused:?}");
        assert_eq!(registry.count(), 1, "{realm}");
    }
}

#[tokio::test]
async fn a_token_service_cannot_fill_the_memory() {
    let tokens = start(|_, _| {
        let endless = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 65536].into()));
        let endless: futures::stream::BoxStream<'static, Result<axum::body::Bytes, _>> = Box::pin(endless);
        Some(with(200, &[], axum::body::Body::from_stream(endless)))
    })
    .await;
    let realm = format!("http://{}/token", tokens.address);
    let registry = start(move |seen, _| wants_token(seen, &realm)).await;
    let refused = push(&registry).await.unwrap_err();
    assert!(refused.message.contains("more than 65536 bytes"), "{refused:?}");
}

#[tokio::test]
async fn whoever_has_no_password_may_still_get_a_token() {
    let tokens = start(|_, _| Some(with(200, &[], r#"{"access_token":"granted"}"#))).await;
    let realm = format!("http://{}/token", tokens.address);
    let registry = start(move |seen, _| wants_token(seen, &realm)).await;
    push_as(&registry, &json!({})).await.unwrap();
    assert!(!tokens.seen("GET", "")[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn two_pushes_at_once_are_one() {
    let registry = fake::honest().await;
    let source = Node::new("node-a");
    source.dumped(100_000);
    let (repository, nobody) = (registry.repository(), json!({}));
    let (one, other) = tokio::join!(
        source.push(&repository, &nobody),
        source.push(&repository, &nobody)
    );
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(registry.seen("PATCH", "").len(), 1);
}

#[tokio::test]
async fn only_where_the_operator_allows_it() {
    let registry = fake::honest().await;
    let only = Policy {
        guard: Guard::new(Rules {
            only: vec!["registry.example.org".parse().unwrap()],
            ..Rules::of_this_machine(Peer::Registry)
        }),
        ..policy()
    };
    let source = Node::with("node-a", only);
    source.dumped(1000);
    let refused = source.push(&registry.repository(), &json!({})).await.unwrap_err();
    assert_eq!(
        (refused.status, refused.reason.as_str()),
        (StatusCode::CONFLICT, "RegistryNotAllowed")
    );
    for repository in ["169.254.169.254/latest", "[fe80::1]:80/x"] {
        let refused = Node::new("node-a");
        refused.dumped(1000);
        let refused = refused.push(repository, &json!({})).await.unwrap_err();
        assert_eq!(refused.reason, "RegistryNotAllowed", "{repository}");
    }
    assert_eq!(registry.count(), 0);
}

#[tokio::test]
async fn an_archive_that_cannot_be_read_is_this_nodes_fault() {
    let registry = fake::honest().await;
    let source = Node::new("node-a");
    source.dumped(3_000_000);
    std::fs::remove_file(source.slot().folder.archive().join("images/pages-1.img")).unwrap();
    let refused = source.push(&registry.repository(), &json!({})).await.unwrap_err();
    assert_eq!(refused.reason, "TransferFailed");
    assert!(refused.message.contains("pages-1.img"), "{refused:?}");
    assert!(
        registry.seen("PUT", "/manifests/").is_empty(),
        "half an image was tagged"
    );
}
