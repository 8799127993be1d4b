//! A pod.

use serde_json::json;
use shadow_core::names;

use crate::stage::{Wanted, checked, cluster, edit, expect, take_away};
use crate::stub::{Cluster, Stub, text};

fn with(change: impl FnOnce(&mut Cluster), wanted: Wanted<'_>) {
    expect(&["orders-0"], change, wanted);
}

#[test]
fn a_pod_that_can_be_moved_is_told_with_all_that_makes_it_so() {
    with(|_| {}, &[]);
    let (lines, _) = checked(cluster(), &["pod/orders-0"]);
    let found: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| (line.code.as_str(), line.found.as_str()))
        .collect();
    for wanted in [
        (
            "SH201",
            "can be moved: of StatefulSet orders, on node-a, containers orders, no volumes",
        ),
        ("SH204", "container orders"),
        ("SH205", "queue orders.orders-0"),
        ("SH207", "the controller may read it"),
        ("SH208", "can go to node-b"),
    ] {
        assert!(found.contains(&wanted), "{wanted:?}: {found:#?}");
    }
    let said = text(&Stub::of(cluster()).runs(&["check", "orders-0"]).stdout);
    assert!(said.contains("kubectl shadow plan orders-0 -n shop"), "{said}");
}

#[test]
fn each_prerequisite_of_a_pod_taken_away_is_told_in_its_line_alone() {
    let owner = |cluster: &mut Cluster, annotation: &str| {
        edit(cluster, "StatefulSet", "orders")["metadata"]["annotations"][annotation] = json!("");
    };
    with(
        |cluster| take_away(cluster, "Pod", "orders-0"),
        &[("SH201", "orders-0", "fail", "does not exist")],
    );
    with(
        |cluster| edit(cluster, "Pod", "orders-0")["status"]["phase"] = json!("Pending"),
        &[("SH201", "orders-0", "fail", "is Pending, not Running")],
    );
    with(
        |cluster| edit(cluster, "Pod", "orders-0")["metadata"]["ownerReferences"][0]["kind"] = json!("Job"),
        &[
            ("SH201", "orders-0", "fail", "belongs to Job"),
            ("SH205", "orders-0", "fail", "no queue is named"),
            ("SH206", "orders-0", "fail", "no broker is named"),
        ],
    );
    with(
        |cluster| owner(cluster, names::QUEUE),
        &[("SH205", "orders-0", "fail", "no queue is named")],
    );
    with(
        |cluster| owner(cluster, names::BROKER_SECRET),
        &[("SH206", "orders-0", "fail", "no broker is named")],
    );
    with(
        |cluster| take_away(cluster, "Secret", "orders-broker"),
        &[("SH206", "shop/orders-broker", "fail", "does not exist")],
    );
    with(
        |cluster| cluster.controller_reads = Some(false),
        &[("SH207", "shop/orders-broker", "fail", "may not read it")],
    );
    with(
        |cluster| {
            let containers = json!([{"name": "orders"}, {"name": "helper"}]);
            edit(cluster, "Pod", "orders-0")["spec"]["containers"] = containers;
        },
        &[("SH204", "orders-0", "fail", "2 containers and none is named")],
    );
}

#[test]
fn rights_and_other_moves_are_told_apart_from_the_pod() {
    with(
        |cluster| {
            cluster.forbidden.insert("delete pods".to_owned());
        },
        &[("SH202", "orders-0", "fail", "user \"alice\" may not delete pods")],
    );
    with(
        |cluster| {
            cluster.forbidden.insert("create statefulmigrations".to_owned());
        },
        &[("SH202", "orders-0", "fail", "may not create statefulmigrations")],
    );
    with(
        |cluster| {
            cluster.objects.push(json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
                "metadata": {"name": "orders-0-x7k2p", "namespace": "shop"}, "spec": {"sourcePod": "orders-0"}}));
        },
        &[("SH203", "orders-0", "fail", "orders-0-x7k2p")],
    );
}

#[test]
fn a_pod_that_fits_nowhere_is_told_with_what_speaks_against_each_node() {
    with(
        |cluster| edit(cluster, "Node", "node-b")["spec"]["unschedulable"] = json!(true),
        &[("SH208", "orders-0", "fail", "node-b is cordoned")],
    );
    with(
        |cluster| take_away(cluster, "Node", "node-b"),
        &[("SH208", "orders-0", "fail", "no other node")],
    );
}

#[test]
fn rules_about_other_pods_are_obeyed() {
    let rule = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "front"}}}]}});
    with(
        |cluster| {
            for node in ["node-a", "node-b"] {
                edit(cluster, "Node", node)["metadata"]["labels"]["kubernetes.io/hostname"] = json!(node);
            }
            let mut front = edit(cluster, "Pod", "orders-0").clone();
            edit(cluster, "Pod", "orders-0")["spec"]["affinity"] = rule;
            front["metadata"] =
                json!({"name": "front-0", "namespace": "shop", "uid": "f", "labels": {"app": "front"}});
            front["spec"]["nodeName"] = json!("node-b");
            cluster.objects.push(front);
        },
        &[(
            "SH208",
            "orders-0",
            "fail",
            "node-b is excluded by the pod's rules about other pods",
        )],
    );
}

#[test]
fn of_several_nodes_those_that_fit_are_named() {
    let mut three = cluster();
    let mut other = edit(&mut three, "Node", "node-b").clone();
    other["metadata"]["name"] = json!("node-c");
    three.objects.push(other);
    let (lines, code) = checked(three, &["orders-0"]);
    let target = lines.iter().find(|line| line.code == "SH208").unwrap();
    assert_eq!((target.found.as_str(), code), ("can go to node-b, node-c", 0));
}

#[test]
fn what_the_admission_warns_of_is_told() {
    with(
        |cluster| {
            edit(cluster, "Pod", "orders-0")["spec"]["volumes"] = json!([{"name": "cache", "emptyDir": {}}]);
        },
        &[("SH210", "orders-0", "warn", "cache")],
    );
}

#[test]
fn a_user_with_few_rights_learns_what_is_not_known() {
    with(
        |cluster| {
            cluster.hidden.insert("secrets");
            cluster.controller_reads = None;
        },
        &[
            ("SH206", "shop/orders-broker", "warn", "secrets is forbidden"),
            ("SH207", "shop/orders-broker", "warn", "you may not ask"),
        ],
    );
    with(
        |cluster| {
            cluster.hidden.insert("nodes");
        },
        &[("SH208", "the nodes", "warn", "nodes is forbidden")],
    );
}
