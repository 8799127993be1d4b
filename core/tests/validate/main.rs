//! Every rule of admission: what breaks it, which field the refusal names, and what it says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test, a failed step is the verdict"
)]

mod placement;
mod reference;
mod source;
mod target;
mod world;

use k8s_openapi::api::core::v1::Pod;
use placement::{ADMITTED, PLACEMENT};
use serde_json::json;
use shadow_core::api::{Plan, StatefulMigrationSpec};
use shadow_core::names;
use shadow_core::validate::{Facts, another_node, default_spec};
use source::SOURCE;
use target::TARGET;
use world::*;

const STREAM_AND_MODES: &[(Break, &str, &[&str])] = &[
    (
        |w| {
            w.spec["brokerSecretRef"] = "s".into();
            no_annotations(w);
        },
        "spec.messageQueueConfig.queueName",
        &["no queue is named", names::QUEUE],
    ),
    (
        |w| {
            w.spec["messageQueueConfig"] = json!({"queueName": "q"});
            no_annotations(w);
        },
        "spec.brokerSecretRef",
        &["no broker is named", "managementUri", names::BROKER_SECRET],
    ),
    (
        |w| w.spec["messageQueueConfig"] = json!({"brokerUrl": "amqp://h"}),
        "spec.messageQueueConfig.brokerUrl",
        &["names no user", "amqp://guest:guest@host"],
    ),
    (
        |w| {
            w.spec["handoff"] = "Live".into();
            w.spec["migrationStrategy"] = "Sequential".into();
        },
        "spec.handoff",
        &["Live", "Sequential", "not possible"],
    ),
    (
        |w| w.spec["maxPause"] = "2 seconds".into(),
        "spec.maxPause",
        &["\"2 seconds\" is not a time", "such as 1500ms"],
    ),
    (
        |w| {
            w.spec["handoff"] = "Live".into();
            claimed(w, json!(["ReadWriteOnce"]));
        },
        "spec.handoff",
        &["Live is not possible", "data-orders-0", "Leave spec.handoff out"],
    ),
    (
        |w| w.spec["transferMode"] = "Registry".into(),
        "spec.checkpointImageRepository",
        &["need a repository", "host[:port]/path"],
    ),
    (
        |w| {
            w.spec["transferMode"] = "Registry".into();
            w.spec["checkpointImageRepository"] = "https://r.example.org/a".into();
        },
        "spec.checkpointImageRepository",
        &["scheme", "host[:port]/path"],
    ),
];

const BY_IMAGE: &[(Break, &str, &[&str])] = &[
    (
        |w| w.spec["transferMode"] = "Direct".into(),
        "spec.transferMode",
        &["registry", "use Registry"],
    ),
    (
        |w| w.spec["checkpointImageRepository"] = serde_json::Value::Null,
        "spec.checkpointImageRepository",
        &["restoreBackend Image need a repository"],
    ),
    (
        |w| w.spec["keepCheckpointImage"] = true.into(),
        "spec.keepCheckpointImage",
        &["restored from it a second time", "leave"],
    ),
    (
        second_container_named,
        "spec.restoreBackend",
        &["one container", "RuntimeClass"],
    ),
    (
        |w| w.nodes[1]["status"]["nodeInfo"]["containerRuntimeVersion"] = "cri-o://1.33.0".into(),
        "spec.restoreBackend",
        &["only containerd", "RuntimeClass"],
    ),
    (
        |w| {
            let bare = std::mem::replace(w, world());
            w.spec = bare.spec;
            w.spec["migrationStrategy"] = "Sequential".into();
        },
        "spec.restoreBackend",
        &["strategy Sequential", "RuntimeClass"],
    ),
];

fn second_container_named(w: &mut World) {
    second_container(w);
    w.spec["containerName"] = "orders".into();
}

fn each_is_refused_with_its_field(table: &[(Break, &str, &[&str])]) {
    each_is_refused_in(world, table);
}

