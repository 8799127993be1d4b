//! `migrate`: which pods are meant, what is asked for, and what of it is begun.

use serde_json::{Value, json};

use crate::stub::{Answer, Asked, Stub, err, failure, list, out};
use crate::{migration, moved, undone};

/// Three pods of a StatefulSet and one of a Deployment.
fn pods() -> Vec<Value> {
    let pod = |name: &str, kind: &str, owner: &str| {
        json!({"apiVersion": "v1", "kind": "Pod", "status": {"phase": "Running"},
            "metadata": {"name": name, "namespace": "shop", "uid": name, "ownerReferences": [{"apiVersion": "apps/v1",
                "kind": kind, "name": owner, "uid": owner, "controller": true}]}})
    };
    vec![
        pod("orders-0", "StatefulSet", "orders"),
        pod("orders-1", "StatefulSet", "orders"),
        pod("orders-2", "StatefulSet", "orders"),
        pod("web-abc-x", "ReplicaSet", "web-abc"),
    ]
}

/// A cluster that takes every migration but those of some pods; the moves end as `ends` says.
fn cluster(refuses: &'static [&'static str], ends: fn(&str) -> Value) -> Stub {
    Stub::that_answers(move |asked| {
        let selector = json!({"matchLabels": {"app": "orders"}});
        match (asked.method.as_str(), asked.place()) {
            ("GET", "/api/v1/namespaces/shop/pods") => list("PodList", pods()),
            ("GET", "/apis/apps/v1/namespaces/shop/statefulsets/orders") => Answer::Json(
                200,
                json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "orders", "uid": "orders"},
                    "spec": {"selector": selector, "serviceName": "orders", "template": {}}}),
            ),
            ("GET", "/apis/apps/v1/namespaces/shop/deployments/web") => Answer::Json(
                200,
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "uid": "web"},
                    "spec": {"selector": selector, "template": {}}}),
            ),
            ("GET", "/apis/apps/v1/namespaces/shop/replicasets") => {
                let set = |name: &str, owner: &str| {
                    json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": name, "uid": name,
                        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": owner, "uid": owner,
                            "controller": true}]}})
                };
                list(
                    "PartialObjectMetadataList",
                    vec![set("web-abc", "web"), set("other-abc", "other")],
                )
            }
            ("POST", path) if path.ends_with("/statefulmigrations") => take(asked, refuses),
            ("GET", path) if path.contains("/statefulmigrations") => shown(asked, ends),
            (_, path) => failure(404, "NotFound", "not found", path.rsplit('/').next().unwrap()),
        }
    })
}

fn take(asked: &Asked, refuses: &[&str]) -> Answer {
    let pod = asked.body["spec"]["sourcePod"].as_str().unwrap();
    if refuses.contains(&pod) {
        let told = "admission webhook \"m\" denied the request: spec.sourcePod: a Job's pod";
        return failure(403, "Forbidden", told, pod);
    }
    let mut taken = migration(&format!("{pod}-x"), pod, Value::Null);
    taken["spec"] = asked.body["spec"].clone();
    Answer::Warned(201, taken, "its files stay behind")
}

fn shown(asked: &Asked, ends: fn(&str) -> Value) -> Answer {
    let name = match asked.path.split_once("fieldSelector=metadata.name%3D") {
        Some((_, rest)) => rest.split('&').next().unwrap(),
        None => asked.place().rsplit('/').next().unwrap(),
    };
    let pod = name.trim_end_matches("-x");
    let one = migration(name, pod, ends(pod));
    if asked.path.contains("watch=true") {
        Answer::Stream(Vec::new())
    } else if asked.path.contains("fieldSelector") {
        list("StatefulMigrationList", vec![one])
    } else {
        Answer::Json(200, one)
    }
}

