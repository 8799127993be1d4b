//! Every rule of admission: what breaks it, which field the refusal names, and what it says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test, a failed step is the verdict"
)]

use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, json};
use shadow_core::api::{StatefulMigration, StatefulMigrationSpec};
use shadow_core::names;
use shadow_core::validate::{Facts, Requester, check, check_update, default_spec};

struct World {
    spec: Value,
    pod: Value,
    owner: Value,
    nodes: Vec<Value>,
    claims: Vec<Value>,
    migrations: Vec<Value>,
    requester: Requester,
}

fn node(name: &str) -> Value {
    let facts = json!({"agent": "0.1.0", "architecture": "x86_64", "kernel": "6.18.5", "criu": "4.2.1",
        "runtime": "runc 1.3.6", "cpuFeatures": "ab", "handler": true});
    json!({
        "metadata": {"name": name, "labels": {names::NODE_READY: "true", "disk": "fast"},
                     "annotations": {names::NODE_FACTS: facts.to_string()}},
        "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}
    })
}

fn world() -> World {
    let mut pod: Value = serde_json::from_str(include_str!("pod_as_returned.json")).unwrap();
    // The fixture's emptyDir is worth a warning; the good case has none.
    pod["spec"]["volumes"]
        .as_array_mut()
        .unwrap()
        .retain(|volume| volume.get("emptyDir").is_none());
    World {
        spec: json!({"sourcePod": "orders-0", "targetNode": "node-b"}),
        pod,
        owner: json!({"metadata": {"name": "orders"}}),
        nodes: vec![node("node-a"), node("node-b"), node("node-c")],
        claims: Vec::new(),
        migrations: Vec::new(),
        requester: Requester {
            user: "alice".into(),
            may_create_pods: true,
            may_delete_pods: true,
        },
    }
}

fn reasons(world: World) -> (Vec<String>, Vec<String>) {
    let spec: StatefulMigrationSpec = serde_json::from_value(world.spec).unwrap();
    let facts = Facts {
        pod: serde_json::from_value(world.pod).unwrap(),
        owner: serde_json::from_value(world.owner).unwrap(),
        nodes: world
            .nodes
            .into_iter()
            .map(|node| serde_json::from_value::<Node>(node).unwrap())
            .collect(),
        claims: world
            .claims
            .into_iter()
            .map(|claim| serde_json::from_value(claim).unwrap())
            .collect(),
        migrations: world.migrations.into_iter().map(migration).collect(),
        requester: Some(world.requester),
    };
    let report = check("move", "default", &spec, &facts);
    (
        report.refusals.iter().map(ToString::to_string).collect(),
        report.warnings,
    )
}

fn migration(value: Value) -> StatefulMigration {
    let mut whole = json!({"apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration"});
    whole
        .as_object_mut()
        .unwrap()
        .extend(value.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

fn other(name: &str, pod: &str, phase: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"sourcePod": pod}, "status": {"phase": phase}})
}

/// The pod's controlling owner becomes one of this kind.
fn owned_by(world: &mut World, kind: &str) {
    world.pod["metadata"]["ownerReferences"][0]["kind"] = kind.into();
}

fn claimed(world: &mut World, modes: Value) {
    let volume = json!({"name": "data", "persistentVolumeClaim": {"claimName": "data-orders-0"}});
    world.pod["spec"]["volumes"].as_array_mut().unwrap().push(volume);
    world
        .claims
        .push(json!({"metadata": {"name": "data-orders-0"}, "spec": {"accessModes": modes}}));
}

fn second_container(world: &mut World) {
    let mut sidecar = world.pod["spec"]["containers"][0].clone();
    sidecar["name"] = "sidecar".into();
    world.pod["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(sidecar);
}

fn anti_affinity(world: &mut World, selector: Value) {
    world.pod["spec"]["affinity"] = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "kubernetes.io/hostname", "labelSelector": selector}]}});
}

fn no_annotations(world: &mut World) {
    world.pod["metadata"]["annotations"] = json!({});
}

type Break = fn(&mut World);

