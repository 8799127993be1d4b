//! The agent of this node, as far as dumps, claims and freezes go: its own code, with the real helper behind it and an API
//! server that is played.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};
use shadow_agent::checkpoint::Checkpointer;
use shadow_agent::checkpoint::kubelet::Kubelet;
use shadow_agent::claim::socket::ClaimServer;
use shadow_agent::cluster::Cluster;
use shadow_agent::helper::HelperClient;
use shadow_agent::keys::Keys;
use shadow_agent::keys::state::Fetched;
use shadow_agent::layout::{self, Layout};
use shadow_core::names::Key;
use shadow_core::wire::{
    Announcement, CheckpointBackend, CheckpointRequest, Checkpointed, Claim, PodRef, Transferred,
};

use crate::pods::{CONTAINER, IMAGE, NAMESPACE, NODE, Pod, Subject};
use crate::wait::until;

/// Our programs, beside this one.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("find this program")?;
    Ok(own.with_file_name(name))
}

/// A running agent.
pub(crate) struct Agent {
    keys: Keys,
    checkpointer: Checkpointer,
    pub(crate) helper: HelperClient,
    known: Known,
    _helper: Helper,
}

/// Pods that the API server knows, by name.
type Known = Arc<Mutex<Vec<Value>>>;

/// Ends with the agent.
struct Helper(Child);

impl Drop for Helper {
    fn drop(&mut self) {
        for ended in [self.0.kill(), self.0.wait().map(drop)] {
            if let Err(error) = ended {
                eprintln!("the helper could not be ended: {error}");
            }
        }
    }
}

impl Agent {
    pub(crate) async fn start() -> Result<Self> {
        let socket = Path::new(layout::HELPER_SOCKET);
        for folder in [socket.parent().unwrap_or(socket), Path::new(layout::RUN)] {
            let made = fs::DirBuilder::new().mode(0o700).recursive(true).create(folder);
            made.with_context(|| format!("make folder {}", folder.display()))?;
        }
        let helper = Command::new(program("shadow-node-helper")?).arg("serve").spawn();
        let helper = Helper(helper.context("start the helper")?);
        until("the helper's socket", || Ok(socket.exists().then_some(()))).await?;
        let keys = Keys::load(Layout::node()).context("load the keys of this node")?;
        let known = Known::default();
        let cluster = Cluster::new(api_server(known.clone()), NODE.to_owned());
        let claims = ClaimServer::new(keys.clone(), cluster.clone());
        tokio::spawn(async move {
            if let Err(error) = claims.serve(&layout::claim_socket()).await {
                eprintln!("claims are not answered any more: {error}");
            }
        });
        let client = HelperClient::default();
        Ok(Self {
            checkpointer: Checkpointer::new(cluster, client.clone(), Kubelet { authority: None }),
            helper: client,
            keys,
            known,
            _helper: helper,
        })
    }

    /// Dumps a subject under a key, as a move does; it stays frozen for as long as `stay` says.
    pub(crate) async fn dump(
        &self,
        key: &Key,
        subject: &Subject,
        stay: Option<Duration>,
    ) -> Result<Checkpointed> {
        self.lock().push(described(subject));
        let request = CheckpointRequest {
            pod: PodRef {
                namespace: NAMESPACE.to_owned(),
                name: subject.pod.clone(),
                uid: subject.pod_uid.clone(),
            },
            container: CONTAINER.to_owned(),
            backend: CheckpointBackend::Runtime,
            target: None,
            stay_frozen_millis: stay.map(|stay| u64::try_from(stay.as_millis()).unwrap_or(u64::MAX)),
        };
        let slot = self.keys.slot(key);
        Ok(self.checkpointer.checkpoint(&slot, &request).await?)
    }

    /// Lets a pod claim the archive of a key. It was made on this node, so it need not be fetched.
    pub(crate) fn expect(&self, key: &Key, pod: &str, made: &Checkpointed) -> Result<()> {
        let announcement = Announcement {
            namespace: NAMESPACE.to_owned(),
            migration: "move".to_owned(),
            pod: Pod::full_name(pod),
            container: CONTAINER.to_owned(),
        };
        let fetched = Fetched {
            digest: made.digest.clone(),
            transferred: Transferred {
                wire_bytes: 0,
                total_micros: 0,
            },
        };
        let changed = self.keys.slot(key).update(|state| {
            state.announcement = Some(announcement);
            state.fetched = Some(fetched);
        });
        changed.context("announce a copy")
    }

    /// What has become of the claim of a key.
    pub(crate) fn claim(&self, key: &Key) -> Option<Claim> {
        self.keys.slot(key).now().map(|state| state.report().claim)
    }

    /// Waits until a restore has ended, and says how it went.
    pub(crate) async fn ended(&self, key: &Key) -> Result<Claim> {
        until(&format!("the restore of {key} to end"), || {
            Ok(self.claim(key).filter(|claim| match claim {
                Claim::Restored { .. } | Claim::Failed { .. } => true,
                Claim::None | Claim::Waiting { .. } | Claim::Taken { .. } | Claim::Aborted => false,
            }))
        })
        .await
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Value>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running pod, as an API server tells of it.
fn described(subject: &Subject) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": subject.pod, "namespace": NAMESPACE, "uid": subject.pod_uid},
        "spec": {"nodeName": NODE, "containers": [{"name": CONTAINER, "image": IMAGE}]},
        "status": {"hostIP": "127.0.0.1", "containerStatuses": [{
            "name": CONTAINER, "image": IMAGE, "imageID": "sha256:subject", "ready": true, "restartCount": 0,
            "containerID": format!("containerd://{}", subject.id), "state": {"running": {}},
        }]},
    })
}

/// It knows these pods and no migration.
fn api_server(known: Known) -> kube::Client {
    let service = tower::service_fn(move |asked: Request<Body>| {
        let known = known.clone();
        async move { answer(asked.uri().path(), &known) }
    });
    kube::Client::new(service, NAMESPACE)
}

fn answer(path: &str, known: &Known) -> Result<Response<Body>, std::io::Error> {
    let known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let name = path.rsplit_once("/pods/").map(|(_, name)| name);
    let pod = name.and_then(|name| known.iter().rfind(|pod| pod["metadata"]["name"] == name));
    let (code, body) = match (name, pod) {
        (_, Some(pod)) => (200, pod.clone()),
        (Some(_), None) => (
            404,
            json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "NotFound",
                "message": "no such pod", "code": 404}),
        ),
        (None, None) => (
            200,
            json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigrationList", "metadata": {},
                "items": []}),
        ),
    };
    let mut answer = Response::new(Body::from(serde_json::to_vec(&body)?));
    *answer.status_mut() = http::StatusCode::from_u16(code).map_err(std::io::Error::other)?;
    Ok(answer)
}
