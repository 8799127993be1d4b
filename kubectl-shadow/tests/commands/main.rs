//! The real program against an API server of ours: its connection, its commands, what it prints and how it exits.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod complete;
mod connection;
mod help;
mod images;
mod install;
mod list;
mod logins;
mod logs;
mod migrate;
mod pause;
mod plan;
mod policy;
mod proxies;
mod registry;
#[path = "../stub/mod.rs"]
mod stub;
#[path = "../watch/terminal.rs"]
#[allow(dead_code, reason = "not all of its keys are needed here")]
mod terminal;
mod tls;
mod version;
mod watch;

use serde_json::{Value, json};

/// A migration of a pod, with a status.
fn migration(name: &str, pod: &str, status: Value) -> Value {
    json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
        "metadata": {"name": name, "namespace": "shop", "resourceVersion": "7", "uid": format!("uid-{name}"),
            "creationTimestamp": "2026-01-02T03:04:00Z", "finalizers": ["migration.ms2m.io/handoff"],
            "managedFields": [{"manager": "m"}]},
        "spec": {"sourcePod": pod, "targetNode": "node-b"}, "status": status})
}

fn plan() -> Value {
    json!({"strategy": "ShadowPod", "because": "as asked", "container": "c", "sourceNode": "node-a", "targetNode": "node-b",
        "checkpointBackend": "Runtime", "source": {"namespace": "shop", "name": "orders-0", "uid": "u"},
        "queue": {"queue": "q", "quorum": false}})
}

/// Moved and proven.
fn moved() -> Value {
    json!({"phase": "Completed", "sourceNode": "node-a", "plan": plan(), "pause": "412ms",
        "verdict": {"exact": true, "because": "proven"}})
}

/// Undone.
fn undone() -> Value {
    json!({"phase": "Failed", "sourceNode": "node-a", "plan": plan(), "verdict": {"exact": true, "because": "proven"},
        "rollback": {"reason": "NotParked", "message": "not parked", "since": "2026-01-02T03:04:05.000000Z"}})
}

/// Under way.
fn held() -> Value {
    json!({"phase": "Restoring", "sourceNode": "node-a", "handoff": "1/2", "plan": plan(),
        "steps": [{"step": "Restore", "leg": 1, "started": "2026-01-02T03:04:05.000000Z"}]})
}
