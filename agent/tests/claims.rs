//! The claim socket as shadow-runc sees it, with an API server that is played.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first surprise"
)]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};
use shadow_agent::claim::socket::ClaimServer;
use shadow_agent::claim::{Answer, Ask, ClaimRequest, RestoreOutcome};
use shadow_agent::cluster::Cluster;
use shadow_agent::keys::Keys;
use shadow_agent::keys::state::Fetched;
use shadow_agent::layout::Layout;
use shadow_core::names::Key;
use shadow_core::wire::{Announcement, Claim, Transferred};

const KEY: &str = "uid-1-0";

/// Phase of the one migration; `None` when it does not exist, "down" when the API server does not answer.
type Phase = Arc<Mutex<Option<&'static str>>>;

/// Metadata of the one pod; null when it does not exist.
type Pod = Arc<Mutex<Value>>;

struct Node {
    dir: tempfile::TempDir,
    keys: Keys,
    phase: Phase,
    pod: Pod,
    _runtime: tokio::runtime::Runtime,
}

fn kept() -> Value {
    json!({"name": "orders-0", "namespace": "default", "uid": "pod"})
}

fn api_server(phase: Phase, pod: Pod) -> kube::Client {
    let service = tower::service_fn(move |asked: Request<Body>| {
        let phase = *phase.lock().unwrap();
        let pod = pod.lock().unwrap().clone();
        async move {
            if phase == Some("down") {
                return Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
            }
            if asked.uri().path().ends_with("/pods/orders-0") {
                return Ok(answer(pod));
            }
            let items: Vec<_> = phase
                .map(|phase| {
                    json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
                    "metadata": {"name": "m", "namespace": "default", "uid": "uid"},
                    "spec": {"sourcePod": "orders-0"}, "status": {"phase": phase}})
                })
                .into_iter()
                .collect();
            let list = json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigrationList",
                "metadata": {}, "items": items});
            Ok(Response::new(Body::from(serde_json::to_vec(&list).unwrap())))
        }
    });
    kube::Client::new(service, "default")
}

fn answer(pod: Value) -> Response<Body> {
    let (code, body) = if pod.is_null() {
        let gone = json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "NotFound",
            "message": "pods \"orders-0\" not found", "code": 404});
        (404, gone)
    } else {
        let metadata =
            json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": pod});
        (200, metadata)
    };
    let mut answer = Response::new(Body::from(serde_json::to_vec(&body).unwrap()));
    *answer.status_mut() = code.try_into().unwrap();
    answer
}

impl Node {
    fn new(phase: Option<&'static str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::load(Layout::below(dir.path().join("shadow"))).unwrap();
        let phase: Phase = Arc::new(Mutex::new(phase));
        let pod: Pod = Arc::new(Mutex::new(kept()));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let socket = dir.path().join("agent.sock");
        let guard = runtime.enter();
        let cluster = Cluster::new(api_server(phase.clone(), pod.clone()), "node-b".into());
        drop(guard);
        let server = ClaimServer::new(keys.clone(), cluster);
        runtime.spawn(async move { server.serve(&socket).await });
        Self {
            dir,
            keys,
            phase,
            pod,
            _runtime: runtime,
        }
    }

    fn connect(&self) -> Runc {
        let socket = self.dir.path().join("agent.sock");
        let stream = eventually(|| UnixStream::connect(&socket).ok());
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Runc(BufReader::new(stream))
    }

    fn announce(&self) {
        let announcement = Announcement {
            namespace: "default".into(),
            migration: "m".into(),
            pod: "orders-0".into(),
            container: "app".into(),
        };
        self.keys
            .slot(&key())
            .update(|state| {
                state.namespace = "default".into();
                state.announcement = Some(announcement);
            })
            .unwrap();
    }

    fn archive_arrives(&self) {
        let transferred = Transferred {
            wire_bytes: 0,
            total_micros: 0,
        };
        let fetched = Fetched {
            digest: "d".into(),
            transferred,
        };
        self.keys
            .slot(&key())
            .update(|state| state.fetched = Some(fetched))
            .unwrap();
    }

