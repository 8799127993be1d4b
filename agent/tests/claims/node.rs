//! A node's agent, as far as it answers claims.

use std::io::BufReader;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shadow_agent::claim::socket::ClaimServer;
use shadow_agent::cluster::Cluster;
use shadow_agent::keys::Keys;
use shadow_agent::keys::state::Fetched;
use shadow_agent::layout::Layout;
use shadow_core::names::Key;
use shadow_core::wire::{Announcement, Claim, Transferred};

use super::api_server::{Asked, Phase, Pod, api_server, kept};
use super::runc::Runc;

const KEY: &str = "uid-1-0";

pub(crate) struct Node {
    // Ends before the folder goes: the server could write its keys into it again.
    _runtime: tokio::runtime::Runtime,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) keys: Keys,
    pub(crate) phase: Phase,
    pub(crate) pod: Pod,
    asked: Asked,
}

impl Node {
    pub(crate) fn new(phase: Option<&'static str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::load(Layout::below(dir.path().join("shadow"))).unwrap();
        let phase: Phase = Arc::new(Mutex::new(phase));
        let pod: Pod = Arc::new(Mutex::new(kept()));
        let asked = Asked::default();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let socket = dir.path().join("agent.sock");
        let guard = runtime.enter();
        let cluster = Cluster::new(
            api_server(phase.clone(), pod.clone(), asked.clone()),
            "node-b".into(),
        );
        drop(guard);
        let server = ClaimServer::new(keys.clone(), cluster);
        runtime.spawn(async move { server.serve(&socket).await });
        Self {
            _runtime: runtime,
            dir,
            keys,
            phase,
            pod,
            asked,
        }
    }

    pub(crate) fn connect(&self) -> Runc {
        let socket = self.dir.path().join("agent.sock");
        let stream = eventually(|| UnixStream::connect(&socket).ok());
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Runc(BufReader::new(stream))
    }

    pub(crate) fn announce(&self) {
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

    pub(crate) fn archive_arrives(&self) {
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

    pub(crate) fn claim_is(&self, wanted: &Claim) {
        eventually(|| {
            let state = self.keys.slot(&key()).now()?;
            (state.report().claim == *wanted).then_some(())
        });
    }

    /// A claim of a key that is not announced came in.
    pub(crate) fn was_claimed_early(&self) {
        eventually(|| (self.asked.load(Ordering::SeqCst) > 0).then_some(()));
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.dir.path().join("shadow/keys").join(KEY).join("archive")
    }
}

pub(crate) fn eventually<T>(look: impl Fn() -> Option<T>) -> T {
    for _ in 0..1000 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited ten seconds in vain");
}

pub(crate) fn key() -> Key {
    Key::parse(KEY).unwrap()
}
