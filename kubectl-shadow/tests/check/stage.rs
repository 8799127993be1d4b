//! A cluster in which all is well, and what is told of it.

use serde_json::{Value, json};
use shadow_core::names;
use shadow_deploy::{Dialling, Settings, crd};

use crate::stub::{Cluster, Stub, text};

pub(crate) const SYSTEM: &str = names::SYSTEM_NAMESPACE;
pub(crate) const VALID: &str = include_str!("certificates/valid.pem");
pub(crate) const EXPIRED: &str = include_str!("certificates/expired.pem");

/// What `install` makes, as it is when everything works, with two nodes and a pod that can be moved.
pub(crate) fn cluster() -> Cluster {
    let settings = Settings {
        pull_secret: None,
        registry: "registry.example".to_owned(),
        tag: "v0.1.0".to_owned(),
        plain_http_registries: Vec::new(),
        dialling: Dialling::default(),
        runtime_handler: true,
    };
    let installed = shadow_deploy::manifests(&settings).unwrap();
    let mut objects: Vec<Value> = installed
        .iter()
        .map(|object| alive(serde_json::to_value(object).unwrap()))
        .collect();
    objects.extend([
        lease(),
        node("node-a"),
        node("node-b"),
        agent("node-a"),
        agent("node-b"),
    ]);
    objects.extend([controller_pod(), pod(), set(), secret()]);
    Cluster {
        objects,
        ..Cluster::default()
    }
}

/// With the status that a controller of Kubernetes, or ours, would give it.
fn alive(mut object: Value) -> Value {
    match object["kind"].as_str().unwrap() {
        "CustomResourceDefinition" => {
            let established = json!({"type": "Established", "status": "True", "reason": "", "message": "",
                "lastTransitionTime": "2026-01-02T03:04:05Z"});
            object["status"] = json!({"conditions": [established], "acceptedNames": {"kind": "", "plural": ""},
                "storedVersions": ["v1alpha1"]});
        }
        "Deployment" => {
            let wanted = object["spec"]["replicas"].clone();
            object["status"] = json!({"replicas": wanted, "availableReplicas": wanted});
        }
        "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => trust(&mut object, VALID),
        _ => {}
    }
    object
}

/// Puts this certificate into a webhook configuration.
pub(crate) fn trust(object: &mut Value, certificate: &str) {
    use base64::Engine;
    let bundle = base64::engine::general_purpose::STANDARD.encode(certificate);
    for webhook in object["webhooks"].as_array_mut().unwrap() {
        webhook["clientConfig"]["caBundle"] = json!(bundle);
    }
}

fn lease() -> Value {
    let now = jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%S.%6fZ")
        .to_string();
    json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "shadow-controller", "namespace": SYSTEM},
        "spec": {"holderIdentity": "shadow-controller-x", "leaseDurationSeconds": 600, "renewTime": now}})
}

fn node(name: &str) -> Value {
    let facts = json!({"agent": env!("CARGO_PKG_VERSION"), "architecture": "x86_64", "kernel": "6.18.5", "criu": "4.2.1",
        "runtime": "runc 1.3.6", "cpuFeatures": "ab", "handler": true});
    json!({"apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {names::NODE_READY: "true"},
            "annotations": {names::NODE_FACTS: facts.to_string()}},
        "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {"architecture": "amd64", "bootID": "", "containerRuntimeVersion": "containerd://2.1.9",
                "kernelVersion": "6.18.5", "kubeProxyVersion": "", "kubeletVersion": "v1.36.3", "machineID": "",
                "operatingSystem": "linux", "osImage": "", "systemUUID": ""}}})
}

