//! A migration that nothing speaks against, and what can be made wrong about it.

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use serde_json::{Value, json};
use shadow_core::api::{StatefulMigration, StatefulMigrationSpec};
use shadow_core::names;
use shadow_core::validate::{Facts, Requester, check};
use shadow_core::workload::Workload;

/// Of the pod's owner.
pub(super) const OWNER: &str = "b1f4c1de-30c8-4ad7-8f0b-3c1f7d0f2a55";

pub(super) struct World {
    pub(super) spec: Value,
    pub(super) pod: Value,
    pub(super) owner: Value,
    pub(super) replica_set: bool,
    pub(super) volumes: Vec<Value>,
    pub(super) nodes: Vec<Value>,
    pub(super) claims: Vec<Value>,
    pub(super) siblings: Option<Vec<Value>>,
    pub(super) migrations: Vec<Value>,
    /// Other pods of the namespace; none were looked at.
    pub(super) pods: Option<Vec<Value>>,
    pub(super) requester: Requester,
}

pub(super) fn node(name: &str) -> Value {
    let facts = json!({"agent": "0.1.0", "architecture": "x86_64", "kernel": "6.18.5", "criu": "4.2.1",
        "runtime": "runc 1.3.6", "cpuFeatures": "ab", "handler": true});
    json!({
        "metadata": {"name": name, "labels": {names::NODE_READY: "true", "disk": "fast"},
                     "annotations": {names::NODE_FACTS: facts.to_string()}},
        "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": "True"}],
                   "nodeInfo": {"architecture": "", "bootID": "", "containerRuntimeVersion": "containerd://2.1.9",
                                "kernelVersion": "", "kubeProxyVersion": "", "kubeletVersion": "", "machineID": "",
                                "operatingSystem": "", "osImage": "", "systemUUID": ""}}
    })
}

pub(super) fn world() -> World {
    let mut pod: Value = serde_json::from_str(include_str!("../pod_as_returned.json")).unwrap();
    // The fixture's emptyDir is worth a warning; the good case has none.
    pod["spec"]["volumes"]
        .as_array_mut()
        .unwrap()
        .retain(|volume| volume.get("emptyDir").is_none());
    // And so are its init containers.
    pod["spec"].as_object_mut().unwrap().remove("initContainers");
    World {
        spec: json!({"sourcePod": "orders-0", "targetNode": "node-b"}),
        pod,
        owner: json!({"metadata": {"name": "orders", "uid": OWNER}}),
        replica_set: false,
        volumes: Vec::new(),
        nodes: vec![node("node-a"), node("node-b"), node("node-c")],
        claims: Vec::new(),
        siblings: None,
        migrations: Vec::new(),
        pods: None,
        requester: Requester {
            user: "alice".into(),
            may_create_pods: true,
            may_delete_pods: true,
        },
    }
}

pub(super) fn reasons(world: World) -> (Vec<String>, Vec<String>) {
    let (spec, facts) = asked(&world);
    let report = check("move", "default", &spec, &facts);
    (
        report.refusals.iter().map(ToString::to_string).collect(),
        report.warnings,
    )
}

/// What is asked for, and of which cluster.
pub(super) fn asked(world: &World) -> (StatefulMigrationSpec, Facts) {
    fn all<T: serde::de::DeserializeOwned>(values: &[Value]) -> Vec<T> {
        let read = |value: &Value| serde_json::from_value(value.clone()).unwrap();
        values.iter().map(read).collect()
    }
    let facts = Facts {
        pod: serde_json::from_value(world.pod.clone()).unwrap(),
        owner: owner(world.owner.clone(), world.replica_set),
        volumes: all(&world.volumes),
        siblings: world.siblings.as_deref().map(all),
        pods: world.pods.as_deref().map(all),
        nodes: all(&world.nodes),
        claims: all(&world.claims),
        migrations: world.migrations.iter().cloned().map(migration).collect(),
        requester: Some(world.requester.clone()),
        ..Facts::default()
    };
    (serde_json::from_value(world.spec.clone()).unwrap(), facts)
}

/// No node is named.
pub(super) fn no_target(world: &mut World) {
    world.spec.as_object_mut().unwrap().remove("targetNode");
}

/// Said in full: nothing is left to what the reference system would have taken.
pub(super) fn in_full(world: &mut World) {
    world.spec["transferMode"] = "Direct".into();
    world.spec["migrationStrategy"] = "ShadowPod".into();
    world.spec["identitySwapMode"] = "".into();
}

pub(super) fn owner(object: Value, replica_set: bool) -> Option<Workload> {
    if replica_set {
        let set: Option<ReplicaSet> = serde_json::from_value(object).unwrap();
        set.map(Workload::from)
    } else {
        let set: Option<StatefulSet> = serde_json::from_value(object).unwrap();
        set.map(Workload::from)
    }
}

pub(super) fn migration(value: Value) -> StatefulMigration {
    let mut whole = json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration"});
    whole
        .as_object_mut()
        .unwrap()
        .extend(value.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

pub(super) fn other(name: &str, pod: &str, phase: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"sourcePod": pod}, "status": {"phase": phase}})
}

