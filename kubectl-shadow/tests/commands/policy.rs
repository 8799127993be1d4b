//! `policy test`: what policies of a file would have decided about the migrations that are there.

use serde_json::{Value, json};

use crate::migration;
use crate::stub::{Answer, Stub, err, failure, list, out};

const POLICIES: &str = "apiVersion: migration.ms2m.io/v1alpha1
kind: ClusterMigrationPolicy
metadata: {name: platform}
spec:
  namespaceSelector: {matchLabels: {env: prod}}
  allowed: {strategies: [Sequential], targetNodes: {matchLabels: {pool: state}}}
---
apiVersion: migration.ms2m.io/v1alpha1
kind: MigrationPolicy
metadata: {name: team}
spec:
  podSelector: {matchLabels: {app: orders}}
  limits: {deadlineSeconds: 60, movesPerNode: 1}
  defaults: {transferMode: Registry}
";

/// A finished move of orders-0 in `shop`, one of billing-0 that was refused, and one whose pod is gone; another one in `bank`.
fn cluster() -> Stub {
    Stub::that_answers(|asked| {
        let of = |namespace: &str, name: &str, pod: &str, status: Value| {
            let mut one = migration(name, pod, status);
            one["metadata"]["namespace"] = namespace.into();
            one
        };
        let mut shop = vec![
            of("shop", "orders-0-a", "orders-0", crate::moved()),
            of("shop", "gone-0-b", "gone-0", json!({"phase": "Failed"})),
            of("shop", "billing-0-c", "billing-0", json!({"phase": "Failed"})),
        ];
        shop[0]["spec"]["deadlineSeconds"] = 120.into();
        shop[2]["spec"]["migrationStrategy"] = "Sequential".into();
        shop[2]["spec"]["targetNode"] = "node-c".into();
        let bank = of("bank", "till-0-d", "till-0", json!({"phase": "Failed"}));
        let metadata = |kind: &str, name: &str, labels: Value| json!({"apiVersion": "meta.k8s.io/v1", "kind": kind, "metadata": {"name": name, "labels": labels}});
        let node = |name: &str, pool: &str| json!({"metadata": {"name": name, "labels": {"pool": pool}}});
        let pod = |name: &str, app: &str| metadata("PartialObjectMetadata", name, json!({"app": app}));
        match asked.place() {
            place if place.ends_with("/namespaces/shop/statefulmigrations") => {
                list("StatefulMigrationList", shop)
            }
            place if place.ends_with("/v1alpha1/statefulmigrations") => {
                list("StatefulMigrationList", shop.into_iter().chain([bank]).collect())
            }
            "/api/v1/nodes" => list("NodeList", vec![node("node-b", "web"), node("node-c", "state")]),
            "/api/v1/namespaces/shop/pods" => list(
                "PartialObjectMetadataList",
                vec![pod("orders-0", "orders"), pod("billing-0", "billing")],
            ),
            "/api/v1/namespaces/bank/pods" => list("PartialObjectMetadataList", vec![pod("till-0", "till")]),
            "/api/v1/namespaces/shop" => Answer::Json(
                200,
                metadata("PartialObjectMetadata", "shop", json!({"env": "prod"})),
            ),
            "/api/v1/namespaces/bank" => {
                Answer::Json(200, metadata("PartialObjectMetadata", "bank", json!({})))
            }
            place => failure(404, "NotFound", "not found", place),
        }
    })
}

#[test]
fn each_migration_is_judged_and_counted() {
    let stub = cluster();
    let file = stub.writes("policies.yaml", POLICIES);
    let output = stub.runs(&["policy", "test", "-f", file.to_str().unwrap(), "-A"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let wanted = [
        "shop/orders-0-a: refused: spec.migrationStrategy: ShadowPod is not allowed by ClusterMigrationPolicy platform \
         (allowed.strategies). Write migrationStrategy: Sequential",
        "shop/orders-0-a: refused: spec.targetNode: node \"node-b\" is not allowed by ClusterMigrationPolicy platform \
         (allowed.targetNodes)",
        "shop/orders-0-a: spec.transferMode: Registry is filled in by MigrationPolicy team",
        "shop/orders-0-a: spec.deadlineSeconds: 60 is filled in by MigrationPolicy team",
        "shop/gone-0-b: not known: pod gone-0 is gone, and with it the labels that podSelector asks for",
        "shop/billing-0-c: allowed",
        "bank/till-0-d: not selected",
        "of 4 migrations 1 would have been allowed and 1 refused; 1 are not selected, and of 1 it is not known",
    ];
    let said = out(&output);
    assert_eq!(said.lines().collect::<Vec<_>>(), wanted);
    assert!(
        err(&output).contains("such moves wait for their turn"),
        "{}",
        err(&output)
    );
    assert!(stub.changes().is_empty(), "something was changed");
}

#[test]
fn only_the_namespace_is_judged_unless_all_are_asked_for() {
    let stub = cluster();
    let file = stub.writes("policies.yaml", POLICIES);
    let output = stub.runs(&["policy", "test", "-f", file.to_str().unwrap()]);
    assert!(out(&output).contains("of 3 migrations"), "{}", out(&output));
}

#[test]
fn a_file_that_holds_no_policy_or_a_wrong_field_is_refused() {
    let stub = cluster();
    let missing = stub.folder.join("missing.yaml");
    let typo = stub.writes("typo.yaml", &POLICIES.replace("movesPerNode", "movesPerNodes"));
    let pod = stub.writes("pod.yaml", "kind: Pod");
    for (file, says) in [
        (missing, "missing.yaml: cannot be read"),
        (
            typo,
            "document 2: spec.limits.movesPerNodes is no field of a policy",
        ),
        (pod, "document 1: it is a Pod. Give a MigrationPolicy"),
    ] {
        let output = stub.runs(&["policy", "test", "-f", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{}", out(&output));
        assert!(err(&output).contains(says), "{}", err(&output));
    }
}
