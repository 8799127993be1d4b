//! Before an installation.

use serde_json::json;

use crate::stage::{Wanted, edit, expect};
use crate::stub::Cluster;

/// In a cluster without anything of ours.
fn with(change: impl FnOnce(&mut Cluster), wanted: Wanted<'_>) {
    let bare = |cluster: &mut Cluster| {
        cluster.objects.retain(|object| object["kind"] == "Node");
        change(cluster);
    };
    expect(&["--pre"], bare, wanted);
}

#[test]
fn a_cluster_that_can_take_it_is_told_so() {
    with(|_| {}, &[]);
}

#[test]
fn each_right_that_is_missing_is_told() {
    with(
        |cluster| {
            cluster.forbidden.insert("create daemonsets".to_owned());
        },
        &[(
            "SH301",
            "create daemonsets.apps in namespace shadow-system",
            "fail",
            "may not",
        )],
    );
    with(
        |cluster| {
            cluster.forbidden.insert("escalate clusterroles".to_owned());
        },
        &[(
            "SH301",
            "escalate clusterroles.rbac.authorization.k8s.io",
            "warn",
            "you need each right",
        )],
    );
}

#[test]
fn runtimes_are_told_apart() {
    let of = |runtime: &'static str| {
        move |cluster: &mut Cluster| {
            edit(cluster, "Node", "node-a")["status"]["nodeInfo"]["containerRuntimeVersion"] = json!(runtime);
        }
    };
    with(
        of("containerd://1.7.24"),
        &[("SH302", "node-a", "fail", "2.0 or newer")],
    );
    with(of("cri-o://1.33.0"), &[("SH302", "node-a", "warn", "not run")]);
    with(of("docker://27.0"), &[("SH302", "node-a", "fail", "not known")]);
}

#[test]
fn a_node_of_another_kind_and_an_old_server_are_told() {
    with(
        |cluster| edit(cluster, "Node", "node-b")["status"]["nodeInfo"]["operatingSystem"] = json!("windows"),
        &[("SH103", "node-b", "warn", "windows/amd64")],
    );
    with(
        |cluster| cluster.version = "v1.28.0".to_owned(),
        &[("SH001", "", "fail", "too old")],
    );
}

#[test]
fn an_installation_that_is_there_is_told() {
    with(
        |cluster| {
            let namespace =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shadow-system"}});
            cluster.objects.push(namespace);
        },
        &[("SH303", "", "warn", "is there")],
    );
}
