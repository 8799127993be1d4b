//! Pulling from a registry that fails, refuses or lies: nothing of it may ever become an archive.

use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use serde_json::{Value, json};
use shadow_core::wire::{Checkpointed, Transferred};

use crate::fake::{self, Fake, Reply, Seen, cut, start, status, with};
use crate::scene::{Node, PASSWORD, Refused};

type Script = Box<dyn Fn(&Seen, usize) -> Option<Reply> + Send + Sync>;

/// An image in a registry that behaves until it is told what to do.
struct Pushed {
    registry: Fake,
    image: String,
    dump: Checkpointed,
    script: Arc<Mutex<Script>>,
}

async fn pushed() -> Pushed {
    let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Box::new(|_, _| None)));
    let told = script.clone();
    let registry = start(move |seen, n| told.lock().unwrap()(seen, n)).await;
    let source = Node::new("node-a");
    let dump = source.dumped(3_000_000);
    let image = source
        .push(&registry.repository(), &json!({}))
        .await
        .unwrap()
        .image;
    Pushed {
        registry,
        image,
        dump,
        script,
    }
}

impl Pushed {
    /// Blobs are answered by this; the number counts them from 0.
    fn blob(&self, reply: impl Fn(usize) -> Option<Reply> + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Box::new(move |seen, n| {
            (seen.method == "GET" && seen.path.contains("/blobs/"))
                .then(|| reply(n))
                .flatten()
        });
    }

    /// The manifest under whatever name is this one.
    fn manifest(&self, reply: impl Fn() -> Reply + Send + Sync + 'static) {
        *self.script.lock().unwrap() =
            Box::new(move |seen, _| (seen.method == "GET" && seen.path.contains("/manifests/")).then(&reply));
    }

    async fn pull(&self) -> (Node, Result<Transferred, Refused>) {
        self.pull_image(&self.image).await
    }

    async fn pull_image(&self, image: &str) -> (Node, Result<Transferred, Refused>) {
        let target = Node::new("node-b");
        target.announced().await;
        let access = json!({"login": {"user": "robot", "password": PASSWORD}});
        let pulled = target
            .pull(&self.registry.repository(), &access, image, &self.dump)
            .await;
        (target, pulled)
    }

    /// The pull is refused for good, after so many requests for the layer, and nothing is left of it.
    async fn is_refused(&self, blobs: usize, reason: &str, why: &str) {
        let (target, pulled) = self.pull().await;
        let refused = pulled.unwrap_err();
        assert_eq!(
            (refused.status, refused.reason.as_str()),
            (StatusCode::CONFLICT, reason),
            "{refused:?}"
        );
        assert!(refused.message.contains(why), "{refused:?}");
        assert_eq!(self.registry.seen("GET", "/blobs/").len(), blobs);
        target.holds_nothing();
    }
}

#[tokio::test]
async fn a_layer_that_breaks_off_is_begun_anew() {
    let pushed = pushed().await;
    let (_, layer) = pushed.registry.layer();
    let size = layer.len();
    let half = layer.slice(..size / 2);
    pushed.blob(move |n| (n < 2).then(|| cut(half.clone(), size)));
    let (target, pulled) = pushed.pull().await;
    let wire_bytes = pulled.unwrap().wire_bytes;
    assert_eq!(pushed.registry.seen("GET", "/blobs/").len(), 3);
    assert!(wire_bytes as usize > size, "what came in vain is counted, too");
    target.holds(&pushed.dump);
}

#[tokio::test]
async fn one_that_always_breaks_off_leaves_nothing_and_may_work_later() {
    let pushed = pushed().await;
    let (_, layer) = pushed.registry.layer();
    let (size, half) = (layer.len(), layer.slice(..layer.len() / 2));
    pushed.blob(move |_| Some(cut(half.clone(), size)));
    let (target, pulled) = pushed.pull().await;
    let refused = pulled.unwrap_err();
    assert_eq!(
        (refused.status, refused.reason.as_str()),
        (StatusCode::BAD_GATEWAY, "RegistryUnavailable")
    );
    assert!(refused.message.contains("broke off"), "{refused:?}");
    assert_eq!(pushed.registry.seen("GET", "/blobs/").len(), 3);
    target.holds_nothing();
    pushed.blob(|_| None);
    let again = target
        .pull(
            &pushed.registry.repository(),
            &json!({}),
            &pushed.image,
            &pushed.dump,
        )
        .await;
    again.unwrap();
    target.holds(&pushed.dump);
}

