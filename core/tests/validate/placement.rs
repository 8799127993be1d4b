//! Rules of the pod about its own place: what they exclude is refused with the rule, what they admit is not.

use serde_json::{Value, json};

use crate::world::*;

const ZONE: &str = "topology.kubernetes.io/zone";
const HOST: &str = "kubernetes.io/hostname";

/// Nodes a and c are in zone 1, node b, the target, is in zone 2.
fn zones(world: &mut World) {
    for (at, zone) in [(0, "1"), (1, "2"), (2, "1")] {
        let name = world.nodes[at]["metadata"]["name"].clone();
        world.nodes[at]["metadata"]["labels"][ZONE] = zone.into();
        world.nodes[at]["metadata"]["labels"][HOST] = name;
    }
}

/// Pods of these names on these nodes, labelled `app: NAME`; the source is there, too.
fn pods(world: &mut World, others: &[(&str, &str)]) {
    zones(world);
    let own = world.pod.clone();
    let other = |(at, (name, node)): (usize, &(&str, &str))| {
        json!({
            "metadata": {"name": format!("{name}-{at}"), "uid": format!("other-{at}"), "labels": {"app": name}},
            "spec": {"nodeName": node, "containers": []}
        })
    };
    let others = others.iter().enumerate().map(other);
    world.pods = Some(std::iter::once(own).chain(others).collect());
}

fn spread(world: &mut World, change: Value) {
    let mut constraint = json!({"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "orders"}}});
    constraint
        .as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    world.pod["spec"]["topologySpreadConstraints"] = json!([constraint]);
}

fn affinity(world: &mut World, kind: &str, app: &str, key: &str) {
    world.pod["spec"]["affinity"] = json!({kind: {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}}]}});
}

fn node_affinity(world: &mut World, requirement: Value) {
    world.pod["spec"]["affinity"] = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
        {"nodeSelectorTerms": [{"matchExpressions": [requirement]}]}}});
}

fn taint(world: &mut World, taint: Value) {
    world.nodes[1]["spec"]["taints"] = json!([taint]);
}

pub(super) const PLACEMENT: &[(Break, &str, &[&str])] = &[
    (
        |w| node_affinity(w, json!({"key": "disk", "operator": "NotIn", "values": ["fast"]})),
        "spec.targetNode",
        &[
            "required nodeAffinity excludes node \"node-b\"",
            "add a node that fits",
        ],
    ),
    (
        |w| node_affinity(w, json!({"key": "cores", "operator": "Gt", "values": ["4"]})),
        "spec.targetNode",
        &["nodeAffinity"],
    ),
    (
        |w| {
            taint(
                w,
                json!({"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}),
            )
        },
        "spec.targetNode",
        &[
            "taint dedicated=gpu:NoSchedule",
            "kubectl taint nodes node-b dedicated=gpu:NoSchedule-",
            "choose node-c",
        ],
    ),
    (
        |w| {
            taint(
                w,
                json!({"key": "dedicated", "value": "gpu", "effect": "NoExecute"}),
            );
            w.pod["spec"]["tolerations"] =
                json!([{"key": "dedicated", "value": "shop", "operator": "Equal"}]);
        },
        "spec.targetNode",
        &["taint dedicated=gpu:NoExecute"],
    ),
    (
        |w| {
            pods(w, &[("orders", "node-b"), ("orders", "node-b")]);
            spread(w, json!({}));
        },
        "spec.targetNode",
        &[
            "topologySpreadConstraints (maxSkew 1, DoNotSchedule)",
            "zone \"2\" would have 3 pods of app=orders",
            "\"1\" has 0",
            "ScheduleAnyway",
        ],
    ),
    (
        |w| {
            pods(w, &[]);
            spread(w, json!({"topologyKey": "rack"}));
        },
        "spec.targetNode",
        &["label rack, which node \"node-b\" does not have"],
    ),
    (
        |w| {
            pods(w, &[("orders", "node-b")]);
            spread(w, json!({"minDomains": 2}));
        },
        "spec.targetNode",
        &["minDomains"],
    ),
    (
        |w| {
            pods(w, &[("cache", "node-b")]);
            affinity(w, "podAntiAffinity", "cache", HOST);
        },
        "spec.targetNode",
        &[
            "podAntiAffinity (pods of app=cache",
            "pod \"cache-0\"",
            "choose node-c",
        ],
    ),
    (
        |w| {
            pods(w, &[("cache", "node-c")]);
            affinity(w, "podAffinity", "cache", ZONE);
        },
        "spec.targetNode",
        &["podAffinity wants a pod of app=cache in the same topology.kubernetes.io/zone"],
    ),
    (
        // The source is there when its copy is scheduled.
        |w| {
            pods(w, &[]);
            affinity(w, "podAffinity", "orders", ZONE);
        },
        "spec.targetNode",
        &["podAffinity wants a pod of app=orders"],
    ),
];

/// What is admitted, and how the world comes to it.
type Admitted = (&'static str, fn(&mut World));

pub(super) const ADMITTED: &[Admitted] = &[
    ("node affinity that is met", |w| {
        node_affinity(w, json!({"key": "disk", "operator": "In", "values": ["fast"]}));
    }),
    ("a number that is large enough", |w| {
        w.nodes[1]["metadata"]["labels"]["cores"] = "8".into();
        node_affinity(w, json!({"key": "cores", "operator": "Gt", "values": ["4"]}));
    }),
    ("what an earlier move added", |w| {
        w.pod["metadata"]["annotations"]["migration.ms2m.io/restore"] = "k-1-0".into();
        w.pod["spec"]["affinity"] = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
            {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-a"]}]}]}}});
    }),
    ("a taint that is tolerated", |w| {
        taint(
            w,
            json!({"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}),
        );
        w.pod["spec"]["tolerations"] = json!([{"key": "dedicated", "operator": "Exists"}]);
    }),
    ("a taint that only advises", |w| {
        taint(w, json!({"key": "dedicated", "effect": "PreferNoSchedule"}));
    }),
    ("a spread that is kept, since the source leaves its zone", |w| {
        pods(w, &[("orders", "node-c"), ("orders", "node-b")]);
        spread(w, json!({}));
    }),
    ("a spread that is only wished for", |w| {
        pods(w, &[("orders", "node-b"), ("orders", "node-b")]);
        spread(w, json!({"whenUnsatisfiable": "ScheduleAnyway"}));
    }),
    ("pods that have ended", |w| {
        pods(w, &[("orders", "node-b"), ("orders", "node-b")]);
        for pod in w.pods.as_mut().unwrap().iter_mut().skip(1) {
            pod["status"]["phase"] = "Succeeded".into();
        }
        spread(w, json!({}));
    }),
    ("neighbours that are elsewhere", |w| {
        pods(w, &[("cache", "node-c")]);
        affinity(w, "podAntiAffinity", "cache", ZONE);
    }),
    ("a neighbour that is there", |w| {
        pods(w, &[("cache", "node-b")]);
        affinity(w, "podAffinity", "cache", ZONE);
    }),
    ("others that were not looked at", |w| {
        zones(w);
        spread(w, json!({"maxSkew": 1}));
        affinity(w, "podAffinity", "cache", ZONE);
    }),
    ("the first of its kind, whose source goes first", |w| {
        pods(w, &[]);
        w.spec["migrationStrategy"] = "Sequential".into();
        affinity(w, "podAffinity", "orders", ZONE);
    }),
];
