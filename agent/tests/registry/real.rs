//! Against a real registry.

use serde_json::{Value, json};

use crate::process;
use crate::scene::{KEY, Node, PASSWORD, TAG};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

#[tokio::test]
async fn an_archive_goes_through_the_registry_and_nothing_stays_there() {
    let registry = process::plain(true);
    let repository = format!("{}/shadow/checkpoints", registry.address);
    let (source, target) = (Node::new("node-a"), Node::new("node-b"));
    let dump = source.dumped(3_000_000);
    target.announced().await;

    let pushed = source.push(&repository, &json!({})).await.unwrap();
    assert_eq!(pushed.reference, format!("{repository}:{TAG}"));
    assert!(pushed.bytes > 3_000_000, "{pushed:?}");
    assert_eq!(
        source.push(&repository, &json!({})).await.unwrap(),
        pushed,
        "pushed twice is pushed once"
    );

    let pulled = target
        .pull(&repository, &json!({}), &pushed.image, &dump)
        .await
        .unwrap();
    assert!(
        pulled.wire_bytes > 3_000_000 && pulled.wire_bytes < pushed.bytes,
        "{pulled:?}"
    );
    target.holds(&dump);
    let again = target
        .pull(&repository, &json!({}), &pushed.image, &dump)
        .await
        .unwrap();
    assert_eq!(again, pulled, "pulled twice is pulled once");

    let layer = layer_of(&registry, &pushed.image).await;
    assert_eq!(
        target.discard(&repository, &json!({})).await.unwrap(),
        json!({"outcome": "deleted"})
    );
    for gone in [
        format!("manifests/{}", pushed.image),
        format!("manifests/{TAG}"),
        format!("blobs/{layer}"),
    ] {
        let left = registry
            .get(&format!("/v2/shadow/checkpoints/{gone}"), MANIFEST)
            .await;
        assert_eq!(left.status(), 404, "{gone} is still there");
    }
    assert_eq!(
        source.discard(&repository, &json!({})).await.unwrap(),
        json!({"outcome": "absent"})
    );
}

async fn layer_of(registry: &process::Registry, image: &str) -> String {
    let manifest = registry
        .get(&format!("/v2/shadow/checkpoints/manifests/{image}"), MANIFEST)
        .await;
    let manifest: Value = manifest.json().await.unwrap();
    manifest["layers"][0]["digest"].as_str().unwrap().to_owned()
}

fn names_in(tar: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap();
    entries
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect()
}

#[tokio::test]
async fn the_image_is_one_that_runtimes_recognise() {
    let registry = process::plain(true);
    let repository = format!("{}/shadow/checkpoints", registry.address);
    let source = Node::new("node-a");
    let dump = source.dumped(10_000);
    let pushed = source.push(&repository, &json!({})).await.unwrap();

    let path = |what: &str| format!("/v2/shadow/checkpoints/{what}");
    let answer = registry.get(&path(&format!("manifests/{TAG}")), MANIFEST).await;
    assert_eq!(
        answer.headers()["docker-content-digest"],
        pushed.image.as_str(),
        "tag and digest name one image"
    );
    let manifest: Value = answer.json().await.unwrap();
    assert_eq!(manifest["mediaType"], MANIFEST);
    let annotations = &manifest["annotations"];
    assert_eq!(annotations["org.criu.checkpoint.container.name"], "orders");
    assert_eq!(
        annotations["io.kubernetes.cri-o.annotations.checkpoint.name"],
        "orders"
    );
    assert_eq!(
        annotations["org.criu.checkpoint.rootfsImageName"],
        "registry.example.org/orders:1"
    );
    assert_eq!(
        annotations["migration.ms2m.io/archive-digest"],
        dump.digest.as_str()
    );

    let config = manifest["config"]["digest"].as_str().unwrap();
    let config: Value = registry
        .get(&path(&format!("blobs/{config}")), "*/*")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(config["os"], "linux");
    let mut members = Vec::new();
    for (number, layer) in manifest["layers"].as_array().unwrap().iter().enumerate() {
        let digest = layer["digest"].as_str().unwrap();
        let blob = registry
            .get(&path(&format!("blobs/{digest}")), "*/*")
            .await
            .bytes()
            .await
            .unwrap();
        assert_eq!(layer["size"], blob.len());
        let tar = zstd::decode_all(&blob[..]).unwrap();
        assert_eq!(
            config["rootfs"]["diff_ids"][number],
            sha256(&tar),
            "a runtime would refuse the layer"
        );
        members.extend(names_in(&tar));
    }
    members.sort();
    let expected = [
        "checkpoint/core-1.img",
        "checkpoint/pages-1.img",
        "config.dump",
        "manifest.json",
        "rootfs-diff.tar",
        "spec.dump",
        "status.dump",
    ];
    assert_eq!(members, expected);
}

