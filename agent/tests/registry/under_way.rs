//! What is told of an archive while it comes.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use serde_json::{Value, json};
use shadow_core::wire::{Archive, KeyReport};
use tokio::sync::oneshot;

use crate::fake::{self, Reply, with};
use crate::scene::Node;

const SOON: Duration = Duration::from_secs(20);

async fn report(node: &Node) -> KeyReport {
    node.ask("GET", "", &Value::Null).await.unwrap()
}

/// Asks until it is so.
async fn once(node: &Node, is_so: impl Fn(&KeyReport) -> bool) -> KeyReport {
    let begun = Instant::now();
    loop {
        let told = report(node).await;
        if is_so(&told) {
            return told;
        }
        assert!(begun.elapsed() < SOON, "{told:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn an_archive_that_comes_tells_its_bytes_and_one_that_is_here_tells_none() {
    let (go_on, gate) = oneshot::channel::<()>();
    let gate = Arc::new(Mutex::new(Some(gate)));
    let layer: Arc<Mutex<Option<axum::body::Bytes>>> = Arc::default();
    let kept = Arc::clone(&layer);
    // The second half of the layer comes when the test has seen the first.
    let registry = fake::start(move |seen, _| {
        let is_layer = seen.method == "GET" && seen.path.contains("/blobs/");
        let whole = kept.lock().unwrap().clone().filter(|_| is_layer)?;
        let gate = gate.lock().unwrap().take()?;
        let half = whole.len() / 2;
        let (first, second) = (whole.slice(..half), whole.slice(half..));
        let first = futures::stream::once(async move { Ok::<_, std::io::Error>(first) });
        let second = futures::stream::once(async move {
            gate.await.map_err(std::io::Error::other)?;
            Ok(second)
        });
        let body = Body::from_stream(futures::StreamExt::chain(first, second));
        Some(with(200, &[("content-length", &whole.len().to_string())], body))
    })
    .await;
    let (source, target) = (Node::new("node-a"), Node::new("node-b"));
    let dump = source.dumped(3_000_000);
    let pushed = source.push(&registry.repository(), &json!({})).await.unwrap();
    assert_eq!(report(&source).await.work, None, "it is pushed");
    *layer.lock().unwrap() = Some(registry.layer().1);

    target.announced().await;
    assert_eq!(report(&target).await.work, None, "nothing comes yet");
    let (repository, access) = (registry.repository(), json!({}));
    let pulling = target.pull(&repository, &access, &pushed.image, &dump);
    let watching = async {
        let some = |told: &KeyReport| told.work.is_some_and(|work| work.bytes > 1_000_000);
        let told = once(&target, some).await;
        let work = told.work.unwrap();
        assert_eq!((told.archive, work.of), (Archive::Incomplete, Some(dump.bytes)));
        assert!(work.bytes < dump.bytes, "{work:?}");
        go_on.send(()).unwrap();
    };
    let (pulled, ()) = tokio::join!(pulling, watching);
    pulled.unwrap();
    let told = report(&target).await;
    assert_eq!((told.archive, told.work), (Archive::Complete, None));
}

#[tokio::test]
async fn an_archive_that_does_not_come_is_told_no_more() {
    let registry = fake::start(|seen, _| {
        let is_layer = seen.method == "GET" && seen.path.contains("/blobs/");
        is_layer.then_some(Reply::HangUp)
    })
    .await;
    let (source, target) = (Node::new("node-a"), Node::new("node-b"));
    let dump = source.dumped(3_000_000);
    let pushed = source.push(&registry.repository(), &json!({})).await.unwrap();
    target.announced().await;
    let pulled = target
        .pull(&registry.repository(), &json!({}), &pushed.image, &dump)
        .await;
    assert!(pulled.is_err());
    let told = report(&target).await;
    assert_eq!((told.archive, told.work), (Archive::Absent, None));
}
