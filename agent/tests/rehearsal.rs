//! A rehearsal from the request to the answer, with an API server and a node helper of ours.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use hyper::http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};
use shadow_agent::checkpoint::kubelet::Kubelet;
use shadow_agent::checkpoint::{CheckpointError, Checkpointer};
use shadow_agent::cluster::Cluster;
use shadow_agent::helper::HelperClient;
use shadow_agent::keys::Keys;
use shadow_agent::layout::Layout;
use shadow_core::names::Key;
use shadow_core::wire::{CheckpointBackend, CheckpointRequest, PodRef, RehearseRequest};

const UID: &str = "0c1b7d1e-8a3f-4a52-9c57-6f1d9a4f6b11";

struct Node {
    root: tempfile::TempDir,
    keys: Keys,
    checkpointer: Checkpointer,
    dumps: Arc<AtomicUsize>,
    /// Each lets one dump end.
    let_go: mpsc::Sender<()>,
}

impl Node {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let keys = Keys::load(Layout::below(root.path())).unwrap();
        let socket = root.path().join("helper.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let (let_go, gate) = mpsc::channel();
        let (dumps, folder) = (Arc::<AtomicUsize>::default(), keys.layout().keys());
        let counted = Arc::clone(&dumps);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                dump(&stream.unwrap(), &folder, &gate);
            }
        });
        let cluster = Cluster::new(api_server(), "node-a".into());
        let kubelet = Kubelet { authority: None };
        Self {
            checkpointer: Checkpointer::new(cluster, HelperClient::at(socket), kubelet),
            keys,
            root,
            dumps,
            let_go,
        }
    }

    fn dumps(&self) -> usize {
        self.dumps.load(Ordering::SeqCst)
    }

    /// Files below the folder of archives.
    fn files(&self) -> Vec<PathBuf> {
        below(&self.root.path().join("keys"))
    }

    async fn until_dumps(&self, count: usize) {
        while self.dumps() < count {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let nested = entries.map(|path| if path.is_dir() { below(&path) } else { vec![path] });
    nested.flatten().collect()
}

/// Writes what a dump writes, and answers when it may.
fn dump(mut stream: &UnixStream, keys: &Path, gate: &mpsc::Receiver<()>) {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    let asked: Value = serde_json::from_str(&line).unwrap();
    let folder = keys.join(asked["key"].as_str().unwrap());
    let images = folder.join("archive.partial/images");
    fs::create_dir_all(&images).unwrap();
    fs::create_dir_all(folder.join("work")).unwrap();
    fs::write(images.join("pages-1.img"), [7; 4_000]).unwrap();
    fs::write(images.join("files.img"), [0; 8]).unwrap();
    fs::write(folder.join("work/dump.log"), "done").unwrap();
    gate.recv().unwrap();
    let limited = asked["withinMillis"] == json!(20_000);
    let of_move = asked["withinMillis"].is_null();
    assert!(limited || of_move, "{asked}");
    let answer = json!({"answer": "dumped", "content": {"frozenMicros": 80_000, "totalMicros": 90_000}});
    stream.write_all(format!("{answer}\n").as_bytes()).unwrap();
}

fn api_server() -> kube::Client {
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "orders-0", "namespace": "shop", "uid": "pod"},
        "spec": {"nodeName": "node-a", "containers": [{"name": "orders", "image": "registry.example.org/orders:1"}]},
        "status": {"hostIP": "10.0.0.1", "containerStatuses": [{"name": "orders", "image": "registry.example.org/orders:1",
            "imageID": "registry.example.org/orders@sha256:12", "ready": true, "restartCount": 0,
            "containerID": format!("containerd://{}", "a".repeat(64)), "state": {"running": {}}}]}});
    let service = tower::service_fn(move |_: Request<Body>| {
        let answer = Response::new(Body::from(serde_json::to_vec(&pod).unwrap()));
        async move { Ok::<_, std::io::Error>(answer) }
    });
    kube::Client::new(service, "shop")
}

fn pod() -> PodRef {
    PodRef {
        namespace: "shop".into(),
        name: "orders-0".into(),
        uid: "pod".into(),
    }
}

fn request() -> RehearseRequest {
    RehearseRequest {
        pod: pod(),
        container: "orders".into(),
    }
}

fn key(attempt: u32) -> Key {
    Key::of(UID, 1, attempt).unwrap()
}

#[tokio::test]
async fn asked_twice_at_once_and_once_more_it_dumps_once_and_keeps_no_archive() {
    let node = Node::new();
    let slot = node.keys.slot(&key(0));
    let asked = request();
    let rehearse = || node.checkpointer.rehearse(&node.keys, &slot, &asked);
    node.let_go.send(()).unwrap();
    let (first, second) = tokio::join!(rehearse(), rehearse());
    let first = first.unwrap();
    assert_eq!(first, second.unwrap());
    assert_eq!(first, rehearse().await.unwrap());
    assert!(first.bytes >= 4_000 && first.frozen_micros == 80_000, "{first:?}");
    assert_eq!(node.dumps(), 1);
    assert_eq!(node.files(), [slot.folder.state()], "only the record is left");
    node.keys.remove(&slot).unwrap();
    assert!(node.files().is_empty());
}

#[tokio::test]
async fn a_move_that_comes_meanwhile_is_not_refused_and_another_rehearsal_is() {
    let node = Node::new();
    let (mine, others, moves) = (
        node.keys.slot(&key(0)),
        node.keys.slot(&key(1)),
        node.keys.slot(&key(2)),
    );
    let asked = request();
    let order = CheckpointRequest {
        pod: pod(),
        container: "orders".into(),
        backend: CheckpointBackend::Runtime,
        target: None,
        stay_frozen_millis: None,
    };
    let rehearsing = node.checkpointer.rehearse(&node.keys, &mine, &asked);
    let beside = async {
        node.until_dumps(1).await;
        let refused = node.checkpointer.rehearse(&node.keys, &others, &asked).await;
        assert!(matches!(refused, Err(CheckpointError::AtWork(_))), "{refused:?}");
        assert!(others.now().is_none(), "nothing was begun");
        node.let_go.send(()).unwrap();
        node.let_go.send(()).unwrap();
    };
    let moving = async {
        node.until_dumps(1).await;
        node.checkpointer.checkpoint(&moves, &order).await
    };
    let (rehearsed, (), moved) = tokio::join!(rehearsing, beside, moving);
    rehearsed.unwrap();
    moved.unwrap();
    assert_eq!(node.dumps(), 2);
    assert!(moves.folder.archive().exists() && !mine.folder.archive().exists());
    let again = node.checkpointer.rehearse(&node.keys, &moves, &asked).await;
    assert!(matches!(again, Err(CheckpointError::NoRehearsal(_))), "{again:?}");
}
