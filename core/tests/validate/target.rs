//! What speaks against a target: the field, and what the refusal says.

use serde_json::json;
use shadow_core::names;

use crate::world::*;

pub(super) const TARGET: &[(Break, &str, &[&str])] = &[
    (
        |w| {
            w.spec.as_object_mut().unwrap().remove("targetNode");
        },
        "spec.targetNode",
        &["no node is named", "choose one of node-b, node-c"],
    ),
    (
        |w| w.spec["targetNode"] = "x".into(),
        "spec.targetNode",
        &["node \"x\" does not exist; choose one of node-b, node-c"],
    ),
    (
        |w| w.spec["targetNode"] = "node-a".into(),
        "spec.targetNode",
        &["already runs on node \"node-a\"; choose one of"],
    ),
    (
        |w| w.nodes[1]["metadata"]["labels"] = json!({}),
        "spec.targetNode",
        &["not ready for restores", "choose node-c"],
    ),
    (
        |w| w.nodes[1]["spec"]["unschedulable"] = true.into(),
        "spec.targetNode",
        &["cordoned; kubectl uncordon node-b", "choose node-c"],
    ),
    (
        |w| w.nodes[1]["status"]["conditions"][0]["status"] = "Unknown".into(),
        "spec.targetNode",
        &["is not Ready"],
    ),
    (
        |w| {
            w.nodes.truncate(1);
        },
        "spec.targetNode",
        &["does not exist; no other node is ready", "kubectl shadow install"],
    ),
    (
        |w| w.nodes[1]["metadata"]["annotations"] = json!({}),
        "spec.targetNode",
        &["\"node-b\" publishes no facts"],
    ),
    (
        |w| w.nodes[0]["metadata"]["annotations"] = json!({}),
        "spec.sourcePod",
        &["\"node-a\" publishes no facts"],
    ),
    (
        |w| w.nodes[1]["metadata"]["annotations"][names::NODE_FACTS] = "{".into(),
        "spec.targetNode",
        &["cannot be read"],
    ),
    (
        |w| {
            let text = w.nodes[1]["metadata"]["annotations"][names::NODE_FACTS]
                .as_str()
                .unwrap()
                .replace("6.18.5", "5.10.1");
            w.nodes[1]["metadata"]["annotations"][names::NODE_FACTS] = text.into();
        },
        "spec.targetNode",
        &["node \"node-b\" cannot restore what runs on \"node-a\": kernel 5.10.1 is older than 6.18.5"],
    ),
    (
        |w| w.pod["spec"]["nodeSelector"] = json!({"disk": "slow"}),
        "spec.targetNode",
        &["nodeSelector wants disk=slow"],
    ),
];