    fn claim_is(&self, wanted: &Claim) {
        eventually(|| {
            let state = self.keys.slot(&key()).now()?;
            (state.report().claim == *wanted).then_some(())
        });
    }

    fn archive(&self) -> PathBuf {
        self.dir.path().join("shadow/keys").join(KEY).join("archive")
    }
}

fn eventually<T>(look: impl Fn() -> Option<T>) -> T {
    for _ in 0..1000 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited ten seconds in vain");
}

fn key() -> Key {
    Key::parse(KEY).unwrap()
}

struct Runc(BufReader<UnixStream>);

impl Runc {
    fn say(&mut self, ask: &Ask) {
        let mut line = serde_json::to_vec(ask).unwrap();
        line.push(b'\n');
        self.0.get_mut().write_all(&line).unwrap();
    }

    fn hear(&mut self) -> Answer {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn claim(&mut self, container_id: &str) {
        self.say(&Ask::Claim(ClaimRequest {
            version: 1,
            key: key(),
            migration: "m".into(),
            namespace: "default".into(),
            pod: "orders-0".into(),
            pod_uid: "pod".into(),
            container: "app".into(),
            container_id: container_id.into(),
        }));
    }

    fn conclude(&mut self, container_id: &str, ok: bool) -> Answer {
        self.say(&Ask::Outcome(RestoreOutcome {
            key: key(),
            container_id: container_id.into(),
            ok,
            message: "criu said no".into(),
            micros: 5,
        }));
        self.hear()
    }
}

fn why(answer: Answer) -> String {
    match answer {
        Answer::Refused { why } => why,
        other @ (Answer::Restore { .. } | Answer::Fresh { .. } | Answer::Recorded) => {
            panic!("not refused but {other:?}")
        }
    }
}

#[test]
fn a_claim_waits_for_the_archive_and_the_outcome_is_kept() {
    let node = Node::new(Some("Checkpointing"));
    node.announce();
    let mut runc = node.connect();
    runc.claim("c1");
    node.claim_is(&Claim::Waiting {
        pod_uid: "pod".into(),
    });
    node.archive_arrives();
    assert_eq!(runc.hear(), Answer::Restore { dir: node.archive() });
    node.claim_is(&Claim::Taken {
        pod_uid: "pod".into(),
    });
    assert_eq!(runc.conclude("c1", true), Answer::Recorded);
    node.claim_is(&Claim::Restored {
        pod_uid: "pod".into(),
        micros: 5,
    });
}

#[test]
fn a_claim_may_come_before_its_announcement() {
    let node = Node::new(Some("Pending"));
    let mut runc = node.connect();
    runc.claim("c1");
    std::thread::sleep(Duration::from_millis(100));
    node.announce();
    node.claim_is(&Claim::Waiting {
        pod_uid: "pod".into(),
    });
    node.archive_arrives();
    assert_eq!(runc.hear(), Answer::Restore { dir: node.archive() });
}

#[test]
fn an_abort_answers_a_waiting_claim_at_once() {
    let node = Node::new(Some("Checkpointing"));
    node.announce();
    let mut runc = node.connect();
    runc.claim("c1");
    node.claim_is(&Claim::Waiting {
        pod_uid: "pod".into(),
    });
    node.keys
        .slot(&key())
        .update(|state| state.aborted = Some("cancelled by the user".into()))
        .unwrap();
    assert!(why(runc.hear()).contains("cancelled by the user"));
    node.claim_is(&Claim::Aborted);
}

#[test]
fn a_container_that_goes_away_while_it_waits_frees_the_key() {
    let node = Node::new(Some("Checkpointing"));
    node.announce();
    let mut runc = node.connect();
    runc.claim("c1");
    node.claim_is(&Claim::Waiting {
        pod_uid: "pod".into(),
    });
    drop(runc);
    node.claim_is(&Claim::None);
    let mut retry = node.connect();
    retry.claim("c2");
    node.claim_is(&Claim::Waiting {
        pod_uid: "pod".into(),
    });
}

#[test]
fn nothing_starts_fresh_before_the_migration_is_over() {
    let node = Node::new(Some("Replaying"));
    node.announce();
    node.archive_arrives();
    let mut runc = node.connect();
    runc.claim("c1");
    assert_eq!(runc.hear(), Answer::Restore { dir: node.archive() });
    assert_eq!(runc.conclude("c1", true), Answer::Recorded);
    drop(runc);
    let mut restarted = node.connect();
    restarted.claim("c2");
    assert!(why(restarted.hear()).contains("not over yet"));
    drop(restarted);
    *node.phase.lock().unwrap() = Some("down");
    let mut restarted = node.connect();
    restarted.claim("c3");
    assert!(
        why(restarted.hear()).contains("API server"),
        "an unreachable API server is no permission"
    );
    for over in [Some("Completed"), Some("Failed"), None] {
        *node.phase.lock().unwrap() = over;
        let mut restarted = node.connect();
        restarted.claim("c4");
        let answer = restarted.hear();
        assert!(matches!(answer, Answer::Fresh { .. }), "{over:?}: {answer:?}");
    }
}

#[test]
fn a_copy_that_is_not_wanted_any_more_does_not_start_fresh() {
    let node = Node::new(Some("Failed"));
    let mut deleting = kept();
    deleting["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let mut successor = kept();
    successor["uid"] = json!("another");
    for pod in [deleting, successor, Value::Null] {
        *node.pod.lock().unwrap() = pod.clone();
        let mut runc = node.connect();
        runc.claim("c1");
        let why = why(runc.hear());
        assert!(why.contains("being deleted"), "{pod}: {why}");
    }
    *node.pod.lock().unwrap() = kept();
    let mut runc = node.connect();
    runc.claim("c2");
    let answer = runc.hear();
    assert!(matches!(answer, Answer::Fresh { .. }), "{answer:?}");
}

#[test]
fn a_forgotten_key_of_a_restored_container_starts_fresh_without_asking() {
    let node = Node::new(Some("Finalizing"));
    node.announce();
    node.archive_arrives();
    let mut runc = node.connect();
    runc.claim("c1");
    assert_eq!(runc.hear(), Answer::Restore { dir: node.archive() });
    assert_eq!(runc.conclude("c1", true), Answer::Recorded);
    node.keys.remove(&node.keys.slot(&key())).unwrap();
    *node.phase.lock().unwrap() = Some("down");
    let mut restarted = node.connect();
    restarted.claim("c2");
    assert!(matches!(restarted.hear(), Answer::Fresh { .. }));
}

#[test]
fn a_forgotten_key_that_was_never_restored_does_not_start_fresh() {
    let node = Node::new(Some("Finalizing"));
    node.announce();
    node.keys.remove(&node.keys.slot(&key())).unwrap();
    *node.phase.lock().unwrap() = Some("down");
    let mut runc = node.connect();
    runc.claim("c1");
    why(runc.hear());
}

#[test]
fn a_failed_restore_is_not_tried_again_and_never_becomes_a_fresh_start() {
    let node = Node::new(Some("Restoring"));
    node.announce();
    node.archive_arrives();
    let mut runc = node.connect();
    runc.claim("c1");
    assert_eq!(runc.hear(), Answer::Restore { dir: node.archive() });
    assert_eq!(runc.conclude("c1", false), Answer::Recorded);
    drop(runc);
    let mut retry = node.connect();
    retry.claim("c2");
    assert!(why(retry.hear()).contains("criu said no"));
}

#[test]
fn state_survives_a_restart_of_the_agent() {
    let node = Node::new(Some("Restoring"));
    node.announce();
    node.archive_arrives();
    let mut runc = node.connect();
    runc.claim("c1");
    assert_eq!(runc.hear(), Answer::Restore { dir: node.archive() });
    let reborn = Keys::load(Layout::below(node.dir.path().join("shadow"))).unwrap();
    let report = reborn.slot(&key()).now().unwrap().report();
    assert_eq!(
        report.claim,
        Claim::Taken {
            pod_uid: "pod".into()
        }
    );
}