fn each_is_refused_in(good: fn() -> World, table: &[(Break, &str, &[&str])]) {
    for (row, (spoil, field, words)) in table.iter().enumerate() {
        let mut world = good();
        spoil(&mut world);
        let (refusals, _) = reasons(world);
        assert_eq!(refusals.len(), 1, "row {row}: {refusals:?}");
        assert!(
            refusals[0].starts_with(&format!("{field}: ")),
            "row {row}: {refusals:?}"
        );
        let said = refusals[0].to_lowercase();
        for word in *words {
            assert!(
                said.contains(&word.to_lowercase()),
                "row {row} does not say {word:?}: {refusals:?}"
            );
        }
    }
}

#[test]
fn what_speaks_against_the_source_is_refused_with_its_field() {
    each_is_refused_with_its_field(SOURCE);
}

#[test]
fn what_speaks_against_the_target_is_refused_with_its_field() {
    each_is_refused_with_its_field(TARGET);
}

#[test]
fn missing_streams_and_unsupported_modes_are_refused_with_their_field() {
    each_is_refused_with_its_field(STREAM_AND_MODES);
}

fn world_by_image() -> World {
    let mut world = world();
    by_image(&mut world);
    world
}

#[test]
fn what_speaks_against_a_restore_by_image_is_refused_with_its_field() {
    each_is_refused_in(world_by_image, BY_IMAGE);
}

#[test]
fn a_restore_by_image_says_what_becomes_of_the_pod() {
    for (owned, said) in [
        (false, "no other pod is started"),
        (true, "its ReplicaSet then starts another"),
    ] {
        let mut good = world_by_image();
        if owned {
            let mut deployment = world();
            deployed(&mut deployment);
            deployment.spec = good.spec;
            good = deployment;
        }
        let (refusals, warnings) = reasons(good);
        assert_eq!(refusals, Vec::<String>::new());
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(
            warnings[0].contains("restartPolicy Never") && warnings[0].contains(said),
            "{warnings:?}"
        );
    }
}

#[test]
fn a_good_migration_passes_without_a_word() {
    assert_eq!(reasons(world()), (Vec::new(), Vec::new()));
}

#[test]
fn several_reasons_come_at_once() {
    let mut world = world();
    world.spec = json!({"sourcePod": "orders-0", "targetNode": "x", "transferMode": "Registry"});
    no_annotations(&mut world);
    let (refusals, _) = reasons(world);
    assert_eq!(refusals.len(), 4, "{refusals:?}");
}

/// What only looks like a hindrance.
const HARMLESS: &[Break] = &[
    |w| w.migrations.push(other("first", "orders-0", "Completed")),
    |w| w.migrations.push(other("first", "orders-0", "Failed")),
    |w| w.migrations.push(other("second", "orders-1", "Restoring")),
    |w| w.migrations.push(other("move", "orders-0", "Pending")),
    |w| {
        w.migrations
            .push(other_of_queue("orders-1", "orders.orders-1", "orders-broker"))
    },
    |w| {
        w.migrations
            .push(other_of_queue("orders-1", "orders.orders-0", "another-broker"))
    },
    |w| claimed(w, json!(["ReadWriteOnce", "ReadWriteMany"])),
    |w| claimed(w, json!(["ReadOnlyMany"])),
    // The volume moves with the pod: Sequential by itself.
    |w| claimed(w, json!(["ReadWriteOnce"])),
    |w| claimed(w, json!(["ReadWriteOncePod"])),
    |w| w.spec["migrationStrategy"] = "Sequential".into(),
    |w| w.spec["handoff"] = "Live".into(),
    deployed,
    bare,
    |w| {
        bare(w);
        w.pod["spec"]["containers"][0]["ports"][0]["hostPort"] = 80.into();
    },
    |w| {
        deployed(w);
        anti_affinity(w, json!({"matchLabels": {"app": "orders"}}));
    },
    |w| {
        let terms = json!([{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["fast"]}]}]);
        bound_to(
            w,
            json!({"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}}),
        );
    },
    |w| w.pod["spec"]["containers"][0]["resources"] = json!({"limits": {"cpu": "1", "memory": "1Gi"}}),
    |w| anti_affinity(w, json!({"matchLabels": {"app": "rabbitmq"}})),
    |w| {
        anti_affinity(
            w,
            json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["orders"]}]}),
        )
    },
    |w| w.pod["spec"]["runtimeClassName"] = "shadow".into(),
    |w| w.pod["spec"]["nodeSelector"] = json!({"disk": "fast"}),
    |w| {
        second_container(w);
        w.pod["metadata"]["annotations"][names::CONTAINER] = "orders".into();
    },
    |w| {
        no_annotations(w);
        w.owner["metadata"]["annotations"] = json!({names::QUEUE: "q", names::BROKER_SECRET: "s"});
    },
    |w| w.nodes[2]["spec"]["unschedulable"] = true.into(),
    |w| second_of_two(w, "Running", "OrderedReady"),
    |w| second_of_two(w, "Pending", "Parallel"),
    // Resized downwards, or as its template has it; and one whose limit came from its admission, as it will again.
    |w| resized(w, "32Mi"),
    |w| resized(w, "65536Ki"),
    |w| {
        resized(w, "128Mi");
        w.pod["metadata"]["managedFields"] = json!([{"manager": "autoscaler"}]);
    },
];

