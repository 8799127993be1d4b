//! What a person reads.

use serde_json::json;

use crate::stage::{cluster, edit, take_away};
use crate::stub::{Stub, snapshot, text};

#[test]
fn a_cluster_in_which_all_is_well() {
    let output = Stub::of(cluster()).runs(&["check"]);
    snapshot("check-well.txt", &text(&output.stdout));
}

#[test]
fn a_cluster_with_three_troubles() {
    let mut broken = cluster();
    take_away(&mut broken, "RuntimeClass", "shadow");
    edit(&mut broken, "Node", "node-b")["spec"]["unschedulable"] = json!(true);
    let waits = json!({"name": "install", "ready": false, "restartCount": 2, "image": "", "imageID": "",
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1, "message": "criu: not found in PATH"}}});
    edit(&mut broken, "Pod", "shadow-agent-node-a")["status"] = json!({"initContainerStatuses": [waits]});
    let stub = Stub::of(broken);
    snapshot("check-troubles.txt", &text(&stub.runs(&["check"]).stdout));
    snapshot(
        "check-troubles-short.txt",
        &text(&stub.runs(&["check", "-o", "short"]).stdout),
    );
}

#[test]
fn a_pod_that_can_be_moved_and_one_without_a_queue() {
    let mut bare = cluster();
    edit(&mut bare, "StatefulSet", "orders")["metadata"]["annotations"] = json!({});
    let well = Stub::of(cluster()).runs(&["check", "orders-0"]);
    let bare = Stub::of(bare).runs(&["check", "orders-0"]);
    snapshot(
        "check-pod.txt",
        &(text(&well.stdout) + "\n" + &text(&bare.stdout)),
    );
}

#[test]
fn json_for_a_program() {
    let output = Stub::of(cluster()).runs(&["check", "orders-0", "-o", "json"]);
    snapshot("check-pod.json", &text(&output.stdout));
}