/// What breaks the rule, the field named, and words of the message (reason and way out).
const SOURCE: &[(Break, &str, &[&str])] = &[
    (
        |w| w.pod = Value::Null,
        "spec.sourcePod",
        &[
            "\"orders-0\" does not exist in namespace \"default\"",
            "kubectl -n default get pods",
        ],
    ),
    (
        |w| w.pod["status"]["phase"] = "Pending".into(),
        "spec.sourcePod",
        &["is Pending, not Running"],
    ),
    (
        |w| w.pod["metadata"]["deletionTimestamp"] = "2026-11-21T10:00:00Z".into(),
        "spec.sourcePod",
        &["is being deleted", "wait"],
    ),
    (
        |w| owned_by(w, "DaemonSet"),
        "spec.sourcePod",
        &["DaemonSet \"orders\"", "nothing to move"],
    ),
    (
        |w| owned_by(w, "Job"),
        "spec.sourcePod",
        &["Job \"orders\"", "run to their end"],
    ),
    (
        |w| owned_by(w, "ReplicaSet"),
        "spec.sourcePod",
        &["ReplicaSet", "Deployment", "StatefulSets only"],
    ),
    (|w| owned_by(w, "Node"), "spec.sourcePod", &["static pod"]),
    (
        |w| owned_by(w, "Workflow"),
        "spec.sourcePod",
        &["Workflow", "not known here"],
    ),
    (
        |w| w.pod["metadata"]["annotations"]["kubernetes.io/config.mirror"] = "x".into(),
        "spec.sourcePod",
        &["static pod"],
    ),
    (
        |w| w.pod["metadata"]["ownerReferences"] = json!([]),
        "spec.sourcePod",
        &["has no owner", "StatefulSets"],
    ),
    (
        |w| w.pod["metadata"]["labels"][names::ROLE] = "shadow".into(),
        "spec.sourcePod",
        &["stands in for another"],
    ),
    (
        |w| w.migrations.push(other("first", "orders-0", "Restoring")),
        "spec.sourcePod",
        &["\"first\"", "Restoring", "spec.cancel"],
    ),
    (
        |w| w.requester.may_delete_pods = false,
        "spec.sourcePod",
        &["\"alice\" may not delete pods", "Role"],
    ),
    (
        |w| w.requester.may_create_pods = false,
        "spec.sourcePod",
        &["may not create pods"],
    ),
    (
        |w| w.pod["spec"]["runtimeClassName"] = "gvisor".into(),
        "spec.sourcePod",
        &["RuntimeClass \"gvisor\""],
    ),
    (
        |w| w.pod["spec"]["hostNetwork"] = true.into(),
        "spec.sourcePod",
        &["node's network"],
    ),
    (
        |w| w.pod["spec"]["containers"][0]["ports"][0]["hostPort"] = 80.into(),
        "spec.sourcePod",
        &["host port 80", "Service"],
    ),
    (
        |w| w.pod["metadata"]["name"] = "a".repeat(60).into(),
        "spec.sourcePod",
        &["exceeds 63"],
    ),
    (
        |w| anti_affinity(w, json!({"matchLabels": {"app": "orders"}})),
        "spec.sourcePod",
        &["podAntiAffinity", "preferred"],
    ),
    (
        |w| {
            anti_affinity(
                w,
                json!({"matchExpressions": [{"key": "app", "operator": "Exists"}]}),
            )
        },
        "spec.sourcePod",
        &["podAntiAffinity"],
    ),
    (
        |w| claimed(w, json!(["ReadWriteOnce"])),
        "spec.sourcePod",
        &["\"data-orders-0\"", "Sequential", "ReadWriteMany"],
    ),
    (
        |w| claimed(w, json!(["ReadWriteOncePod"])),
        "spec.sourcePod",
        &["one node at a time"],
    ),
    (
        |w| {
            claimed(w, json!([]));
            w.claims.clear();
        },
        "spec.sourcePod",
        &["cannot be found"],
    ),
    (
        second_container,
        "spec.containerName",
        &["2 containers and none is named", "pick one of orders, sidecar"],
    ),
    (
        |w| w.spec["containerName"] = "nope".into(),
        "spec.containerName",
        &["no container \"nope\"", "orders"],
    ),
    (
        |w| {
            w.pod["status"]["containerStatuses"][0]["state"] =
                json!({"waiting": {"reason": "CrashLoopBackOff"}})
        },
        "spec.containerName",
        &["is not running"],
    ),
];

const TARGET: &[(Break, &str, &[&str])] = &[
    (
        |w| {
            w.spec.as_object_mut().unwrap().remove("targetNode");
        },
        "spec.targetNode",
        &["no node is named", "pick one of node-b, node-c"],
    ),
    (
        |w| w.spec["targetNode"] = "x".into(),
        "spec.targetNode",
        &["node \"x\" does not exist; pick one of node-b, node-c"],
    ),
    (
        |w| w.spec["targetNode"] = "node-a".into(),
        "spec.targetNode",
        &["already runs on node \"node-a\"; pick one of"],
    ),
    (
        |w| w.nodes[1]["metadata"]["labels"] = json!({}),
        "spec.targetNode",
        &["not ready for restores", "pick node-c"],
    ),
    (
        |w| w.nodes[1]["spec"]["unschedulable"] = true.into(),
        "spec.targetNode",
        &["cordoned; kubectl uncordon node-b", "pick node-c"],
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
        |w| w.spec["handoff"] = "Live".into(),
        "spec.handoff",
        &["not supported in this version", "Hold"],
    ),
    (
        |w| w.spec["migrationStrategy"] = "Sequential".into(),
        "spec.migrationStrategy",
        &["not supported", "ShadowPod"],
    ),
    (
        |w| w.spec["transferMode"] = "Registry".into(),
        "spec.checkpointImageRepository",
        &["needs a repository", "host[:port]/path"],
    ),
    (
        |w| {
            w.spec["transferMode"] = "Registry".into();
            w.spec["checkpointImageRepository"] = "https://r.example.org/a".into();
        },
        "spec.checkpointImageRepository",
        &["scheme", "host[:port]/path"],
    ),
    (
        |w| w.spec["restoreBackend"] = "Image".into(),
        "spec.restoreBackend",
        &["not supported", "RuntimeClass"],
    ),
];