#[test]
fn what_only_looks_like_a_hindrance_passes() {
    for (row, change) in HARMLESS.iter().enumerate() {
        let mut world = world();
        change(&mut world);
        assert_eq!(reasons(world).0, Vec::<String>::new(), "row {row}");
    }
}

/// What is accepted, and the word by which the warning is known.
const WARNED: &[(Break, &str)] = &[
    (
        |w| w.spec["checkpointImageRepository"] = "r".into(),
        "spec.checkpointImageRepository",
    ),
    (
        |w| w.spec["checkpointImageSecretRef"] = "r".into(),
        "spec.checkpointImageSecretRef",
    ),
    (
        |w| {
            w.spec["transferMode"] = "Registry".into();
            w.spec["checkpointImageRepository"] = "r.example.org/a".into();
            w.spec["keepCheckpointImage"] = true.into();
        },
        "spec.keepCheckpointImage",
    ),
    (
        |w| w.spec["messageQueueConfig"] = json!({"brokerUrl": "amqp://u:secret@h"}),
        "spec.messageQueueConfig.brokerUrl",
    ),
    (
        |w| {
            w.spec["messageQueueConfig"] = json!({"brokerUrl": "amqp://u:secret@h"});
            w.spec["brokerSecretRef"] = "s".into();
        },
        "spec.messageQueueConfig.brokerUrl has no effect",
    ),
    (
        |w| w.pod["spec"]["volumes"][0] = json!({"name": "scratch", "emptyDir": {}}),
        "emptyDir",
    ),
    (
        |w| w.pod["spec"]["initContainers"] = json!([{"name": "purge"}]),
        "init containers run again in the copy while the source works (purge)",
    ),
    (
        |w| w.pod["spec"]["initContainers"] = json!([{"name": "proxy", "restartPolicy": "Always"}]),
        "sidecars start anew in the copy (proxy)",
    ),
    (
        |w| w.pod["spec"]["containers"][0]["lifecycle"] = json!({"postStart": {"exec": {"command": ["x"]}}}),
        "postStart",
    ),
];

#[test]
fn fields_without_effect_and_risks_are_warned_of() {
    for (row, (change, word)) in WARNED.iter().enumerate() {
        let mut world = world();
        change(&mut world);
        let (refusals, warnings) = reasons(world);
        assert_eq!(
            (refusals.len(), warnings.len()),
            (0, 1),
            "row {row}: {refusals:?} {warnings:?}"
        );
        assert!(warnings[0].contains(word), "row {row}: {warnings:?}");
        assert!(
            !warnings[0].contains("secret@"),
            "row {row} shows credentials: {warnings:?}"
        );
        assert!(
            warnings[0].len() <= 256,
            "row {row} would be cut off: {}",
            warnings[0].len()
        );
    }
}