#[tokio::test]
async fn trouble_is_tried_again_and_a_refusal_is_not() {
    let pushed = pushed().await;
    pushed.blob(|n| (n < 2).then(|| status(502)));
    pushed.pull().await.1.unwrap();
    for (code, advice) in [
        (403, "allow its user pull"),
        (404, "checkpointImageRepository"),
        (401, "correct the Secret"),
    ] {
        let pushed = self::pushed().await;
        pushed.blob(move |_| Some(status(code)));
        pushed.is_refused(1, "RegistryRefused", advice).await;
    }
}

#[tokio::test]
async fn a_layer_with_one_other_byte_is_refused() {
    let pushed = pushed().await;
    let (_, layer) = pushed.registry.layer();
    let with_other = |at: usize| {
        let mut other = layer.to_vec();
        other[at] ^= 1;
        other
    };
    // In the middle of a file, which shows in the file; in the frame around all, which shows in the layer.
    let (inside, around) = (with_other(layer.len() / 2), with_other(layer.len() - 1));
    pushed.blob(move |_| Some(with(200, &[], inside.clone())));
    pushed
        .is_refused(1, "DigestMismatch", "content of images/pages-1.img")
        .await;
    pushed.blob(move |_| Some(with(200, &[], around.clone())));
    pushed
        .is_refused(2, "DigestMismatch", "the layer that arrived is sha256:")
        .await;
}

#[tokio::test]
async fn a_layer_that_is_another_archive_is_refused() {
    let pushed = pushed().await;
    let other = Node::new("node-c");
    let registry = fake::honest().await;
    other.dumped(2_000_000);
    other.push(&registry.repository(), &json!({})).await.unwrap();
    let (_, layer) = registry.layer();
    pushed.blob(move |_| {
        let unsized_body = Body::from_stream(futures::stream::iter([Ok::<_, std::io::Error>(layer.clone())]));
        Some(with(200, &[], unsized_body))
    });
    pushed.is_refused(1, "DigestMismatch", "").await;
}

#[tokio::test]
async fn a_layer_shorter_or_longer_than_promised_is_refused() {
    let pushed = pushed().await;
    let (_, layer) = pushed.registry.layer();
    let short = layer.slice(..layer.len() - 1000);
    let announced = short.clone();
    pushed.blob(move |_| Some(with(200, &[], announced.clone())));
    pushed.is_refused(1, "DigestMismatch", "a layer of").await;

    let chunked =
        |content: Bytes| Body::from_stream(futures::stream::iter([Ok::<_, std::io::Error>(content)]));
    pushed.blob(move |_| Some(with(200, &[], chunked(short.clone()))));
    pushed.is_refused(2, "DigestMismatch", "its manifest says").await;

    let mut long = layer.to_vec();
    long.extend_from_slice(&[0; 100]);
    pushed.blob(move |_| Some(with(200, &[], chunked(long.clone().into()))));
    pushed.is_refused(3, "DigestMismatch", "its manifest says").await;
}

#[tokio::test]
async fn an_endless_layer_ends_where_it_should_have() {
    let pushed = pushed().await;
    let (_, layer) = pushed.registry.layer();
    let sent = Arc::new(Mutex::new(0));
    let counter = sent.clone();
    pushed.blob(move |_| {
        let (layer, counter) = (layer.clone(), counter.clone());
        let endless = std::iter::repeat(layer).map_while(move |part| {
            *counter.lock().unwrap() += part.len();
            Some(Ok::<_, std::io::Error>(part))
        });
        Some(with(200, &[], Body::from_stream(futures::stream::iter(endless))))
    });
    pushed.is_refused(1, "DigestMismatch", "its manifest says").await;
    assert!(*sent.lock().unwrap() < 100_000_000, "it was read on and on");
}

