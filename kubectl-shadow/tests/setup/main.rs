//! `setup` against an API server that holds a whole installation: what it changes, what it leaves alone, and that it does so once.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

#[path = "../check/stage.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod stage;
#[path = "../stub/mod.rs"]
mod stub;

use std::process::Output;

use serde_json::{Value, json};
use shadow_core::names;
use stage::{cluster, edit};
use stub::{Cluster, Stub, text};

const FULL: [&str; 6] = [
    "setup",
    "sts/orders",
    "--queue",
    "orders.{pod}",
    "--broker-secret",
    "orders-broker",
];

/// A cluster in which the workload says nothing of itself, and the controller may read nothing.
fn bare() -> Cluster {
    let mut cluster = cluster();
    edit(&mut cluster, "StatefulSet", "orders")["metadata"]["annotations"] = json!({"team": "sales"});
    cluster.controller_reads = Some(false);
    cluster
}

fn said(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

fn object(stub: &Stub, kind: &str, name: &str) -> Value {
    stub.holds(|cluster| edit(&mut cluster.clone(), kind, name).clone())
}

#[test]
fn a_workload_is_annotated_its_secret_allowed_and_its_pods_checked() {
    let stub = Stub::of(bare());
    let before = object(&stub, "StatefulSet", "orders");
    let output = stub.runs(&FULL);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let mut after = object(&stub, "StatefulSet", "orders");
    assert_eq!(
        after["metadata"]["annotations"],
        json!({"team": "sales", (names::QUEUE): "orders.{pod}", (names::BROKER_SECRET): "orders-broker"})
    );
    after["metadata"]["annotations"] = before["metadata"]["annotations"].clone();
    assert_eq!(after, before, "nothing but annotations: no pod is restarted");
    let changed: Vec<String> = stub
        .lasting_changes()
        .iter()
        .map(|one| format!("{} {}", one.method, one.place()))
        .collect();
    assert_eq!(
        changed,
        [
            "PATCH /apis/apps/v1/namespaces/shop/statefulsets/orders",
            "PATCH /apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles/shadow-broker-orders-broker",
            "PATCH /apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings/shadow-broker-orders-broker",
        ]
    );
    stub::snapshot("setup.txt", &text(&output.stdout));
    let told = said(&output);
    for word in [
        "annotation migration.ms2m.io/queue is now orders.{pod}",
        "to take that back, type: kubectl -n shop annotate statefulset orders migration.ms2m.io/queue-",
        "the controller may read Secret shop/orders-broker. To take that back",
        "pass  SH205  orders-0: queue orders.orders-0",
        "pass  SH207",
    ] {
        assert!(told.contains(word), "{word}: {told}");
    }
}

#[test]
fn done_twice_it_is_done_once() {
    let stub = Stub::of(bare());
    stub.runs(&FULL);
    let first = stub.lasting_changes().len();
    let output = stub.runs(&FULL);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(
        stub.lasting_changes().len(),
        first,
        "the second time changes nothing"
    );
    let told = said(&output);
    assert!(told.contains("is orders.{pod} already"), "{told}");
    assert!(
        told.contains("may read Secret shop/orders-broker already"),
        "{told}"
    );
    assert!(!told.contains("take that back"), "{told}");
}

#[test]
fn a_value_that_was_there_is_named_with_the_way_back() {
    let stub = Stub::of(cluster());
    let output = stub.runs(&["setup", "sts/orders", "--queue", "carts"]);
    let told = said(&output);
    assert!(
        told.contains("is now carts, before it was orders.{pod}"),
        "{told}"
    );
    assert!(
        told.contains("annotate --overwrite statefulset orders migration.ms2m.io/queue='orders.{pod}'"),
        "{told}"
    );
}

#[test]
fn a_dry_run_changes_nothing_and_the_one_here_sends_nothing() {
    for (place, sends) in [("client", false), ("server", true)] {
        let stub = Stub::of(bare());
        let before = stub.holds(|cluster| cluster.objects.clone());
        let mut args = FULL.to_vec();
        args.extend(["--dry-run", place]);
        let output = stub.runs(&args);
        let told = said(&output);
        assert_eq!(output.status.code(), Some(0), "{told}");
        assert_eq!(stub.holds(|cluster| cluster.objects.clone()), before, "{place}");
        assert!(
            stub.lasting_changes().is_empty(),
            "{place}: {:?}",
            stub.lasting_changes()
        );
        let tried = stub
            .asked()
            .iter()
            .filter(|one| one.query().contains("dryRun=All"))
            .count();
        assert_eq!(tried, if sends { 3 } else { 0 }, "{place}");
        for word in [
            "would become orders.{pod}",
            "would be allowed to read",
            "nothing was changed",
        ] {
            assert!(told.contains(word), "{place}, {word}: {told}");
        }
        assert!(!told.contains("take that back"), "{told}");
    }
}

#[test]
fn of_a_pod_with_an_owner_the_owner_is_set_up() {
    let stub = Stub::of(bare());
    let mut args = FULL.to_vec();
    args[1] = "pod/orders-0";
    let output = stub.runs(&args);
    let told = said(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("pod orders-0 belongs to StatefulSet orders, which is set up"),
        "{told}"
    );
    assert!(object(&stub, "Pod", "orders-0")["metadata"]["annotations"].is_null());
    let set = object(&stub, "StatefulSet", "orders");
    assert_eq!(set["metadata"]["annotations"][names::QUEUE], "orders.{pod}");
}

/// Deployment carts with its ReplicaSet and one pod.
fn with_deployment() -> Cluster {
    let mut cluster = bare();
    let owner = |kind: &str, name: &str, uid: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true}]);
    let selector = json!({"matchLabels": {"app": "carts"}});
    let template = json!({"metadata": {"labels": {"app": "carts"}}, "spec": {"containers": []}});
    let labels = json!({"app": "carts", "pod-template-hash": "7d9c"});
    cluster.objects.extend([
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "carts", "namespace": "shop", "uid": "d"},
            "spec": {"replicas": 1, "selector": selector, "template": template}}),
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "carts-7d9c", "namespace": "shop",
            "uid": "r", "annotations": {}, "ownerReferences": owner("Deployment", "carts", "d")},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
            "status": {"replicas": 1, "readyReplicas": 1}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "carts-7d9c-x", "namespace": "shop", "uid": "c",
            "labels": labels, "ownerReferences": owner("ReplicaSet", "carts-7d9c", "r")},
            "spec": {"nodeName": "node-a", "containers": [{"name": "carts", "image": "carts:1"}]},
            "status": {"phase": "Running", "containerStatuses": [{"name": "carts", "ready": true, "restartCount": 0,
                "image": "", "imageID": "", "state": {"running": {}}}]}}),
    ]);
    cluster
}