fn agent(node: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("shadow-agent-{node}"), "namespace": SYSTEM,
            "labels": {"app.kubernetes.io/name": "shadow-agent"}},
        "spec": {"nodeName": node, "containers": [{"name": "agent"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
}

fn controller_pod() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "shadow-controller-x", "namespace": SYSTEM,
            "labels": {"app.kubernetes.io/name": "shadow-controller"}},
        "spec": {"nodeName": "node-a", "containers": [{"name": "controller"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
}

fn pod() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "orders-0", "namespace": "shop", "uid": "p-uid", "labels": {"app": "orders"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "orders", "uid": "s-uid",
                "controller": true}]},
        "spec": {"nodeName": "node-a", "containers": [{"name": "orders", "image": "orders:9"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "orders", "ready": true, "restartCount": 0, "image": "", "imageID": "",
                "state": {"running": {}}}]}})
}

fn set() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "orders", "namespace": "shop", "uid": "s-uid",
            "annotations": {names::QUEUE: "orders.{pod}", names::BROKER_SECRET: "orders-broker"}},
        "spec": {"replicas": 1, "serviceName": "orders", "selector": {"matchLabels": {"app": "orders"}},
            "template": {"metadata": {"labels": {"app": "orders"}}, "spec": {"containers": []}}},
        "status": {"replicas": 1, "readyReplicas": 1}})
}

fn secret() -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "orders-broker", "namespace": "shop"}})
}

/// The object of this kind and name.
pub(crate) fn edit<'a>(cluster: &'a mut Cluster, kind: &str, name: &str) -> &'a mut Value {
    let found = cluster
        .objects
        .iter_mut()
        .find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

pub(crate) fn take_away(cluster: &mut Cluster, kind: &str, name: &str) {
    let before = cluster.objects.len();
    cluster
        .objects
        .retain(|object| object["kind"] != kind || object["metadata"]["name"] != name);
    assert_eq!(cluster.objects.len() + 1, before, "there is one {kind} {name}");
}

/// Name of a custom resource's definition.
pub(crate) fn definition(index: usize) -> &'static str {
    (crd::ALL[index].name)()
}

/// A line of the answer.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) code: String,
    pub(crate) about: String,
    pub(crate) grade: String,
    pub(crate) found: String,
    pub(crate) command: String,
}

/// What `check` says, and its exit code.
pub(crate) fn checked(cluster: Cluster, what: &[&str]) -> (Vec<Line>, i32) {
    let stub = Stub::of(cluster);
    let mut args = vec!["check", "-o", "json"];
    args.extend(what);
    let output = stub.runs(&args);
    let told: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr)));
    let line = |check: &Value| Line {
        code: check["code"].as_str().unwrap().to_owned(),
        about: check["about"].as_str().unwrap().to_owned(),
        grade: check["grade"].as_str().unwrap().to_owned(),
        found: check["found"].as_str().unwrap().to_owned(),
        command: check["command"].as_str().unwrap_or_default().to_owned(),
    };
    assert!(stub.lasting_changes().is_empty(), "a check changes nothing");
    let lines = told["checks"].as_array().unwrap().iter().map(line).collect();
    (lines, output.status.code().unwrap())
}

/// Code, what it is about, grade, and a word of each line that does not pass.
pub(crate) type Wanted<'a> = &'a [(&'a str, &'a str, &'a str, &'a str)];

/// Checks with this change. Exactly these lines do not pass, and each that fails says what to type.
pub(crate) fn expect(what: &[&str], change: impl FnOnce(&mut Cluster), wanted: Wanted<'_>) {
    let mut changed = cluster();
    change(&mut changed);
    let (lines, code) = checked(changed, what);
    let told: Vec<&Line> = lines.iter().filter(|line| line.grade != "pass").collect();
    assert_eq!(told.len(), wanted.len(), "{wanted:?}: {told:#?}");
    for (line, (code, about, grade, word)) in told.iter().zip(wanted) {
        assert_eq!(
            (line.code.as_str(), line.about.as_str()),
            (*code, *about),
            "{told:#?}"
        );
        assert_eq!(line.grade, *grade, "{line:?}");
        assert!(line.found.contains(word), "{line:?} does not say {word}");
        assert!(
            line.grade != "fail" || line.command.starts_with("kubectl "),
            "{line:?}"
        );
    }
    let fails = wanted.iter().any(|(_, _, grade, _)| *grade == "fail");
    assert_eq!(code, i32::from(fails), "{told:#?}");
}