#[tokio::test]
async fn another_manifest_than_asked_for_is_refused() {
    let pushed = pushed().await;
    let mut other = pushed.registry.manifest().to_vec();
    other.push(b' ');
    pushed.manifest(move || with(200, &[], other.clone()));
    pushed
        .is_refused(0, "DigestMismatch", "the manifest that arrived is not")
        .await;
}

/// The manifest as a liar would write it; its digest is handed over as if it were the right one.
async fn lie(change: impl Fn(&mut Value)) -> Refused {
    let pushed = pushed().await;
    let mut manifest: Value = serde_json::from_slice(&pushed.registry.manifest()).unwrap();
    change(&mut manifest);
    let json = serde_json::to_vec(&manifest).unwrap();
    let image = fake::sha256(&json);
    pushed.manifest(move || with(200, &[], json.clone()));
    let (target, pulled) = pushed.pull_image(&image).await;
    target.holds_nothing();
    let refused = pulled.unwrap_err();
    assert_eq!(refused.status, StatusCode::CONFLICT, "{refused:?}");
    refused
}

#[tokio::test]
async fn a_lying_manifest_is_refused_before_a_layer_is_asked_for() {
    let giant = lie(|manifest| manifest["layers"][0]["size"] = json!(1u64 << 60)).await;
    assert!(giant.message.contains("has at most"), "{giant:?}");
    let index =
        lie(|manifest| manifest["mediaType"] = json!("application/vnd.oci.image.index.v1+json")).await;
    assert!(index.message.contains("index"), "{index:?}");
    let path = lie(|manifest| manifest["layers"][0]["digest"] = json!("../../../etc/passwd")).await;
    assert!(path.message.contains("digest"), "{path:?}");
    let other =
        lie(|manifest| manifest["annotations"]["migration.ms2m.io/archive-digest"] = json!("0")).await;
    assert!(other.message.contains("another archive"), "{other:?}");
    let none = lie(|manifest| manifest["layers"] = json!([])).await;
    assert!(none.message.contains("no layer"), "{none:?}");
}

#[tokio::test]
async fn an_endless_manifest_does_not_fill_the_memory() {
    let pushed = pushed().await;
    pushed.manifest(|| {
        let endless =
            futures::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 65536])));
        with(200, &[], Body::from_stream(endless))
    });
    pushed
        .is_refused(0, "DigestMismatch", "more than 1048576 bytes")
        .await;
}

#[tokio::test]
async fn a_layer_may_be_kept_elsewhere_but_credentials_stay_here() {
    let pushed = pushed().await;
    let (_, layer) = pushed.registry.layer();
    let store = start(move |_, _| Some(with(200, &[], layer.clone()))).await;
    let place = format!("http://{}/bucket/key?signature=s", store.address);
    *pushed.script.lock().unwrap() = Box::new(move |seen, _| {
        if !seen.headers.contains_key("authorization") {
            return Some(with(401, &[("www-authenticate", "Basic realm=\"x\"")], ""));
        }
        seen.path
            .contains("/blobs/")
            .then(|| with(307, &[("location", &place)], ""))
    });
    let (target, pulled) = pushed.pull().await;
    pulled.unwrap();
    target.holds(&pushed.dump);
    let asked = store.seen("GET", "/bucket/key?signature=s");
    assert_eq!(asked.len(), 1);
    assert!(
        !asked[0].headers.contains_key("authorization"),
        "the password went elsewhere"
    );
}

#[tokio::test]
async fn a_redirect_cannot_make_the_agent_dial_what_it_must_not() {
    for place in [
        "http://169.254.169.254/latest",
        "http://intern.example.org/x",
        "https://[fe80::1]/",
        "gopher://x/",
    ] {
        let pushed = pushed().await;
        pushed.blob(move |_| Some(with(302, &[("location", place)], "")));
        pushed.is_refused(1, "RegistryNotAllowed", "leads to").await;
    }
    let circling = pushed().await;
    circling.blob(|_| Some(with(302, &[("location", "/v2/checkpoints/blobs/again")], "")));
    circling.is_refused(4, "RegistryRefused", "302").await;
}