#[test]
fn a_deployment_is_checked_when_its_replica_set_has_the_annotations() {
    let stub = Stub::of(with_deployment());
    let args = ["--queue", "carts", "--broker-secret", "orders-broker"];
    let typed = [&["setup", "deploy/carts"], args.as_slice()].concat();
    let output = stub.runs(&typed);
    let told = said(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("pass  SH205  carts-7d9c-x: queue carts"), "{told}");
    let deployment = object(&stub, "Deployment", "carts");
    assert!(
        deployment["spec"]["template"]["metadata"]["annotations"].is_null(),
        "no rollout"
    );
    // By its pod, the same Deployment is found.
    let output = stub.runs(&["setup", "pod/carts-7d9c-x", "--container", "carts"]);
    assert!(
        said(&output).contains("belongs to Deployment carts"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_pod_that_says_something_else_itself_is_told_since_it_comes_first() {
    let mut cluster = bare();
    edit(&mut cluster, "Pod", "orders-0")["metadata"]["annotations"] = json!({(names::QUEUE): "elsewhere"});
    let output = Stub::of(cluster).runs(&FULL);
    let told = said(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("pod orders-0 has another value of annotation migration.ms2m.io/queue"),
        "{told}"
    );
    assert!(told.contains("kubectl -n shop edit statefulset orders"), "{told}");
}

#[test]
fn the_exit_code_is_that_of_the_check() {
    let mut cluster = bare();
    stage::take_away(&mut cluster, "Secret", "orders-broker");
    let output = Stub::of(cluster).runs(&FULL);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("FAIL  SH206  shop/orders-broker: does not exist"));
}

#[test]
fn what_cannot_be_set_up_is_refused_before_anything_is_changed() {
    for (workload, word) in [
        ("orders", "Give sts/NAME"),
        ("job/orders", "Give sts/NAME"),
        ("sts/carts", "there is no StatefulSet carts in namespace shop"),
        ("pod/carts", "there is no Pod carts"),
    ] {
        let stub = Stub::of(bare());
        let output = stub.runs(&["setup", workload, "--queue", "q"]);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains(word), "{workload}: {}", said(&output));
        assert!(stub.lasting_changes().is_empty());
    }
}
