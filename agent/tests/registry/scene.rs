//! Two agents with their whole interface, but for the network between them and the controller: requests are handed to
//! the router with the controller's name, as the TLS layer would.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shadow_agent::archive::Manifest;
use shadow_agent::checkpoint::Checkpointer;
use shadow_agent::checkpoint::kubelet::Kubelet;
use shadow_agent::cluster::Cluster;
use shadow_agent::helper::HelperClient;
use shadow_agent::image::Images;
use shadow_agent::image::registry::Policy;
use shadow_agent::keys::{Keys, Origin, Slot};
use shadow_agent::layout::Layout;
use shadow_agent::serve::{self, Agent};
use shadow_agent::transfer::Fetcher;
use shadow_core::dialling::Peer;
use shadow_core::names::{self, Key};
use shadow_core::wire::{Checkpointed, Problem, Pushed, Transferred};
use shadow_dialling::Guard;
use shadow_identity::{Authority, Identity, PeerNames};
use tower::ServiceExt;

pub(crate) const KEY: &str = "3f0c2a1e-1111-2222-3333-444455556666-1-0";
pub(crate) const TAG: &str = "shop.3f0c2a1e-1111-2222-3333-444455556666-1-0";
pub(crate) const PASSWORD: &str = "topsecret";

pub(crate) struct Node {
    router: axum::Router,
    pub(crate) keys: Keys,
    dir: tempfile::TempDir,
}

/// A refusal on the wire.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// That of an operator whose registry is on this machine, and speaks plain HTTP.
pub(crate) fn policy() -> Policy {
    Policy {
        plain_http: vec!["127.0.0.1".parse().unwrap(), "localhost".parse().unwrap()],
        guard: Guard::of_this_machine(Peer::Registry),
    }
}

impl Node {
    pub(crate) fn new(name: &str) -> Self {
        Self::with(name, policy())
    }

    pub(crate) fn with(name: &str, policy: Policy) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::load(Layout::below(dir.path())).unwrap();
        let nowhere = tower::service_fn(|_: Request<kube::client::Body>| async {
            Err::<axum::http::Response<kube::client::Body>, _>(std::io::Error::from(
                std::io::ErrorKind::ConnectionRefused,
            ))
        });
        let cluster = Cluster::new(kube::Client::new(nowhere, "default"), name.to_owned());
        let helper = HelperClient::default();
        let (now, hour) = (SystemTime::now(), Duration::from_secs(3600));
        let parts = Authority::generate(now, hour)
            .unwrap()
            .issue("agent", now, hour)
            .unwrap();
        let identity = Identity::from_parts("agent", parts).unwrap();
        let images = Images::new(policy);
        let agent = Agent {
            keys: keys.clone(),
            cluster: cluster.clone(),
            helper: helper.clone(),
            checkpointer: Checkpointer::new(cluster, helper, Kubelet { authority: None }),
            fetcher: Fetcher::new(name.to_owned(), identity, images.clone()),
            images,
            metrics: std::sync::Arc::default(),
        };
        Self {
            router: serve::router(agent),
            keys,
            dir,
        }
    }

    /// Puts a dump under the key, as a checkpoint would; of `size` bytes that do not compress.
    pub(crate) fn dumped(&self, size: u64) -> Checkpointed {
        let slot = self.slot();
        write_archive(&slot.folder.archive(), size);
        let manifest = Manifest::of(&slot.folder.archive()).unwrap();
        manifest.store(&slot.folder.archive()).unwrap();
        let made = Checkpointed {
            digest: manifest.digest(),
            bytes: manifest.bytes(),
            frozen_micros: 1,
            total_micros: 1,
        };
        slot.update(|state| {
            state.namespace = "shop".to_owned();
            state.checkpointed = Some(made.clone());
            state.origin = Some(Origin {
                pod: "orders-0".to_owned(),
                pod_uid: "pod-uid".to_owned(),
                container: "orders".to_owned(),
                container_id: "c0ffee".to_owned(),
                image: "registry.example.org/orders:1".to_owned(),
                image_ref: "registry.example.org/orders@sha256:00".to_owned(),
            });
        })
        .unwrap();
        made
    }

    /// Announces who will claim the key.
    pub(crate) async fn announced(&self) {
        let body =
            json!({"namespace": "shop", "migration": "m", "pod": "orders-0-shadow", "container": "orders"});
        drop(self.ask::<Value>("PUT", "", &body).await.unwrap());
    }

    pub(crate) async fn push(&self, repository: &str, access: &Value) -> Result<Pushed, Refused> {
        let body = json!({"repository": repository, "access": access});
        self.ask("POST", "/push", &body).await
    }

    pub(crate) async fn pull(
        &self,
        repository: &str,
        access: &Value,
        image: &str,
        dump: &Checkpointed,
    ) -> Result<Transferred, Refused> {
        let body = json!({"repository": repository, "access": access, "image": image, "digest": dump.digest,
            "bytes": dump.bytes});
        self.ask("POST", "/pull", &body).await
    }

    pub(crate) async fn discard(&self, repository: &str, access: &Value) -> Result<Value, Refused> {
        let body = json!({"namespace": "shop", "repository": repository, "access": access});
        self.ask("POST", "/discard", &body).await
    }

    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<T, Refused> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/v1/keys/{KEY}{path}"))
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        request
            .extensions_mut()
            .insert(PeerNames(vec![names::controller_identity()]));
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(PASSWORD), "an answer shows the password: {text}");
        if status.is_success() {
            return Ok(serde_json::from_slice(&bytes).unwrap());
        }
        let problem: Problem = serde_json::from_slice(&bytes).unwrap();
        Err(Refused {
            status,
            reason: problem.reason.to_string(),
            message: problem.message,
        })
    }

    pub(crate) fn slot(&self) -> std::sync::Arc<Slot> {
        self.keys.slot(&Key::parse(KEY).unwrap())
    }

    /// The archive is here, whole, and is the one that was dumped.
    pub(crate) fn holds(&self, dump: &Checkpointed) {
        let archive = self.slot().folder.archive();
        assert_eq!(Manifest::of(&archive).unwrap().digest(), dump.digest);
        assert_eq!(Manifest::load(&archive).unwrap().digest(), dump.digest);
    }

    /// Nothing of an archive is here, nor beside where it would be.
    pub(crate) fn holds_nothing(&self) {
        let folder = self.slot().folder.clone();
        assert!(!folder.archive().exists(), "an archive is here");
        assert!(!folder.partial().exists(), "a part of an archive is here");
        let beside: Vec<_> = fs::read_dir(self.dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert!(
            beside.iter().all(|name| name == "keys" || name == "kept"),
            "{beside:?}"
        );
    }
}

fn write_archive(dir: &Path, size: u64) {
    use std::io::Write;
    fs::create_dir_all(dir.join("images")).unwrap();
    fs::write(dir.join("images/core-1.img"), b"core").unwrap();
    fs::write(dir.join("rootfs-diff.tar"), b"layer").unwrap();
    fs::write(dir.join("spec.json"), b"{}").unwrap();
    let mut pages = std::io::BufWriter::new(fs::File::create(dir.join("images/pages-1.img")).unwrap());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..size / 8 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        pages.write_all(&state.to_le_bytes()).unwrap();
    }
    pages.flush().unwrap();
}