#[test]
fn defaults_are_filled_in_and_nothing_said_is_overruled() {
    let pod: Pod = serde_json::from_value(world().pod).unwrap();
    let mut spec: StatefulMigrationSpec = serde_json::from_value(world().spec).unwrap();
    default_spec(&mut spec, Some(&pod));
    let expected = json!({
        "sourcePod": "orders-0", "targetNode": "node-b", "containerName": "orders", "deadlineSeconds": 120
    });
    assert_eq!(serde_json::to_value(&spec).unwrap(), expected);
    let again = spec.clone();
    default_spec(&mut spec, Some(&pod));
    assert_eq!(spec, again);

    let said = json!({"sourcePod": "orders-0", "containerName": "c", "handoff": "Live", "migrationStrategy": "Sequential",
        "transferMode": "Registry", "checkpointBackend": "Kubelet", "restoreBackend": "Image", "deadlineSeconds": 7});
    let mut spec: StatefulMigrationSpec = serde_json::from_value(said.clone()).unwrap();
    default_spec(&mut spec, Some(&pod));
    assert_eq!(serde_json::to_value(&spec).unwrap(), said);

    // It stays as it was written: the same manifest can be applied again.
    let blank = json!({"sourcePod": "orders-0", "containerName": ""});
    let mut spec: StatefulMigrationSpec = serde_json::from_value(blank).unwrap();
    default_spec(&mut spec, Some(&pod));
    assert_eq!(spec.container_name.as_deref(), Some(""));
}

/// A second handoff whose node takes no pods any more: the pod is on that node, as its stand-in.
#[test]
fn another_node_is_one_that_fits_and_was_not_tried_and_the_source_comes_last() {
    let another = |change: fn(&mut World), tried: &[&str]| {
        let mut world = world();
        world.pod["spec"]["nodeName"] = "node-b".into();
        change(&mut world);
        let facts = Facts {
            pod: serde_json::from_value(world.pod).unwrap(),
            nodes: world
                .nodes
                .into_iter()
                .map(|node| serde_json::from_value(node).unwrap())
                .collect(),
            ..Facts::default()
        };
        let plan = plan();
        let spec = serde_json::from_value(world.spec).unwrap();
        let tried: Vec<String> = tried.iter().map(|node| (*node).to_owned()).collect();
        another_node(&spec, &facts, &plan, &tried)
    };
    let none = |_: &mut World| ();
    let node = |name: &str| Some(name.to_owned());
    assert_eq!(another(none, &["node-b"]), node("node-c"));
    assert_eq!(another(none, &["node-b", "node-c"]), node("node-a"));
    assert_eq!(another(none, &["node-a", "node-b", "node-c"]), None);
    let cordoned: fn(&mut World) = |w| w.nodes[2]["spec"]["unschedulable"] = true.into();
    assert_eq!(another(cordoned, &["node-b"]), node("node-a"));
    let slow: fn(&mut World) = |w| w.pod["spec"]["nodeSelector"] = json!({"disk": "none"});
    assert_eq!(another(slow, &["node-b"]), None);
}

fn plan() -> Plan {
    serde_json::from_value(json!({
        "strategy": "ShadowPod", "because": "", "container": "orders", "checkpointBackend": "Runtime",
        "source": {"namespace": "default", "name": "orders-0", "uid": "u"}, "sourceNode": "node-a", "targetNode": "node-b",
        "queue": {"queue": "q", "quorum": false},
    }))
    .unwrap()
}

#[test]
fn a_place_that_the_pod_excludes_is_refused_with_the_rule() {
    each_is_refused_with_its_field(PLACEMENT);
}

#[test]
fn a_place_that_the_pod_admits_is_not_refused() {
    for (what, change) in ADMITTED {
        let mut world = world();
        change(&mut world);
        let (refusals, _) = reasons(world);
        assert!(refusals.is_empty(), "{what}: {refusals:?}");
    }
}