fn each_is_refused_with_its_field(table: &[(Break, &str, &[&str])]) {
    for (row, (spoil, field, words)) in table.iter().enumerate() {
        let mut world = world();
        spoil(&mut world);
        let (refusals, _) = reasons(world);
        assert_eq!(refusals.len(), 1, "row {row}: {refusals:?}");
        assert!(
            refusals[0].starts_with(&format!("{field}: ")),
            "row {row}: {refusals:?}"
        );
        for word in *words {
            assert!(
                refusals[0].contains(word),
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

#[test]
fn a_good_migration_passes_without_a_word() {
    assert_eq!(reasons(world()), (Vec::new(), Vec::new()));
}

#[test]
fn several_reasons_come_at_once() {
    let mut world = world();
    world.spec = json!({"sourcePod": "orders-0", "targetNode": "x", "handoff": "Live"});
    no_annotations(&mut world);
    let (refusals, _) = reasons(world);
    assert_eq!(refusals.len(), 4, "{refusals:?}");
}

#[test]
fn what_only_looks_like_a_hindrance_passes() {
    let table: &[Break] = &[
        |w| w.migrations.push(other("first", "orders-0", "Completed")),
        |w| w.migrations.push(other("first", "orders-0", "Failed")),
        |w| w.migrations.push(other("second", "orders-1", "Restoring")),
        |w| w.migrations.push(other("move", "orders-0", "Pending")),
        |w| claimed(w, json!(["ReadWriteOnce", "ReadWriteMany"])),
        |w| claimed(w, json!(["ReadOnlyMany"])),
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
    ];
    for (row, change) in table.iter().enumerate() {
        let mut world = world();
        change(&mut world);
        assert_eq!(reasons(world).0, Vec::<String>::new(), "row {row}");
    }
}

#[test]
fn fields_without_effect_and_risks_are_warned_of() {
    let table: &[(Break, &str)] = &[
        (
            |w| w.spec["replayCutoffSeconds"] = 30.into(),
            "spec.replayCutoffSeconds",
        ),
        (|w| w.spec["replayMode"] = "Cutoff".into(), "spec.replayMode"),
        (
            |w| w.spec["identitySwapMode"] = "ExchangeFence".into(),
            "spec.identitySwapMode",
        ),
        (
            |w| w.spec["checkpointImageRepository"] = "r".into(),
            "spec.checkpointImageRepository",
        ),
        (
            |w| w.spec["messageQueueConfig"] = json!({"brokerUrl": "amqp://u:secret@h"}),
            "spec.messageQueueConfig.brokerUrl",
        ),
        (
            |w| w.pod["spec"]["volumes"][0] = json!({"name": "scratch", "emptyDir": {}}),
            "emptyDir",
        ),
        (
            |w| w.pod["spec"]["volumes"][0] = json!({"name": "host", "hostPath": {"path": "/x"}}),
            "hostPath",
        ),
        (
            |w| {
                w.pod["spec"]["containers"][0]["lifecycle"] =
                    json!({"postStart": {"exec": {"command": ["x"]}}})
            },
            "postStart",
        ),
    ];
    each_is_warned_of(table);
}

#[test]
fn images_in_a_registry_are_warned_of_where_they_have_no_effect_or_stay() {
    each_is_warned_of(&[
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
    ]);
}

fn each_is_warned_of(table: &[(Break, &str)]) {
    for (row, (change, word)) in table.iter().enumerate() {
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
        "sourcePod": "orders-0", "targetNode": "node-b", "containerName": "orders", "handoff": "Hold",
        "migrationStrategy": "ShadowPod", "transferMode": "Direct", "checkpointBackend": "Runtime",
        "restoreBackend": "RuntimeClass", "deadlineSeconds": 120
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
}

#[test]
fn only_cancel_may_change() {
    let old: StatefulMigrationSpec = serde_json::from_value(world().spec).unwrap();
    let cancelled = StatefulMigrationSpec {
        cancel: true,
        ..old.clone()
    };
    assert!(check_update(&old, &old).is_ok());
    assert!(check_update(&old, &cancelled).is_ok());
    assert!(
        check_update(&cancelled, &old)
            .reasons()
            .starts_with("spec.cancel: ")
    );
    let moved = StatefulMigrationSpec {
        target_node: Some("node-c".into()),
        ..cancelled
    };
    assert!(
        check_update(&old, &moved)
            .reasons()
            .starts_with("spec: it is immutable but for cancel")
    );
}
