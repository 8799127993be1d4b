//! What speaks against a target: the field, and what the refusal says.

use serde_json::{Value, json};
use shadow_core::names;
use shadow_core::validate::aim;

use crate::world::*;

pub(super) const TARGET: &[(Break, &str, &[&str])] = &[
    (
        |w| {
            w.spec["targetNode"] = "x".into();
            w.nodes = std::iter::once(node("node-a"))
                .chain((0..12).map(|n| node(&format!("node-{n:02}"))))
                .collect();
        },
        "spec.targetNode",
        &["choose one of node-00, node-01", "node-09 and 2 more"],
    ),
    (
        |w| {
            no_target(w);
            w.nodes.truncate(1);
        },
        "spec.targetNode",
        &["no node is named, and there is no other node than the pod's own"],
    ),
    (
        |w| {
            no_target(w);
            w.spec["targetNode"] = "".into();
            w.nodes[1]["spec"]["unschedulable"] = true.into();
            w.nodes[2]["status"]["conditions"][0]["status"] = "False".into();
        },
        "spec.targetNode",
        &["no node is named, and no other node fits: node-b is cordoned; node-c is not Ready"],
    ),
    (
        |w| {
            no_target(w);
            older(w, 1);
            w.nodes[2]["metadata"]["labels"] = json!({});
        },
        "spec.targetNode",
        &[
            "node-b cannot restore what runs on \"node-a\": kernel 5.10.1 is older than 6.18.5",
            "node-c is not ready for restores",
        ],
    ),
    (
        |w| {
            no_target(w);
            taint(w, 1, "NoSchedule");
            w.nodes[2]["metadata"]["annotations"] = json!({});
        },
        "spec.targetNode",
        &[
            "node-b has the taint dedicated=batch:NoSchedule, which the pod does not tolerate",
            "node-c cannot be judged (node \"node-c\" publishes no facts",
        ],
    ),
    (
        |w| {
            no_target(w);
            w.pod["spec"]["nodeSelector"] = json!({"disk": "slow"});
            w.nodes[1]["metadata"]["labels"]["disk"] = "slow".into();
            affinity(
                w,
                json!([{"matchExpressions": [{"key": "zone", "operator": "Exists"}]}]),
            );
            w.nodes[2]["metadata"]["labels"]["zone"] = "1".into();
        },
        "spec.targetNode",
        &[
            "node-b is excluded by the pod's required nodeAffinity",
            "node-c has no label disk=slow, which the pod's nodeSelector wants",
        ],
    ),
    (
        |w| {
            no_target(w);
            handlerless(w, 1);
            bound_to(w, in_zone("1"));
            w.nodes[1]["metadata"]["labels"]["zone"] = "1".into();
        },
        "spec.targetNode",
        &[
            "node-b restores nothing (the container runtime of node \"node-b\" has no runtime handler shadow",
            "node-c cannot mount volume \"data\"",
        ],
    ),
    (
        |w| taint(w, 1, "NoExecute"),
        "spec.targetNode",
        &["taint dedicated=batch:NoExecute", "choose node-c"],
    ),
    (
        |w| {
            affinity(
                w,
                json!([{"matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["node-b"]}]}]),
            )
        },
        "spec.targetNode",
        &[
            "the pod's required nodeAffinity excludes node \"node-b\"",
            "choose node-c",
        ],
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
        &["cordoned; choose node-c, or type: kubectl uncordon node-b"],
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
        |w| older(w, 1),
        "spec.targetNode",
        &["node \"node-b\" cannot restore what runs on \"node-a\": kernel 5.10.1 is older than 6.18.5"],
    ),
    (
        |w| w.pod["spec"]["nodeSelector"] = json!({"disk": "slow"}),
        "spec.targetNode",
        &["nodeSelector wants disk=slow"],
    ),
];

fn facts(w: &mut World, node: usize, old: &str, new: &str) {
    let facts = &mut w.nodes[node]["metadata"]["annotations"][names::NODE_FACTS];
    *facts = facts.as_str().unwrap().replace(old, new).into();
}

fn older(w: &mut World, node: usize) {
    facts(w, node, "6.18.5", "5.10.1");
}

fn handlerless(w: &mut World, node: usize) {
    facts(w, node, "\"handler\":true", "\"handler\":false");
}

fn taint(w: &mut World, node: usize, effect: &str) {
    w.nodes[node]["spec"]["taints"] = json!([{"key": "dedicated", "value": "batch", "effect": effect}]);
}

fn affinity(w: &mut World, terms: Value) {
    w.pod["spec"]["affinity"] = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}});
}