/// What was begun, in its order.
fn begun(stub: &Stub) -> Vec<String> {
    let real = stub
        .changes()
        .into_iter()
        .filter(|asked| !asked.path.contains("dryRun"));
    real.map(|asked| asked.body["spec"]["sourcePod"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_statefulset_is_moved_from_the_highest_ordinal_down() {
    let stub = cluster(&[], |_| moved());
    let output = stub.runs(&["migrate", "sts/orders", "--to", "node-b"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(begun(&stub), ["orders-2", "orders-1", "orders-0"]);
    let said = out(&output);
    assert!(said.contains("orders-2  orders-2 runs on node-b"), "{said}");
    assert!(
        said.contains("orders-0-x   orders-0   node-a   node-b   EXACT"),
        "{said}"
    );
    assert_eq!(
        err(&output).matches("its files stay behind").count(),
        1,
        "{}",
        err(&output)
    );
}

#[test]
fn pods_are_named_by_owner_by_label_and_one_by_one() {
    let cases: [(&[&str], &[&str]); 4] = [
        (&["deploy/web"], &["web-abc-x"]),
        (
            &["pod/orders-1", "orders-0", "po/orders-1"],
            &["orders-1", "orders-0"],
        ),
        (&["orders-0", "sts/orders"], &["orders-0", "orders-2", "orders-1"]),
        (
            &["-l", "app=orders"],
            &["orders-2", "orders-1", "orders-0", "web-abc-x"],
        ),
    ];
    for (args, wanted) in cases {
        let stub = cluster(&[], |_| moved());
        let output = stub.runs(&[&["migrate", "--wait=false"], args].concat());
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", err(&output));
        assert_eq!(begun(&stub), wanted, "{args:?}");
        assert!(out(&output).contains("created"), "{}", out(&output));
    }
    let stub = cluster(&[], |_| moved());
    for (args, told) in [
        (
            &["migrate", "sts/gone"][..],
            "there is no StatefulSet gone in namespace shop",
        ),
        (&["migrate", "node/a"], "sts/NAME"),
    ] {
        let output = stub.runs(args);
        assert_eq!(output.status.code(), Some(1));
        assert!(err(&output).contains(told), "{}", err(&output));
    }
}

#[test]
fn of_several_pods_none_is_moved_if_one_is_refused() {
    let stub = cluster(&["orders-1", "web-abc-x"], |_| moved());
    let output = stub.runs(&["migrate", "-l", "app=orders", "--to", "node-b"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(begun(&stub).is_empty());
    for word in [
        "orders-1: spec.sourcePod: a Job's pod",
        "web-abc-x: spec.sourcePod: a Job's pod",
        "nothing was begun: 2 of 4 pods are refused",
    ] {
        assert!(err(&output).contains(word), "{}", err(&output));
    }
}

#[test]
fn the_exit_code_of_several_is_that_of_the_worst() {
    let stub = cluster(&[], |pod| if pod == "orders-1" { undone() } else { moved() });
    let output = stub.runs(&["migrate", "sts/orders", "--to", "node-b"]);
    assert_eq!(output.status.code(), Some(2), "{}", err(&output));
    assert!(
        out(&output).contains("orders-1   node-a   node-b   UNDONE"),
        "{}",
        out(&output)
    );
}

#[test]
fn a_dry_run_begins_nothing() {
    let stub = cluster(&["orders-1"], |_| moved());
    let output = stub.runs(&["migrate", "orders-0", "--to", "node-b", "--dry-run=client"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(
        out(&output).contains("generateName: orders-0-"),
        "{}",
        out(&output)
    );
    assert!(stub.asked().is_empty(), "{:?}", stub.asked());
    let output = stub.runs(&["migrate", "orders-0", "--to", "node-b", "--dry-run=server"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(
        out(&output).contains("orders-0-x would be created (server dry run)"),
        "{}",
        out(&output)
    );
    assert!(
        err(&output).contains("warning: its files stay behind"),
        "{}",
        err(&output)
    );
    let output = stub.runs(&["migrate", "orders-0", "--dry-run=server", "-o", "json"]);
    let answer: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(answer["spec"]["sourcePod"], "orders-0");
    let output = stub.runs(&["migrate", "orders-1", "--dry-run=server"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("a Job's pod"), "{}", err(&output));
    assert!(begun(&stub).is_empty());
    assert_eq!(stub.changes().len(), 3, "each was a dry run");
}

#[test]
fn a_warning_that_counts_as_an_error_is_told_before_anything_is_begun() {
    let stub = cluster(&[], |_| moved());
    let output = stub.runs(&["migrate", "orders-0", "--to", "node-b", "--warnings-as-errors"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(
        err(&output).contains("nothing was begun: the cluster warns of 1 thing"),
        "{}",
        err(&output)
    );
    assert!(begun(&stub).is_empty());
}

#[test]
fn a_script_gets_the_object_at_the_end_or_the_name_at_once() {
    let stub = cluster(&[], |_| moved());
    let output = stub.runs(&["migrate", "orders-0", "--to", "node-b", "-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let end: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(end["status"]["verdict"]["exact"], true);
    let output = stub.runs(&["migrate", "orders-0", "--to", "node-b", "-o", "name"]);
    assert_eq!(out(&output), "statefulmigration.migration.ms2m.io/orders-0-x\n");
    let output = stub.runs(&["migrate", "sts/orders", "-o", "jsonpath={.items[*].status.phase}"]);
    assert_eq!(
        out(&output),
        "Completed Completed Completed\n",
        "{}",
        err(&output)
    );
}
