//! A namespace that opted in, with a consumer that can be moved; and what can be different about it.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use shadow_core::eviction::{Asked, Verdict, World, judge};
use shadow_core::names;
use shadow_core::pause::Paused;
use shadow_core::validate::Facts;

pub(crate) const NOW: &str = "2026-11-30T12:00:00Z";
/// The pod that was there first, and the one that took its name.
pub(crate) const OLD: &str = "11111111-aaaa-0000-0000-000000000000";
pub(crate) const NEW: &str = "22222222-bbbb-0000-0000-000000000000";
/// Migration of the Evacuation of [`OLD`].
pub(crate) const MIGRATION: &str = "orders-0-evicted-e0e0e0e0";

pub(crate) struct Scene {
    pub(crate) pod: Value,
    pub(crate) nodes: Vec<Value>,
    pub(crate) migrations: Vec<Value>,
    pub(crate) policies: Vec<Value>,
    pub(crate) evacuations: Vec<Value>,
    pub(crate) opted_in: bool,
    pub(crate) budgets: Vec<Value>,
    /// Pods of moves that evictions caused.
    pub(crate) moving: Vec<Value>,
    pub(crate) paused: Option<Paused>,
}

pub(crate) fn node(name: &str) -> Value {
    let facts = json!({"agent": "0.1.0", "architecture": "x86_64", "kernel": "6.18.5", "criu": "4.2.1",
        "runtime": "runc 1.3.6", "cpuFeatures": "ab", "handler": true});
    json!({
        "metadata": {"name": name, "labels": {names::NODE_READY: "true"},
                     "annotations": {names::NODE_FACTS: facts.to_string()}},
        "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}
    })
}

pub(crate) fn pod(uid: &str, node: &str) -> Value {
    json!({
        "metadata": {
            "name": "orders-0", "namespace": "shop", "uid": uid, "labels": {"app": "orders"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "orders", "uid": "s", "controller": true}],
            "annotations": {names::QUEUE: "orders.{pod}", names::BROKER_SECRET: "orders-broker"}
        },
        "spec": {"nodeName": node, "containers": [{"name": "orders", "image": "orders"}]},
        "status": {"phase": "Running"}
    })
}

/// The pod is on node-a, from which a drain takes all pods; a policy wants moves.
pub(crate) fn scene() -> Scene {
    let mut drained = node("node-a");
    drained["spec"]["unschedulable"] = true.into();
    Scene {
        pod: pod(OLD, "node-a"),
        nodes: vec![drained, node("node-b")],
        migrations: Vec::new(),
        policies: vec![policy("move", json!({"evictions": "Move"}))],
        evacuations: Vec::new(),
        opted_in: true,
        budgets: Vec::new(),
        moving: Vec::new(),
        paused: None,
    }
}

/// The same after the move: the pod is on node-b under its name.
pub(crate) fn moved(minutes: i64) -> Scene {
    let ended =
        NOW.parse::<Timestamp>().unwrap() - std::time::Duration::from_secs(minutes.unsigned_abs() * 60);
    Scene {
        pod: pod(NEW, "node-b"),
        evacuations: vec![evacuation(
            json!({"state": "Moved", "migration": MIGRATION, "ended": ended.to_string()}),
        )],
        ..scene()
    }
}

pub(crate) fn policy(name: &str, spec: Value) -> Value {
    whole("MigrationPolicy", name, spec, Value::Null)
}

/// A budget of all pods of an app, which allows so many disruptions.
pub(crate) fn budget(app: &str, allowed: i32, seen: i64) -> Value {
    json!({"metadata": {"name": app, "generation": 2},
        "spec": {"selector": {"matchLabels": {"app": app}}},
        "status": {"observedGeneration": seen, "disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 1,
                   "expectedPods": 1}})
}

/// An eviction of [`OLD`], a minute and a half ago.
pub(crate) fn evacuation(status: Value) -> Value {
    let spec = json!({"pod": "orders-0", "uid": OLD, "node": "node-a", "nodeEmptied": true,
        "evictedBy": {"user": "alice"}, "at": "2026-11-30T11:58:30.000000Z"});
    let mut object = whole("Evacuation", OLD, spec, status);
    object["metadata"]["uid"] = "e0e0e0e0-0000-0000-0000-000000000000".into();
    object
}

pub(crate) fn migration(name: &str, status: Value) -> Value {
    whole(
        "StatefulMigration",
        name,
        json!({"sourcePod": "orders-0"}),
        status,
    )
}

/// A migration of [`OLD`] with these handoffs.
pub(crate) fn under_way(name: &str, legs: Value) -> Value {
    let plan = json!({"strategy": "ShadowPod", "because": "", "container": "orders", "sourceNode": "node-a",
        "source": {"namespace": "shop", "name": "orders-0", "uid": OLD}, "targetNode": "node-b",
        "checkpointBackend": "Runtime", "queue": {"queue": "q", "quorum": false, "controlQueueExisted": false}});
    migration(name, json!({"phase": "Restoring", "plan": plan, "legs": legs}))
}

/// A handoff between two pods, by name and UID.
pub(crate) fn leg(number: u8, from: [&str; 2], to: [&str; 2], committed: bool) -> Value {
    let of = |[pod, uid]: [&str; 2]| json!({"pod": pod, "uid": uid, "node": "n"});
    let mut leg = json!({"number": number, "attempt": 0, "key": format!("k-{number}-0"), "from": of(from), "to": of(to)});
    if committed {
        leg["committed"] = "2026-11-30T11:59:00.000000Z".into();
    }
    leg
}

fn whole(kind: &str, name: &str, spec: Value, status: Value) -> Value {
    let mut object = json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": "shop"}, "spec": spec});
    if !status.is_null() {
        object["status"] = status;
    }
    object
}

pub(crate) fn all<T: serde::de::DeserializeOwned>(values: &[Value]) -> Vec<T> {
    let read = |value: &Value| serde_json::from_value(value.clone()).unwrap();
    values.iter().map(read).collect()
}

/// The verdict on an eviction of orders-0.
pub(crate) fn judged(scene: &Scene, uid: Option<&str>) -> Verdict {
    judged_of("orders-0", scene, uid)
}

pub(crate) fn judged_of(name: &str, scene: &Scene, uid: Option<&str>) -> Verdict {
    let world = World {
        namespace: "shop".into(),
        opted_in: scene.opted_in,
        facts: Facts {
            pod: serde_json::from_value(scene.pod.clone()).unwrap(),
            nodes: all(&scene.nodes),
            migrations: all(&scene.migrations),
            ..Facts::default()
        },
        policies: all(&scene.policies),
        evacuations: all(&scene.evacuations),
        budgets: all(&scene.budgets),
        moving: all(&scene.moving),
        paused: scene.paused.clone(),
    };
    let now = NOW.parse().unwrap();
    judge(Asked { pod: name, uid, now }, &world)
}