fn in_zone(zone: &str) -> Value {
    let terms = json!([{"matchExpressions": [{"key": "zone", "operator": "In", "values": [zone]}]}]);
    json!({"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}})
}

/// As an earlier move has left the pod: pinned to its node, by nothing in its template.
fn moved_before(w: &mut World) {
    w.pod["metadata"]["annotations"][names::RESTORE_KEY] = "uid-2-0".into();
    affinity(
        w,
        json!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-a"]}]}]),
    );
}

/// What is left out while just one other node fits.
const ONE_FITS: &[Break] = &[
    |w| {
        moved_before(w);
        w.nodes.truncate(2);
    },
    |w| w.nodes[2]["spec"]["unschedulable"] = true.into(),
    |w| w.nodes[2]["status"]["conditions"][0]["status"] = "Unknown".into(),
    |w| w.nodes[2]["metadata"]["labels"] = json!({"disk": "fast"}),
    |w| older(w, 2),
    |w| handlerless(w, 2),
    |w| taint(w, 2, "NoSchedule"),
    |w| {
        w.pod["spec"]["nodeSelector"] = json!({"disk": "slow"});
        w.nodes[1]["metadata"]["labels"]["disk"] = "slow".into();
    },
    |w| {
        bound_to(w, in_zone("1"));
        w.nodes[1]["metadata"]["labels"]["zone"] = "1".into();
    },
    |w| {
        w.nodes.truncate(2);
        taint(w, 1, "PreferNoSchedule");
    },
    |w| {
        w.nodes.truncate(2);
        taint(w, 1, "NoSchedule");
        let tolerated =
            json!([{"key": "dedicated", "operator": "Equal", "value": "batch", "effect": "NoSchedule"}]);
        w.pod["spec"]["tolerations"] = tolerated;
    },
    |w| {
        w.nodes.truncate(2);
        taint(w, 1, "NoExecute");
        w.pod["spec"]["tolerations"] = json!([{"operator": "Exists"}]);
    },
];

#[test]
fn the_only_other_node_that_fits_is_taken_and_named() {
    for (row, change) in ONE_FITS.iter().enumerate() {
        let mut world = world();
        no_target(&mut world);
        change(&mut world);
        let (spec, facts) = asked(&world);
        let aimed = aim(&spec, &facts).unwrap();
        assert_eq!(aimed.spec.target_node.as_deref(), Some("node-b"), "row {row}");
        assert_eq!(
            aimed.because.as_deref(),
            Some("node node-b is the only other one that fits"),
            "row {row}"
        );
        let (refusals, warnings) = reasons(world);
        assert_eq!(refusals, Vec::<String>::new(), "row {row}");
        let told =
            "spec.targetNode is left out: node node-b is the only other one that fits, so the pod goes there";
        assert_eq!(warnings, [told], "row {row}");
    }
}

#[test]
fn a_node_that_is_named_is_taken_without_a_word() {
    let (spec, facts) = asked(&world());
    let aimed = aim(&spec, &facts).unwrap();
    assert_eq!((aimed.spec, aimed.because), (spec, None));
}

#[test]
fn of_several_nodes_that_fit_none_is_taken_before_their_room_is_known() {
    let mut world = world();
    no_target(&mut world);
    let (spec, facts) = asked(&world);
    let aimed = aim(&spec, &facts).unwrap();
    assert_eq!((aimed.spec.target_node, aimed.because), (None, None));
    assert_eq!(aimed.open, ["node-b", "node-c"]);
    let (refusals, warnings) = reasons(world);
    assert_eq!(refusals, Vec::<String>::new());
    let told = "spec.targetNode is left out: node-b, node-c fit, and the pod goes to the one of them with the most room";
    assert_eq!(warnings, [told]);
}