fn sha256(content: &[u8]) -> String {
    use sha2::Digest;
    format!("sha256:{}", hex::encode(sha2::Sha256::digest(content)))
}

#[tokio::test]
async fn the_same_dump_gives_the_same_image_and_an_agent_that_restarts_knows_it() {
    let registry = process::plain(true);
    let repository = format!("{}/shadow/checkpoints", registry.address);
    let source = Node::new("node-a");
    source.dumped(10_000);
    let pushed = source.push(&repository, &json!({})).await.unwrap();
    source.slot().update(|state| state.pushed = None).unwrap();
    let again = source.push(&repository, &json!({})).await.unwrap();
    assert_eq!(
        again.image, pushed.image,
        "a push whose answer was lost gives another image"
    );

    let elsewhere = source
        .push(&format!("{}/other", registry.address), &json!({}))
        .await
        .unwrap_err();
    assert_eq!(elsewhere.reason, "BadImage", "{elsewhere:?}");
    let state = std::fs::read_to_string(source.slot().folder.state()).unwrap();
    assert!(
        state.contains(&pushed.image) && !state.contains(PASSWORD),
        "{state}"
    );
}

#[tokio::test]
async fn a_registry_that_refuses_deletion_is_an_answer() {
    let registry = process::plain(false);
    let repository = format!("{}/shadow/checkpoints", registry.address);
    let source = Node::new("node-a");
    source.dumped(1000);
    source.push(&repository, &json!({})).await.unwrap();
    let kept = source.discard(&repository, &json!({})).await.unwrap();
    assert_eq!(kept["outcome"], "kept");
    let why = kept["why"].as_str().unwrap();
    assert!(
        why.contains("405 UNSUPPORTED") && why.contains(&format!("{repository}:{TAG} yourself")),
        "{why}"
    );
}

#[tokio::test]
async fn what_is_not_there_is_said_before_anything_is_touched() {
    let registry = process::plain(true);
    let repository = format!("{}/shadow/checkpoints", registry.address);
    let (source, target) = (Node::new("node-a"), Node::new("node-b"));
    let none = source.push(&repository, &json!({})).await.unwrap_err();
    assert_eq!((none.status.as_u16(), none.reason.as_str()), (404, "UnknownKey"));
    let dump = source.dumped(1000);
    let image = format!("sha256:{}", "0".repeat(64));
    let unannounced = target
        .pull(&repository, &json!({}), &image, &dump)
        .await
        .unwrap_err();
    assert_eq!(unannounced.reason, "NotAnnounced");
    target.announced().await;
    let unknown = target
        .pull(&repository, &json!({}), &image, &dump)
        .await
        .unwrap_err();
    assert_eq!(
        (unknown.status.as_u16(), unknown.reason.as_str()),
        (409, "RegistryRefused")
    );
    assert!(
        unknown.message.contains("404") && unknown.message.contains("checkpointImageRepository"),
        "{unknown:?}"
    );
    target.holds_nothing();
    assert_eq!(
        source.discard(&repository, &json!({})).await.unwrap()["outcome"],
        "absent"
    );
}

#[tokio::test]
async fn removing_a_key_forgets_its_image_as_well() {
    let registry = process::plain(true);
    let repository = format!("{}/shadow/checkpoints", registry.address);
    let source = Node::new("node-a");
    source.dumped(1000);
    source.push(&repository, &json!({})).await.unwrap();
    source.keys.remove(&source.slot()).unwrap();
    let none = source.push(&repository, &json!({})).await.unwrap_err();
    assert_eq!(none.reason, "UnknownKey", "{KEY}: {none:?}");
}