/// Another migration, under way, that has this queue of the broker of this Secret.
pub(super) fn other_of_queue(pod: &str, queue: &str, secret: &str) -> Value {
    let mut migration = other("first", pod, "Checkpointing");
    migration["status"]["plan"] = json!({
        "strategy": "ShadowPod", "because": "", "container": "orders", "checkpointBackend": "Runtime",
        "source": {"namespace": "default", "name": pod, "uid": "u"}, "sourceNode": "node-a", "targetNode": "node-b",
        "queue": {"queue": queue, "quorum": false, "secret": secret},
    });
    migration
}

/// The pod's controlling owner becomes one of this kind.
pub(super) fn owned_by(world: &mut World, kind: &str) {
    world.pod["metadata"]["ownerReferences"][0]["kind"] = kind.into();
}

/// Its StatefulSet has a newer template, and this generation of it.
pub(super) fn rolled_out(world: &mut World, generation: i64) {
    world.owner = json!({
        "metadata": {"name": "orders", "generation": generation},
        "spec": {"selector": {}, "serviceName": "orders", "template": {}},
        "status": {"replicas": 1, "observedGeneration": 1, "currentRevision": "orders-5f7d9c8b6d", "updateRevision": "orders-new"},
    });
}

/// It belongs to the ReplicaSet of a Deployment, all of whose pods are ready.
pub(super) fn deployed(world: &mut World) {
    owned_by(world, "ReplicaSet");
    world.replica_set = true;
    world.owner = json!({
        "metadata": {"name": "orders-7d9c"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "orders", "pod-template-hash": "7d9c"}}},
        "status": {"replicas": 2, "readyReplicas": 2},
    });
}

/// It is number 1 of a StatefulSet, and number 0 is like this.
pub(super) fn second_of_two(world: &mut World, phase: &str, policy: &str) {
    world.owner = json!({
        "metadata": {"name": "orders", "uid": "set"},
        "spec": {"replicas": 2, "selector": {}, "template": {}, "podManagementPolicy": policy},
    });
    let owner = &mut world.pod["metadata"]["ownerReferences"][0];
    owner["uid"] = "set".into();
    let first = json!({
        "metadata": {"name": "orders-0", "ownerReferences": [owner.clone()]},
        "status": {"phase": phase, "conditions": [{"type": "Ready", "status": "True"}]},
    });
    world.siblings = Some(vec![first]);
    world.pod["metadata"]["name"] = "orders-1".into();
    world.spec["sourcePod"] = "orders-1".into();
}

/// Its memory limit is this much since it was resized; its template gives it 64Mi.
pub(super) fn resized(world: &mut World, limit: &str) {
    let with = |memory: &str| json!({"limits": {"memory": memory}});
    let container = json!({"name": "orders", "resources": with("64Mi")});
    world.owner = json!({
        "metadata": {"name": "orders"},
        "spec": {"selector": {}, "template": {"spec": {"containers": [container]}}},
    });
    world.pod["spec"]["containers"][0]["resources"] = with(limit);
    world.pod["metadata"]["managedFields"] = json!([{"manager": "kubectl", "subresource": "resize"}]);
}

/// Nobody owns it.
pub(super) fn bare(world: &mut World) {
    world.pod["metadata"]["ownerReferences"] = json!([]);
    world.owner = Value::Null;
}

/// It is restored from a checkpoint image, and may be.
pub(super) fn by_image(world: &mut World) {
    bare(world);
    world.spec["restoreBackend"] = "Image".into();
    world.spec["checkpointImageRepository"] = "registry.example.org/checkpoints".into();
}

/// The claim of [`claimed`] is bound to a volume of this kind.
pub(super) fn bound_to(world: &mut World, spec: Value) {
    claimed(world, json!(["ReadWriteMany"]));
    world.claims[0]["spec"]["volumeName"] = "pv-1".into();
    world
        .volumes
        .push(json!({"metadata": {"name": "pv-1"}, "spec": spec}));
}

pub(super) fn claimed(world: &mut World, modes: Value) {
    let volume = json!({"name": "data", "persistentVolumeClaim": {"claimName": "data-orders-0"}});
    world.pod["spec"]["volumes"].as_array_mut().unwrap().push(volume);
    world
        .claims
        .push(json!({"metadata": {"name": "data-orders-0"}, "spec": {"accessModes": modes}}));
}

pub(super) fn second_container(world: &mut World) {
    let mut sidecar = world.pod["spec"]["containers"][0].clone();
    sidecar["name"] = "sidecar".into();
    world.pod["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(sidecar);
}

pub(super) fn anti_affinity(world: &mut World, selector: Value) {
    world.pod["spec"]["affinity"] = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "kubernetes.io/hostname", "labelSelector": selector}]}});
}

pub(super) fn no_annotations(world: &mut World) {
    world.pod["metadata"]["annotations"] = json!({});
}

pub(super) type Break = fn(&mut World);
