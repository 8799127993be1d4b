//! Nodes and agents.

use serde_json::{Value, json};
use shadow_core::names;

use crate::stage::{Wanted, checked, cluster, edit, expect, take_away};
use crate::stub::Cluster;

fn with(change: impl FnOnce(&mut Cluster), wanted: Wanted<'_>) {
    expect(&["node/node-a"], change, wanted);
}

/// Changes what node-a says of itself.
fn facts(cluster: &mut Cluster, change: impl FnOnce(&mut Value)) {
    let node = edit(cluster, "Node", "node-a");
    let text = node["metadata"]["annotations"][names::NODE_FACTS]
        .as_str()
        .unwrap();
    let mut facts: Value = serde_json::from_str(text).unwrap();
    change(&mut facts);
    node["metadata"]["annotations"][names::NODE_FACTS] = json!(facts.to_string());
}

#[test]
fn all_is_well_on_nodes_that_are_prepared() {
    expect(&["nodes"], |_| {}, &[]);
    let (lines, _) = checked(cluster(), &["nodes"]);
    assert_eq!(lines.len(), 2 * 9, "{lines:#?}");
    let versions = lines.iter().find(|line| line.code == "SH106").unwrap();
    for word in ["CRIU 4.2.1", "runc 1.3.6", "kernel 6.18.5"] {
        assert!(versions.found.contains(word), "{versions:?}");
    }
}

#[test]
fn each_prerequisite_of_a_node_taken_away_is_told_in_its_line_alone() {
    with(
        |cluster| edit(cluster, "Node", "node-a")["status"]["conditions"][0]["status"] = json!("False"),
        &[("SH101", "node-a", "fail", "is not Ready")],
    );
    with(
        |cluster| edit(cluster, "Node", "node-a")["spec"]["unschedulable"] = json!(true),
        &[("SH102", "node-a", "warn", "is cordoned")],
    );
    with(
        |cluster| edit(cluster, "Node", "node-a")["status"]["nodeInfo"]["architecture"] = json!("arm64"),
        &[("SH103", "node-a", "warn", "linux/arm64: it takes no part")],
    );
    with(
        |cluster| take_away(cluster, "Pod", "shadow-agent-node-a"),
        &[("SH104", "node-a", "fail", "has no agent")],
    );
    with(
        |cluster| edit(cluster, "Node", "node-a")["metadata"]["labels"] = json!({}),
        &[("SH105", "node-a", "fail", "migration.ms2m.io/ready=true")],
    );
    with(
        |cluster| edit(cluster, "Node", "node-a")["metadata"]["annotations"] = json!({}),
        &[("SH106", "node-a", "fail", "publishes no facts")],
    );
}

#[test]
fn what_a_node_says_of_itself_is_judged() {
    with(
        |cluster| facts(cluster, |facts| facts["agent"] = json!("0.0.9")),
        &[("SH106", "node-a", "warn", "this plugin is")],
    );
    with(
        |cluster| facts(cluster, |facts| facts["handler"] = json!(false)),
        &[("SH107", "node-a", "warn", "no runtime handler")],
    );
    with(
        |cluster| facts(cluster, |facts| facts["lacks"] = json!(["CAP_SYS_RESOURCE"])),
        &[("SH108", "node-a", "warn", "CAP_SYS_RESOURCE")],
    );
    with(
        |cluster| facts(cluster, |facts| facts["kernel"] = json!("6.19.1")),
        &[(
            "SH109",
            "node-a",
            "warn",
            "node-b: kernel 6.18.5 is older than 6.19.1",
        )],
    );
    with(
        |cluster| take_away(cluster, "Node", "node-b"),
        &[("SH109", "node-a", "warn", "no other node")],
    );
}

#[test]
fn an_agent_that_does_not_run_is_told_with_its_last_words() {
    let waits = json!({"name": "install", "ready": false, "restartCount": 2, "image": "", "imageID": "",
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}},
        "lastState": {"terminated": {"exitCode": 1, "message": "criu: not found in PATH"}}});
    with(
        |cluster| {
            edit(cluster, "Pod", "shadow-agent-node-a")["status"] =
                json!({"phase": "Pending", "initContainerStatuses": [waits]});
        },
        &[(
            "SH104",
            "node-a",
            "fail",
            "container install: CrashLoopBackOff, back-off 20s. Its last words: criu: not found in PATH",
        )],
    );
    with(
        |cluster| edit(cluster, "Pod", "shadow-agent-node-a")["status"] = json!({"phase": "Pending"}),
        &[("SH104", "node-a", "fail", "it is Pending")],
    );
}

#[test]
fn a_node_that_is_not_there_is_told_with_those_that_are() {
    expect(
        &["node/node-z"],
        |_| {},
        &[("SH101", "node-z", "fail", "there are node-a, node-b")],
    );
}

#[test]
fn a_user_that_may_not_list_nodes_is_told_so() {
    expect(
        &["nodes"],
        |cluster| {
            cluster.hidden.insert("nodes");
        },
        &[("SH101", "the nodes", "warn", "nodes is forbidden")],
    );
}
